"""Size and time of pages: `python -m tests.bench.pages`.

The page of a table of trials, from the table in memory to the file, and from there to a browser
that has drawn it and answers: by the clock of the page, from its navigation on. Beside it the
charting library alone, which every such page has in it. Without Chromium nothing is opened.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.page.document import charting_library, document
from orchestrator.page.fronts import fronts_over
from orchestrator.page.of_table import page_of_table
from orchestrator.page.view import Page
from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives

SIZES = ((200, 5), (1_000, 1))
"""Cells and seeds."""

METHODS = ("pgd", "average", "pareto", "trades", "ramp")
CATEGORIES = ("pgd", "flow", "rt")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def table_of(cells: int, seeds: int) -> pd.DataFrame:
    """A table of trials with the columns of a sweep's, whose robustness costs accuracy."""
    random = np.random.default_rng(0)
    count = cells * seeds
    cell = np.repeat(np.arange(cells), seeds)
    strength = random.random(cells)[cell]
    noise = 0.02 * random.normal(size=(count, 8))
    natural = 0.98 - 0.1 * strength**2 + noise[:, 0]
    robust = 0.2 + 0.4 * strength[:, None] + noise[:, 1:4]
    worst = robust - 0.1 + noise[:, 4:7]
    return pd.DataFrame(
        {
            "trial_id": [f"t{at:016x}" for at in range(count)],
            "method": np.array(METHODS)[cell % len(METHODS)],
            "seed": np.tile(np.arange(seeds), cells),
            "status": "done",
            "split": "test",
            "natural_accuracy": natural,
            **{f"robust_accuracy_{it}": robust[:, at] for at, it in enumerate(CATEGORIES)},
            **{f"worst_{it}": worst[:, at] for at, it in enumerate(CATEGORIES)},
            "union_accuracy": worst.min(axis=1) - 0.05,
            "robustness_score": robust.mean(axis=1) - 0.2,
            "sacrificed_accuracy": 0.98 - natural,
            "seconds": 100 * random.random(count),
            "training_passes": random.integers(10**5, 10**6, count),
            "evaluation_passes": random.integers(10**5, 10**6, count),
            "on_front": False,
            "rho": strength,
            "training.radius_scale": random.random(cells)[cell],
        }
    )


def page_of(table: pd.DataFrame) -> Page:
    """The page of a table, as the command makes it."""
    objectives = parse_objectives(DEFAULT_OBJECTIVES)
    known = Answers(why_not="a table has no answers to single images")
    front = extract_front(
        table, objectives=objectives, reference_point=(0.0, 1.0), keep_collapsed=False
    )
    return page_of_table(
        "trials.csv",
        table,
        fronts_over(table, with_certainty(front, table, known), known),
        command="python -m orchestrator.report trials.csv",
        versions=(),
        written="",
    )


def opened(data: bytes, *, rounds: int) -> list[float]:
    """Open a page in a browser; seconds until it is drawn and answers, one a round."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    found = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        path.write_bytes(data)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(rounds):
            page = browser.new_page()
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-ready]", state="attached")
            found.append(page.evaluate("Number(document.documentElement.dataset.ready)") / 1000)
            page.close()
        browser.close()
    return found


def measured(cells: int, seeds: int, *, rounds: int) -> dict[str, Any]:
    """Size and times of one page; of the seconds until it is open the median."""
    library = len(charting_library())
    table = table_of(cells, seeds)
    began, used = time.perf_counter(), time.process_time()
    page = page_of(table)
    said = time.perf_counter()
    data = document(page)
    return {
        "cells": cells,
        "seeds": seeds,
        "bytes": len(data),
        "library_bytes": library,
        "seconds_said": said - began,
        "seconds_written": time.perf_counter() - said,
        "cpu_seconds": time.process_time() - used,
        "seconds_open": statistics.median(opened(data, rounds=rounds)) if CHROMIUM else None,
    }


def main() -> None:
    """Print a row a page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [measured(*size, rounds=options.rounds) for size in SIZES]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items() if value is not None))


if __name__ == "__main__":
    main()
