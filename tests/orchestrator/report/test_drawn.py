"""What is chosen of a table or a store for a paper's figures, before it is drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orchestrator.figures.appearance import Appearance
from orchestrator.pareto.front import extract_front
from orchestrator.report.drawn_of_store import radii_of
from orchestrator.report.drawn_of_table import draw_attacks, draw_attainment, draw_parallel
from orchestrator.report.sought import Sought
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives
from trainer.evaluation.suite import read_suite
from trainer.input.document import Document
from trainer.input.problems import InputError

TABLE = pd.DataFrame(
    {
        "trial_id": [f"t{k}" for k in range(4)],
        "method": ["standard", "pgd", "pareto", "pareto"],
        "seed": 0,
        "status": "done",
        "natural_accuracy": [0.95, 0.85, 0.9, 0.7],
        "worst_pgd": [0.0, 0.4, 0.3, 0.2],
        "worst_rt": [0.1, np.nan, 0.3, 0.2],
        "robustness_score": [0.0, 0.4, 0.3, 0.2],
        "sacrificed_accuracy": [0.0, 0.1, 0.05, 0.25],
        "on_front": False,
        "rho": [np.nan, np.nan, 0.4, 0.8],
    }
)


def sought(name: str, table: pd.DataFrame, *methods: str) -> Sought:
    front = extract_front(
        table,
        objectives=parse_objectives(DEFAULT_OBJECTIVES),
        reference_point=(0.0, 1.0),
        keep_collapsed=False,
    )
    return Sought(
        name=name,
        table=table,
        front=front,
        appearance=Appearance(width=7.0),
        placement="score",
        of="cells",
        is_named=False,
        methods=methods,
        cells=None,
        note="",
        published=None,
        spec=None,
        found=None,
        choosing=None,
    )


def test_an_attack_at_several_radii_has_a_curve_over_these() -> None:
    suite = read_suite(
        Document.from_plain(
            {
                "pgd": {"epsilon": 0.1, "ladder": [1, 10]},
                "far": {"attack": "pgd", "epsilon": 0.2, "ladder": [10]},
                "l2": {"attack": "pgd", "norm": "l2", "epsilon": 0.2, "ladder": [1]},
                "l2_far": {"attack": "pgd", "norm": "l2", "epsilon": 0.3, "ladder": [10]},
                "other": {"attack": "pgd", "epsilon": 0.3, "ladder": [10], "loss": "margin"},
                "flow": {"epsilon": 0.1, "ladder": [5]},
            },
            "test",
        )
    )
    assert list(radii_of(suite)) == [("pgd, far: radii, 10 steps", {"pgd": 0.1, "far": 0.2})]


def test_parallel_coordinates_of_one_method_call_no_other_cell_of_the_front_off_it() -> None:
    """standard is on the front, not asked for, and drawn nowhere; what lacks a number is told."""
    drawn = draw_parallel(sought("parallel", TABLE, "pareto"))
    (axes,) = drawn.figure.axes
    assert [it.get_gid() for it in axes.lines].count("behind") == 1
    whole = draw_parallel(sought("parallel", TABLE)).figure
    said = whole.texts[0].get_text().replace("\n", " ")
    assert "cells without all of these numbers, left out: 1" in said
    titles = [text.get_text() for text in axes.texts]
    assert sum("worst" in title for title in titles) == 2
    assert not any("robustness" in title for title in titles)


def test_what_there_is_nothing_to_draw_of_is_refused() -> None:
    bare = TABLE[["trial_id", "status", "robustness_score", "sacrificed_accuracy"]]
    with pytest.raises(InputError, match="attacks must be of a table with accuracies under attack"):
        draw_attacks(sought("attacks", bare))
    with pytest.raises(InputError, match="attainment must be of a table with method and seed"):
        draw_attainment(sought("attainment", bare))
    failed = TABLE.assign(status="failed")
    with pytest.raises(InputError, match="attacks must be of at least one cell that is done"):
        draw_attacks(sought("attacks", failed))
    with pytest.raises(InputError, match="attainment must be of at least one trial"):
        draw_attainment(sought("attainment", failed))


def test_unnamed_methods_and_a_single_cell_are_drawn() -> None:
    table = TABLE.assign(method=[None, "pgd", None, "pgd"])
    assert draw_attainment(sought("attainment", table)).figure.axes[0].lines
    lone = draw_attacks(sought("attacks", TABLE.head(1)))
    assert lone.table is not None
    assert lone.table.rows == (("standard", "", "1", "95.0", "0.0", "10.0"),)


def strewn(**seeds: str) -> pd.DataFrame:
    """Nine seeds of two cells of Pareto training, those of some seeds as it is said."""
    table = pd.DataFrame(
        [
            (f"t{seed}-{rho}", "pareto", seed, "done", False, 0.3 + 0.01 * seed, 0.1 * rho, rho)
            for seed in range(9)
            for rho in (0.4, 0.8)
        ],
        columns=[
            *("trial_id", "method", "seed", "status", "collapsed"),
            *("robustness_score", "sacrificed_accuracy", "rho"),
        ],
    )
    table.insert(7, "on_front", value=False)
    table["worst_pgd"] = table["robustness_score"]
    for name, what in seeds.items():
        rows = table["seed"] == int(name.removeprefix("seed_"))
        if what == "collapsed":
            table.loc[rows, "collapsed"] = True
        else:
            table.loc[rows, "status"] = what
    return table


@pytest.mark.slow
def test_seeds_of_which_all_failed_or_collapsed_attain_nothing_and_are_counted() -> None:
    table = strewn(seed_1="collapsed", seed_2="failed", seed_3="pending")
    drawn = draw_attainment(sought("attainment", table))
    said = drawn.figure.texts[0].get_text().replace("\n", " ")
    assert "all their trials failed or collapsed: 2 of pareto" in said
    assert "lines: what half of the seeds attain" in said, "eight seeds came to an end"
    whole = draw_attainment(sought("attainment", strewn(seed_3="pending"))).figure
    assert "attain nothing" not in whole.texts[0].get_text().replace("\n", " ")


def test_collapsed_trials_are_said_to_be_in_the_means_that_they_are_in() -> None:
    table = strewn(seed_1="collapsed", seed_2="failed")
    drawn = draw_attacks(sought("attacks", table))
    assert drawn.table is not None
    note = drawn.table.note
    assert "16 trials (left out: 2 failed)" in note
    assert "in the means, and off the front: 2 collapsed" in note
    assert drawn.table.rows[0][2] == "8 of 9, 1 collapsed"
