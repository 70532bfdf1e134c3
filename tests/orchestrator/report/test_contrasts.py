"""Comparisons as files and lines: numbers as they were found, and what they stand on."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.report.contrasts import (
    CONTRAST_FILES,
    Comparison,
    compared,
    reach_record,
    reach_text,
    write_contrasts,
)
from orchestrator.results.reevaluation import Coverage
from orchestrator.results.table_files import read_csv
from tests.orchestrator.pareto.test_contrasts import PRIMARY, THREE, table_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "statistics.md"


def comparison_of(
    table: pd.DataFrame,
    *pairs: tuple[str, str | None],
    suite_file: str | None = None,
    is_claim_suite: bool = False,
    is_complete: bool = True,
) -> Comparison:
    covered = None
    if suite_file is not None:
        covered = Coverage(
            suite_file=suite_file,
            suite_id="e0",
            trials=1,
            own=1,
            evaluated=1,
            off_front=None,
            front_of=None,
            lacking={},
        )
    return compared(
        table,
        pairs=pairs,
        margin=0.005,
        largest_sacrifice=0.15,
        choosing=table,
        controls=(),
        reference="standard",
        covered=covered,
        is_claim_suite=is_claim_suite,
        is_exploratory=False,
        is_complete=is_complete,
    )


def test_the_record_has_all_that_a_claim_takes(tmp_path: Path) -> None:
    found = comparison_of(table_of(THREE, seeds=8, noise=0.002), *PRIMARY)
    paths = write_contrasts(found, tmp_path)
    assert [path.name for path in paths] == list(CONTRAST_FILES)
    record = json.loads(paths[0].read_text())
    assert record == json.loads(json.dumps(found.record()))
    assert record["stands_on"]["suite"] == "the sweep's own suite, which is no claim suite"
    assert not record["stands_on"]["is_claim_suite"]
    assert record["stands_on"]["images"] == "test"
    assert record["stands_on"]["is_exploratory"] is False
    assert record["best_other"] == {"method": "pgd", "chosen_on": "test"}
    primary = record["primary"][1]
    assert primary["methods"] == ["pareto", "average"]
    assert primary["front"] == "strict"
    assert primary["seeds"] == list(range(8))
    assert (primary["p"], primary["adjusted_p"]) == (2 / 2**8, 6 / 2**8)
    assert primary["verdict"] == "better"
    by_seed = [a - b for a, b in zip(*primary["heights"], strict=True)]
    assert primary["differences"] == pytest.approx(by_seed)
    assert primary["mean"] == pytest.approx(sum(by_seed) / 8)
    (low_90, high_90), (low_95, high_95) = primary["interval_90"], primary["interval_95"]
    assert low_95 < low_90 < primary["mean"] < high_90 < high_95
    assert all({"p", "verdict"}.isdisjoint(other) for other in record["others"])
    still = comparison_of(table_of(THREE), *PRIMARY).record()["surroundings"]
    counts = {"dominated": 2, "dominating": 0, "beside": 2, "left_out": 0, "own_front": 1}
    assert still[0] == {"front": "strict", "method": "pareto", **counts} | {"all_dominated": False}
    assert [each["front"] for each in still] == ["strict", "paper"]


def test_the_table_reads_back(tmp_path: Path) -> None:
    found = comparison_of(table_of(THREE, seeds=8, noise=0.002), *PRIMARY)
    table = read_csv(write_contrasts(found, tmp_path)[1])
    assert len(table) == len(found.contrasts.primary) + len(found.contrasts.others)
    primary = table[table["is_primary"]]
    assert list(primary["verdict"]) == ["equivalent", "better", "better"]
    assert list(primary["mean"]) == [c.difference.mean for c in found.contrasts.primary]
    assert table[~table["is_primary"]]["p"].isna().all()


def test_each_column_is_explained(tmp_path: Path) -> None:
    found = comparison_of(table_of(THREE), *PRIMARY)
    (table,) = (
        part
        for part in DOCUMENT.read_text().split("\n\n")
        if part.startswith("| column | what it says |")
    )
    firsts = [line.split("|")[1] for line in table.splitlines()[2:]]
    explained = re.findall(r"`(\w+)`", " ".join(firsts))
    assert explained == list(read_csv(write_contrasts(found, tmp_path)[1]).columns)


def test_what_is_said_of_contrasts() -> None:
    found = comparison_of(table_of(THREE, seeds=8), ("pareto", "average"), ("pareto", None))
    lines = [text for _, text in found.lines()]
    assert lines[0].startswith("pareto against average: +17.33 points (95 %: +17.33 to +17.33), ")
    assert lines[0].endswith("8 seeds, p 0.00781, 0.0156 after Holm: better (p 0.0156 after Holm)")
    assert lines[1].startswith("pareto against weighted, the best other on test images: +0.00 ")
    assert "equivalent (the 90 % interval lies within the margin of 0.5 points)" in lines[1]
    assert "the mean over sacrifices up to 15 points" in lines[2]
    assert lines[3] == (
        "under the sweep's own suite, which is no claim suite, on test images and the sweep's own "
        "models, by which settings were also chosen"
    )
    assert lines[4] == (
        "so no claim is made: the suite is no claim suite, the models are not confirmed"
    )
    assert lines[5].startswith("on the strict front 2 of 4 are dominated by pareto's, 0 dominate")


def test_seeds_with_a_failed_trial_are_counted_beside_the_difference(tmp_path: Path) -> None:
    """It holds nothing there, as if its method did."""
    table = table_of(THREE, seeds=8)
    table.loc[(table["method"] == "pareto") & (table["seed"] == 3), "status"] = "failed"
    table.loc[table["status"] == "failed", "union_accuracy"] = None
    found = comparison_of(table, ("pareto", "average"))
    told = "8 seeds, in 1 of which a trial of pareto failed (it holds nothing there), p "
    assert told in next(found.lines())[1]
    assert found.record()["primary"][0]["seeds_with_failures"] == [[3], []]
    row = read_csv(write_contrasts(found, tmp_path)[1]).iloc[0]
    assert (row["seeds"], row["failed"], row["other_failed"]) == (8, 1, 0)


def test_on_validation_images_differences_are_told_and_no_verdict(tmp_path: Path) -> None:
    table = table_of(THREE, seeds=8).assign(split="validation")
    found = comparison_of(table, ("pareto", "average"))
    line = next(found.lines())[1]
    assert line.startswith("pareto against average: +17.33 points (95 %: +17.33 to +17.33), ")
    assert line.endswith("8 seeds; nothing is tested on validation images")
    (primary,) = found.record()["primary"]
    assert [primary[key] for key in ("p", "adjusted_p", "verdict")] == [None] * 3
    assert primary["why"] == "nothing is tested on validation images"
    rows = read_csv(write_contrasts(found, tmp_path)[1])
    assert list(rows[rows["is_primary"]]["other"]) == ["average"]
    assert rows["verdict"].isna().all()


def test_while_trials_are_left_to_do_differences_are_told_and_no_verdict() -> None:
    table = table_of(THREE, seeds=8)
    found = comparison_of(table, ("pareto", "average"), is_complete=False)
    why = "nothing is tested until no trial is left to do"
    assert next(found.lines())[1].endswith(f"8 seeds; {why}")
    (primary,) = found.record()["primary"]
    assert [primary[key] for key in ("p", "verdict", "why")] == [None, None, why]
    assert not found.record()["stands_on"]["is_complete"]


def test_what_is_not_tested_is_no_claim_whatever_it_stands_on() -> None:
    table = table_of(THREE, seeds=8)
    for part, is_complete in (("validation", True), ("test", False)):
        found = comparison_of(
            table.assign(split=part),
            ("pareto", "average"),
            suite_file="claim.yaml",
            is_claim_suite=True,
            is_complete=is_complete,
        )
        confirmed = replace(found, is_confirmed=True)
        assert confirmed.doubts == [found.untested]
        assert not confirmed.record()["stands_on"]["is_claim"]
    tested = comparison_of(table, ("pareto", "average"), is_claim_suite=True)
    assert replace(tested, is_confirmed=True).doubts == []


def test_a_method_without_a_front_and_cells_left_out_are_told() -> None:
    table = table_of(THREE)
    table["collapsed"] = table["method"].isin(["pareto", "rt"])
    told = [
        text for title, text in comparison_of(table, *PRIMARY).lines() if title == "other cells"
    ]
    assert told[0] == (
        "on the strict front there are 3, and none of pareto; 1 more lack a seed or hold nothing"
    )


def test_a_best_other_that_is_not_known_is_told() -> None:
    table = table_of(THREE, seeds=8)
    table.loc[table["method"].isin(["pgd", "rt"]), "status"] = "pending"
    found = comparison_of(table, *PRIMARY)
    assert found.record()["without_best_other"] == ["pareto"]
    assert (
        "contrast",
        "pareto against the best other: not known, for no other has all trials of a seed on test "
        "images",
    ) in list(found.lines())
    assert comparison_of(table_of(THREE), *PRIMARY).record()["without_best_other"] == []


def test_few_seeds_and_unequal_grids_say_so() -> None:
    cells = {"pareto": [(0.4, 0.0), (0.3, 0.0)], "average": [(0.2, 0.0)]}
    line = next(comparison_of(table_of(cells, seeds=2), ("pareto", "average")).lines())[1]
    assert "2 seeds, 1 random of 2 and 1 cells, p 0.5, 0.5 after Holm: undecided" in line
    assert line.endswith("(2 paired seeds, and nothing is claimed of fewer than 5)")
    pending = table_of(cells).assign(status="pending")
    line = next(comparison_of(pending, ("pareto", "average")).lines())[1]
    assert "no seed of which both have all trials: undecided (0 paired seeds" in line


@pytest.mark.parametrize(
    ("suite_file", "is_claim_suite", "words"),
    [
        (None, False, "under the sweep's own suite, which is no claim suite, on"),
        (None, True, "under the sweep's own claim suite, on"),
        ("claim_mine.yaml", False, "under the suite claim_mine.yaml, which is no claim suite, on"),
        ("strong.yaml", True, "under the claim suite strong.yaml, on"),
    ],
)
def test_the_suite_is_named_and_a_claim_suite_by_what_it_says_not_by_its_file(
    suite_file: str | None, is_claim_suite: bool, words: str
) -> None:
    found = comparison_of(
        table_of(THREE),
        ("pareto", "average"),
        suite_file=suite_file,
        is_claim_suite=is_claim_suite,
    )
    assert any(text.startswith(words) for _, text in found.lines())
    assert found.is_claim_suite == is_claim_suite


def test_without_pairs_nothing_is_said_and_the_files_are_there(tmp_path: Path) -> None:
    found = comparison_of(table_of({"standard": [(0.0, 0.0)]}))
    assert list(found.lines()) == []
    paths = write_contrasts(found, tmp_path)
    assert json.loads(paths[0].read_text())["primary"] == []
    assert len(read_csv(paths[1])) == 0


@pytest.mark.parametrize(
    ("pairs", "seeds", "raw", "adjusted", "needed"),
    [(3, 8, 0.0078125, 0.0234375, 7), (3, 5, 0.0625, 0.1875, 7), (1, 6, 0.03125, 0.03125, 6)],
)
def test_what_seeds_can_reach(
    pairs: int, seeds: int, raw: float, adjusted: float, needed: int
) -> None:
    named = PRIMARY[:pairs]
    record = reach_record(named, seeds)
    assert (record["smallest_p"], record["smallest_adjusted_p"]) == (raw, adjusted)
    assert record["seeds_needed"] == needed
    text = reach_text(named, seeds)
    assert f"with {seeds} seeds p can reach {raw:.3g}, {adjusted:.3g} after Holm" in text
    assert ("never a claim" in text) == (seeds < needed)
    assert reach_text((), seeds) == ""


def test_of_more_seeds_than_are_flipped_nothing_is_promised() -> None:
    assert reach_record(PRIMARY, 41)["smallest_p"] == 1
    assert reach_text(PRIMARY, 41).endswith(
        "with 41 seeds nothing is tested, which takes 40 at most"
    )
