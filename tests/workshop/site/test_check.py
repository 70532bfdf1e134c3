"""Links that lead nowhere and things fetched from elsewhere are found in a built site."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workshop.site.check import problems
from tests.workshop.site.references import link_names


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "api").mkdir()
    (tmp_path / "s.js").touch()
    (tmp_path / "index.html").write_text('<h1 id="top">A</h1><script src="s.js"></script>')
    return tmp_path


@pytest.mark.parametrize(
    "link", ["../index.html", "../index.html#top", "#here", "https://x.org", "mailto:a@x.org"]
)
def test_links_that_lead_somewhere(site: Path, link: str) -> None:
    (site / "api/a.html").write_text(f'<p id="here"><a href="{link}">x</a></p>')
    assert list(problems(site)) == []


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("index.html", "there is no api/index.html"),
        ("../index.html#low", "index.html has no such place"),
        ("#there", "api/a.html has no such place"),
    ],
)
def test_links_that_lead_nowhere(site: Path, link: str, problem: str) -> None:
    (site / "api/a.html").write_text(f'<p id="here"><a href="{link}">x</a></p>')
    assert list(problems(site)) == [f"api/a.html: links to {link}, and {problem}"]


@pytest.mark.parametrize(
    "element",
    [
        '<script src="https://cdn.org/s.js"></script>',
        '<link rel="stylesheet" href="//fonts.org/f.css">',
        '<img src="http://x.org/i.png">',
    ],
)
def test_what_is_fetched_from_elsewhere(site: Path, element: str) -> None:
    (site / "api/a.html").write_text(element)
    (problem,) = problems(site)
    assert problem.startswith("api/a.html: fetches ")


def test_names_lead_to_what_they_name(site: Path) -> None:
    (site / "api/a.html").write_text('<h2 id="trainer.a.B">B</h2><code>trainer.a.B</code>')
    text = '<code>trainer.a.B</code> <a href="#x"><code>trainer.a.B</code></a> <code>trainer</code>'
    (site / "index.html").write_text(text)
    link_names(site)
    first = '<a href="api/a.html#trainer.a.B"><code>trainer.a.B</code></a>'
    assert (site / "index.html").read_text() == text.replace("<code>trainer.a.B</code>", first, 1)
    assert '<a href="a.html#trainer.a.B">' in (site / "api/a.html").read_text()
