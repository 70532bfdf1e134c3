"""Methods of a table compared: heights by hand, which seeds and cells count, tests and verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.pareto.contrasts import PAPER, STRICT, Contrasts, Heights, contrasted, split_of
from orchestrator.pareto.verdicts import Verdict

WIDTH = 0.15

Cells = dict[str, list[tuple[float, float]]]
"""Union accuracy and sacrifice of each cell of a method."""


def table_of(cells: Cells, *, seeds: int = 2, noise: float = 0.0) -> pd.DataFrame:
    """One row a trial, with the same noise on a seed's unions; the score is half the union."""
    shifts = noise * np.random.default_rng(0).normal(size=(seeds, len(cells)))
    rows = [
        {
            "trial_id": f"t{method}{cell}{seed}",
            "method": method,
            "seed": seed,
            "status": "done",
            "split": "test",
            "union_accuracy": union + shifts[seed, at],
            "robustness_score": union / 2,
            "sacrificed_accuracy": sacrifice,
            "constant_accuracy": 0.1,
            "collapsed": False,
            "on_front": False,
            "rho": float(cell),
        }
        for at, (method, points) in enumerate(cells.items())
        for cell, (union, sacrifice) in enumerate(points)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def changed(table: pd.DataFrame, trial_id: str, **values: Any) -> pd.DataFrame:
    table = table.copy()
    for name, value in values.items():
        table.loc[table["trial_id"] == trial_id, name] = value
    return table


def compared(
    table: pd.DataFrame,
    *pairs: tuple[str, str | None],
    margin: float = 0.005,
    is_complete: bool = True,
    controls: tuple[str, ...] = (),
) -> Any:
    return contrasted(
        table,
        pairs=pairs,
        margin=margin,
        largest_sacrifice=WIDTH,
        choosing=table,
        controls=controls,
        reference="standard",
        is_complete=is_complete,
    )


TWO: Cells = {"pareto": [(0.4, 0.05), (0.2, 0.0)], "average": [(0.3, 0.03)]}


def test_a_height_is_the_hypervolume_over_the_sacrifice() -> None:
    heights = Heights(table_of(TWO), STRICT, largest_sacrifice=WIDTH)
    assert heights.methods == ["average", "pareto"]
    both = (0.4 * 0.10 + 0.2 * 0.05) / WIDTH
    assert heights.of("pareto", [0, 1], chosen=2) == pytest.approx((both, both))
    alone = (0.4 * 0.10 + 0.2 * 0.15) / 2 / WIDTH
    assert heights.of("pareto", [0], chosen=1) == pytest.approx((alone,))
    paper = Heights(table_of(TWO), PAPER, largest_sacrifice=WIDTH)
    assert paper.of("pareto", [0], chosen=2) == pytest.approx((both / 2,))


def test_natural_accuracy_above_the_standard_ones_holds_no_more_than_the_interval() -> None:
    """A cell of union u that sacrifices nothing, or less, is worth u, however much less it is."""
    for sacrifice in (0.0, -0.01, -0.4):
        gaining = {"pareto": [(0.4, sacrifice)], "average": [(0.4, 0.0)]}
        heights = Heights(table_of(gaining), STRICT, largest_sacrifice=WIDTH)
        assert heights.of("pareto", [0], chosen=1) == pytest.approx((0.4,))
        assert heights.difference("pareto", "average").mean == pytest.approx(0)


@pytest.mark.parametrize("seed", range(5))
def test_a_height_is_the_mean_of_the_front_over_the_acceptable_sacrifices(seed: int) -> None:
    """By the definition: the best union at no more than each sacrifice in [0, S], cell for cell,
    integrated piece by piece over its steps."""
    random = np.random.default_rng(seed)
    unions, sacrifices = random.uniform(0.2, 0.9, 12), random.uniform(-0.2, 0.3, 12)
    ends = np.unique(np.clip([0.0, WIDTH, *sacrifices], 0, WIDTH))
    best = [max(unions[sacrifices <= end], default=0.0) for end in ends[:-1]]
    expected = float(np.diff(ends) @ best) / WIDTH
    cells: Cells = {"pareto": list(zip(unions, sacrifices, strict=True))}
    heights = Heights(table_of(cells, seeds=1), STRICT, largest_sacrifice=WIDTH)
    assert heights.of("pareto", [0], chosen=12) == pytest.approx((expected,)), seed
    alone = heights.of("pareto", [0], chosen=1)[0]
    assert alone <= max(unions), f"{seed}: no cell is worth more than it attains"


def test_the_smaller_grid_says_how_many_cells_are_chosen() -> None:
    difference = Heights(table_of(TWO), STRICT, largest_sacrifice=WIDTH).difference(
        "pareto", "average"
    )
    assert (difference.cells, difference.chosen, difference.seeds) == ((2, 1), 1, (0, 1))
    expected = ((0.4 * 0.10 + 0.2 * 0.15) / 2 - 0.3 * 0.12) / WIDTH
    assert difference.mean == pytest.approx(expected)
    assert difference.by_seed == pytest.approx([expected] * 2)


def test_what_is_kept_off_counts_as_a_cell_and_holds_nothing() -> None:
    table = table_of(TWO)
    whole = Heights(table, STRICT, largest_sacrifice=WIDTH).of("pareto", [0], chosen=2)[0]
    only = 0.2 * 0.15 / WIDTH
    for kept_off in (
        {"collapsed": True},
        {"status": "failed", "union_accuracy": np.nan},
        {"status": "pruned", "union_accuracy": np.nan},
        {"union_accuracy": 0.1},  # as the constant classifier
        {"sacrificed_accuracy": 0.15},  # more than is accepted
    ):
        heights = Heights(changed(table, "tpareto00", **kept_off), STRICT, largest_sacrifice=WIDTH)
        assert heights.seeds("pareto") == {0, 1}
        assert heights.cells("pareto", [0]) == 2
        assert heights.of("pareto", [0, 1], chosen=2) == pytest.approx((only, whole)), kept_off
        assert heights.of("pareto", [0], chosen=1) == pytest.approx((only / 2,))


@pytest.mark.parametrize(
    "unknown",
    [
        {"status": "running", "union_accuracy": np.nan},
        {"status": "pending", "union_accuracy": np.nan},
        {"sacrificed_accuracy": np.nan},  # done, but the reference is not
    ],
)
def test_a_seed_that_is_not_whole_is_left_out(unknown: dict[str, Any]) -> None:
    table = changed(table_of(TWO), "tpareto01", **unknown)
    difference = Heights(table, STRICT, largest_sacrifice=WIDTH).difference("pareto", "average")
    assert (difference.seeds, difference.left_out) == ((0,), (1,))
    none = changed(table, "tpareto00", **unknown)
    difference = Heights(none, STRICT, largest_sacrifice=WIDTH).difference("pareto", "average")
    assert (difference.seeds, difference.mean, difference.interval(0.9)) == ((), None, None)


THREE: Cells = {
    "standard": [(0.0, 0.0)],
    "pareto": [(0.4, 0.02)],
    "weighted": [(0.4, 0.02)],
    "average": [(0.2, 0.02)],
    "pgd": [(0.3, 0.02)],
    "rt": [(0.15, 0.0)],
}
PRIMARY = (("pareto", "weighted"), ("pareto", "average"), ("pareto", None))


def verdicts(found: Contrasts) -> list[str]:
    return [contrast.judgement.verdict for contrast in found.primary]


def test_primary_contrasts_have_tests_and_the_others_none() -> None:
    found = compared(table_of(THREE, seeds=8, noise=0.002), *PRIMARY)
    assert found.best_other == "pgd"
    assert [c.difference.methods[1] for c in found.primary] == ["weighted", "average", "pgd"]
    assert {c.difference.front for c in found.primary} == {STRICT}
    assert verdicts(found) == [Verdict.EQUIVALENT, Verdict.BETTER, Verdict.BETTER]
    assert [c.p for c in found.primary[1:]] == [2 / 2**8] * 2
    assert [c.adjusted_p for c in found.primary[1:]] == [6 / 2**8] * 2
    pairs = {(it.front, frozenset(it.methods)) for it in found.others}
    assert len(pairs) == len(found.others) == 2 * 10 - 3  # 5 methods in pairs, on two fronts
    assert not any("standard" in pair for _, pair in pairs)
    assert found.chosen_on == "test"


def test_five_seeds_claim_no_difference() -> None:
    found = compared(table_of(THREE, seeds=5, noise=0.002), ("pareto", "average"))
    assert found.primary[0].p == 2 / 2**5
    assert verdicts(found) == [Verdict.UNDECIDED]
    assert verdicts(compared(table_of(THREE, seeds=4), ("pareto", "weighted"))) == ["undecided"]


def test_the_order_of_a_pair_is_the_sign() -> None:
    table = table_of(THREE, seeds=8, noise=0.002)
    assert verdicts(compared(table, ("average", "pareto"))) == [Verdict.WORSE]


def test_nothing_is_tested_on_images_that_choose() -> None:
    """Validation numbers have differences and intervals, and neither p nor verdict."""
    table = table_of(THREE, seeds=8, noise=0.002).assign(split="validation")
    table.loc[0, "split"] = None  # a trial that is to come
    found = compared(table, *PRIMARY)
    assert [(c.p, c.adjusted_p, c.judgement) for c in found.primary] == [(None, None, None)] * 3
    assert found.primary[1].difference.interval(0.95) is not None
    assert found.best_other == "pgd"


def test_nothing_is_tested_while_trials_are_left_to_do() -> None:
    """Though the table shows test numbers, as that of a sweep that selects by them does."""
    table = table_of(THREE, seeds=8, noise=0.002)
    found = compared(table, *PRIMARY, is_complete=False)
    assert [(c.p, c.adjusted_p, c.judgement) for c in found.primary] == [(None, None, None)] * 3
    assert [c.difference for c in found.primary] == [
        c.difference for c in compared(table, *PRIMARY).primary
    ]


def test_the_family_stays_as_it_was_named() -> None:
    """A contrast of which no seed is whole still counts."""
    table = table_of(THREE, seeds=8, noise=0.002)
    table.loc[table["method"] == "weighted", ["status", "union_accuracy"]] = ["pending", np.nan]
    found = compared(table, *PRIMARY)
    assert (found.primary[0].p, found.primary[0].adjusted_p) == (None, None)
    assert verdicts(found) == [Verdict.UNDECIDED, Verdict.BETTER, Verdict.BETTER]
    assert [c.adjusted_p for c in found.primary[1:]] == [6 / 2**8] * 2
    is_other = table["method"].isin(["pgd", "rt"])
    table.loc[is_other, ["status", "union_accuracy"]] = ["pending", np.nan]
    found = compared(table, *PRIMARY)
    assert found.best_other is None
    assert [c.adjusted_p for c in found.primary] == [None, 6 / 2**8]


def test_more_seeds_than_are_flipped_are_undecided_and_say_so() -> None:
    found = compared(table_of(THREE, seeds=41, noise=0.002), ("pareto", "average"))
    assert verdicts(found) == [Verdict.UNDECIDED]
    assert "more than 40 seeds" in found.primary[0].judgement.why


def test_the_best_other_has_as_many_random_cells_as_the_rest() -> None:
    many = {"pareto": [(0.4, 0.0)], "b": [(0.3, 0.0)] + [(0.1, 0.0)] * 9, "c": [(0.25, 0.0)]}
    assert compared(table_of(many), ("pareto", None)).best_other == "c"
    two = {**many, "c": [(0.2, 0.0), (0.19, 0.0)], "b": [(0.35, 0.0), *[(0.1, 0.0)] * 2]}
    assert compared(table_of(two), ("pareto", None)).best_other == "b", "2 of 3 have the best often"


def test_the_best_other_is_no_control() -> None:
    table = table_of({"pareto": [(0.4, 0.0)], "replayed": [(0.3, 0.0)], "pgd": [(0.2, 0.0)]})
    assert compared(table, ("pareto", None)).best_other == "replayed"
    assert compared(table, ("pareto", None), controls=("replayed",)).best_other == "pgd"


def test_of_methods_that_hold_nothing_nothing_is_said() -> None:
    """Alike in failing is not equivalent."""
    none = {"pareto": [(0.1, 0.0)], "average": [(0.05, 0.0)]}
    found = compared(table_of(none, seeds=8), ("pareto", "average"))
    assert verdicts(found) == [Verdict.UNDECIDED]
    assert found.primary[0].judgement.why.startswith("neither holds anything")
    assert found.primary[0].difference.is_empty
    assert found.primary[0].difference.interval(0.95) is None


def test_of_a_method_without_any_result_nothing_is_claimed() -> None:
    """A method that crashed is not worse; one that a rule ended, or of which a trial came to a
    result, is compared."""
    table = table_of(TWO, seeds=8)
    theirs = table["method"] == "average"
    numbers = ["union_accuracy", "robustness_score", "sacrificed_accuracy"]
    table.loc[theirs, "status"], table.loc[theirs, numbers] = "failed", np.nan
    (contrast,) = compared(table, ("pareto", "average")).primary
    assert contrast.judgement.verdict is Verdict.UNDECIDED
    assert contrast.judgement.why.startswith("no trial of average came to a result: all failed")
    assert contrast.difference.interval(0.9) is None
    last = theirs & (table["seed"] == 7)
    for status, value in (("done", 0.1), ("pruned", np.nan)):
        table.loc[last, "status"], table.loc[last, numbers] = status, value
        (contrast,) = compared(table, ("pareto", "average")).primary
        assert contrast.judgement.verdict is Verdict.BETTER


def test_two_tables_are_paired_by_seed() -> None:
    first, second = table_of(TWO, seeds=3), table_of(TWO, seeds=2)
    ours, theirs = (Heights(each, STRICT, largest_sacrifice=WIDTH) for each in (first, second))
    difference = ours.difference("pareto", "average", theirs)
    assert difference.seeds == (0, 1)
    assert difference.mean == ours.difference("pareto", "average").mean
    assert ours.difference("pareto", "pareto", theirs).mean == 0


def test_nothing_is_done_to_the_table() -> None:
    table = table_of(THREE, seeds=3)
    before = table.copy(deep=True)
    compared(table, *PRIMARY)
    pd.testing.assert_frame_equal(table, before)


def test_the_images_are_named() -> None:
    table = table_of(TWO)
    assert split_of(table) == "test"
    assert split_of(changed(table, "tpareto00", split="validation")) == "test and validation"
    assert split_of(table.drop(columns="split")) == ""
