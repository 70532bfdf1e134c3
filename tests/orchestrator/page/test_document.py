"""A page as a file: text stays text, scripts are the file's own, equal pages are equal bytes."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from orchestrator.page.document import document, number_text, script_json
from orchestrator.page.fronts import fronts_over
from orchestrator.page.of_table import page_of_table
from orchestrator.page.view import CurveView, Page
from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives
from tests.orchestrator.pareto.test_sure_front import NO_BITS, drawn

pytestmark = pytest.mark.slow

EVIL = "</script><img src=x onerror=alert(1)>\"'&amp;{{ 7 * 7 }}"
MOST_BYTES = 3_000_000


class Read(HTMLParser):
    """A page as a browser parses it: its elements, and the text of its scripts."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)

    def policy(self) -> str:
        (its,) = (it for tag, it in self.elements if it.get("http-equiv"))
        return its["content"] or ""


def page_of(table: pd.DataFrame, name: str = "trials.csv", known: Answers = NO_BITS) -> Page:
    objectives = parse_objectives(DEFAULT_OBJECTIVES)
    front = extract_front(
        table, objectives=objectives, reference_point=(0.0, 1.0), keep_collapsed=False
    )
    return page_of_table(
        name,
        table,
        fronts_over(table, with_certainty(front, table, known), known),
        command=f"python -m orchestrator.report {name}",
        versions=(("Python", "3"),),
        written="2026-01-01 00:00 UTC",
    )


def test_all_text_is_text_and_no_script_runs_but_the_files_own() -> None:
    table, _ = drawn()
    table["method"] = table["method"].replace({"far": EVIL})
    table = table.assign(rho=EVIL, failure=EVIL, warnings=EVIL)
    read = Read(document(page_of(table, EVIL)))
    assert "img" not in {tag for tag, _ in read.elements}
    assert not [its for _, its in read.elements if any(key.startswith("on") for key in its)]
    assert "".join(read.text).count(EVIL) > 3, "said as it was written, and nothing evaluated"
    data, library, own = read.scripts
    assert EVIL in json.loads(data)["methods"]
    sums = [b64encode(sha256(it.encode()).digest()).decode() for it in (library, own)]
    assert re.findall(r"'sha256-([^']+)'", read.policy()) == sums
    assert read.policy().startswith("default-src 'none'; ")
    assert "connect-src" not in read.policy(), "which default-src then forbids"
    linked = [it.get("src") or it.get("href") for _, it in read.elements]
    assert [it for it in linked if it and not it.startswith("#")] == [], "nothing is fetched"


def test_a_reader_of_the_page_alone_is_told_what_its_words_mean() -> None:
    said = dict(page_of(drawn()[0]).words)
    assert said["union accuracy (%)"] == "share of images that withstand every attack of the suite"
    assert said["robustness score (points)"].startswith("mean of robust accuracy, minus that of")
    assert "Sun, Li, Lin" in said["the paper"]
    assert not any("`" in text for text in said.values())
    assert "What the words mean" in document(page_of(drawn()[0])).decode()


def test_collapsed_seeds_are_told_beside_the_mean_that_they_are_in() -> None:
    table, _ = drawn()
    table["collapsed"] = (table["method"] == "far") & (table["seed"] < 2)
    text = document(page_of(table)).decode()
    assert '<td class="n">5, 2 collapsed</td>' in text
    assert text.count(" collapsed</td>") == 1


def test_cells_on_the_front_without_a_curve_are_counted() -> None:
    page = page_of(drawn()[0])
    on_front = sum(cell.marks[0].is_on_front for cell in page.tables[0].cells)
    curve = CurveView(cell="far", method="far", seeds=1, epochs=(1,), values={"loss/pgd": (1.0,)})
    assert on_front > 1
    few = document(replace(page, curves=(curve,))).decode()
    assert f"Lines, of 1 of the {on_front} cells on the front: far (1 seed)" in few
    assert "Lines: far" in document(replace(page, curves=(curve,) * on_front)).decode()


def test_numbers_have_two_decimals_unless_these_would_say_nothing() -> None:
    shown = [number_text(it) for it in (28.254, -0.14, -2.8e-15, 0.0014742, 249_000.0)]
    assert shown == ["28.25", "-0.14", "0.00", "0.0015", "249 k"]


def test_infinite_numbers_are_none() -> None:
    """Once an objective that is infinite was left out, and any other column broke the page off."""
    table, _ = drawn()
    table = table.assign(seconds=np.where(table["seed"] == 0, np.inf, 1.0), worst_pgd=-np.inf)
    read = Read(document(page_of(table)))
    assert "Infinity" not in read.scripts[0]


def test_an_equal_page_gives_equal_bytes() -> None:
    first, second = (document(page_of(drawn()[0])) for _ in range(2))
    assert first == second


def test_json_in_a_script_ends_it_nowhere() -> None:
    value = {"</script><!--": ["<img>", 1.5, None]}
    assert "<" not in script_json(value)
    assert json.loads(script_json(value)) == value
    with pytest.raises(ValueError, match="JSON compliant"):
        script_json(float("nan"))


def test_the_page_of_a_thousand_trials_is_below_three_megabytes() -> None:
    random = np.random.default_rng(0)
    count = 1000
    table = pd.DataFrame(
        {
            "trial_id": [f"t{at:016x}" for at in range(count)],
            "method": random.choice(["pgd", "average", "pareto", "trades", "ramp"], count),
            "seed": 0,
            "status": "done",
            "split": "test",
            "natural_accuracy": random.random(count),
            **{f"robust_accuracy_{it}": random.random(count) for it in ("pgd", "flow", "rt")},
            **{f"worst_{it}": random.random(count) for it in ("pgd", "flow", "rt")},
            "union_accuracy": random.random(count),
            "robustness_score": random.random(count),
            "sacrificed_accuracy": random.random(count),
            "seconds": random.random(count),
            "training_passes": random.integers(0, 10**6, count),
            "on_front": False,
            "rho": random.random(count),
            "training.radius_scale": random.random(count),
        }
    )
    data = document(page_of(table))
    assert len(data) < MOST_BYTES, len(data)
    assert data.count(b"<tr data-i=") == count
