"""The page in a real browser: what a reader does with it, and that it asks no network for anything.

Skipped where there is no Chromium.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.page.document import document
from orchestrator.page.view import Page
from tests.orchestrator.page.test_document import EVIL, page_of
from tests.orchestrator.pareto.test_sure_front import NO_BITS, drawn

sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright here")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]

MOST_SECONDS = 2.0
"""Within which a page is to be open; tests allow a machine three times as slow."""


@dataclass
class Tab:
    """A page that is open, and what it said and asked for."""

    page: Any
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: Path) -> None:
        its = self.page
        its.on("console", lambda message: self.said.append(message.text))
        its.on("pageerror", lambda error: self.said.append(str(error)))
        its.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))
        its.on("request", lambda request: self.requests.append(request.url))
        its.goto(path.as_uri())
        its.wait_for_selector("html[data-ready]", state="attached")

    def until(self, expression: str) -> None:
        """Wait until an expression is true; its policy lets nothing poll there."""
        end = time.monotonic() + 60
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, expression
            time.sleep(0.05)

    def assert_quiet(self) -> None:
        """Nothing was said to the console, and nothing asked for but the file itself."""
        assert self.said == []
        assert {url for url in self.requests if not url.startswith("file:")} == set()

    def texts(self, what: str) -> list[str]:
        found: list[str] = self.page.locator(what).all_inner_texts()
        return [text.strip() for text in found]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield Tab(context.new_page())
    context.close()


def written(page: Page, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_bytes(document(page))
    return path


def test_columns_sort_by_size_whatever_the_unit(tab: Tab, tmp_path: Path) -> None:
    table, answers = drawn()
    cost = {method: 9e4 * 10**at for at, method in enumerate(table["method"].unique())}
    table = table.assign(training_passes=table["method"].map(cost))
    tab.open(written(page_of(table, "sweep", answers), tmp_path))
    tab.page.locator("#cells thead th button", has_text="training passes").click()
    assert tab.texts("#cells tbody tr:visible th") == [*reversed(cost)], "900 k after 9 M"


def test_a_reader_hovers_switches_filters_and_sorts(tab: Tab, tmp_path: Path) -> None:
    table, answers = drawn()
    tab.open(written(page_of(table, "sweep", answers), tmp_path))
    page = tab.page
    assert page.evaluate("performance.now()") < 3 * 1000 * MOST_SECONDS
    points = page.locator("#front-chart .points_marks path")
    assert points.count() == 4
    assert page.locator("#front-chart .x_bars_marks line").count() == 4

    points.nth(1).hover()
    tip = page.locator("#tip")
    tip.wait_for()
    assert re.search(r"robustness score \(points\)\s*\S+ \[\S+, \S+\]", tip.inner_text())
    assert "5 of 5 seeds" in tip.inner_text()
    assert "undefined" not in tip.inner_text()
    points.nth(1).click()
    assert "t-" in page.locator("#picked table").inner_text()

    page.locator("#which").focus()
    page.keyboard.press("ArrowDown")  # by the keyboard alone
    assert page.locator("#front-title").inner_text().lower().startswith("the strict front")
    tab.until("document.querySelector('.y_title_marks').textContent.startsWith('union accuracy')")
    assert "union_accuracy 0, natural_accuracy 0" in page.locator("#sure").inner_text()
    page.select_option("#y", label="sacrificed natural accuracy (points)")
    assert page.locator("#note").inner_text().startswith("points: no front was made")
    assert page.locator("#front-chart .front_line_marks path").count() == 0
    page.select_option("#which", index=0)
    page.locator("#bars").uncheck()
    tab.until("document.querySelectorAll('.x_bars_marks line').length === 0")

    page.locator("label", has_text="far").locator("input").uncheck()
    tab.until("document.querySelectorAll('.points_marks path').length === 3")
    shown = "#cells tbody tr:visible"
    assert len(tab.texts(f"{shown} th")) == 3
    page.locator("#all").click()
    score = page.locator("#cells thead th button", has_text="robustness score")
    score.focus()
    page.keyboard.press("Enter")
    column = f"{shown} td:nth-child(6)"
    falling = [float(text.split()[0]) for text in tab.texts(column)]
    assert falling == sorted(falling, reverse=True)
    score.click()
    assert [float(text.split()[0]) for text in tab.texts(column)] == sorted(falling)
    assert page.locator("#cells th[aria-sort=ascending]").count() == 1
    page.locator(f"{shown} .open").first.press("Enter")
    assert page.locator("#cells tr.chosen").count() == 1

    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#theme").click()
    assert page.evaluate(ground) != light
    page.set_viewport_size({"width": 400, "height": 800})
    tab.until("document.documentElement.scrollWidth <= 400")  # nothing hangs over
    tab.until("document.querySelector('#front-chart svg').clientWidth <= 400")
    tab.assert_quiet()


def test_labels_are_text_and_a_page_without_a_front_says_so(tab: Tab, tmp_path: Path) -> None:
    table, _ = drawn()
    evil = table.assign(method=table["method"].replace({"far": EVIL}), failure=EVIL)
    tab.open(written(page_of(evil, EVIL), tmp_path))
    page = tab.page
    assert page.locator("h1").inner_text() == EVIL
    page.locator(".open", has_text=EVIL).click()
    assert EVIL in page.locator("#picked").inner_text()
    assert page.locator("img").count() == 0
    tab.open(written(page_of(table.assign(status="failed"), "failed"), tmp_path))
    assert page.locator("#front-chart").count() == 0
    assert "There is no front to draw" in page.locator("#front").inner_text()
    tab.open(written(page_of(table.assign(sacrificed_accuracy=0.1), "constant"), tmp_path))
    assert page.locator("#front-chart .points_marks path").count() == 4
    assert "is the same in every cell" in page.locator("#belief").inner_text()
    tab.assert_quiet()


def test_a_live_page_is_read_again_as_its_reader_left_it(tab: Tab, tmp_path: Path) -> None:
    table, _ = drawn()
    live = replace(page_of(table, "first", NO_BITS), is_live=True)
    tab.page.clock.install()
    tab.open(written(live, tmp_path))
    page = tab.page
    page.select_option("#which", index=1)
    page.locator("label", has_text="far").locator("input").uncheck()
    page.locator("#hold").check()
    written(replace(live, title="second"), tmp_path)
    page.clock.run_for(30_000)
    assert page.locator("h1").inner_text() == "first", "it is held"
    page.locator("#hold").uncheck()
    page.clock.run_for(11_000)
    page.locator("h1", has_text="second").wait_for()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("#front-title").inner_text().lower().startswith("the strict front")
    assert not page.locator("label", has_text="far").locator("input").is_checked()
    tab.assert_quiet()
    written(replace(live, title="over", is_live=False), tmp_path)
    page.clock.run_for(11_000)
    page.locator("h1", has_text="over").wait_for()
    assert page.locator(".live").count() == 0
