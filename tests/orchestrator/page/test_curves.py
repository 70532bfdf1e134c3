"""Training curves are means over the seeds that have an epoch, of the cells on the front alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.page.curves import MOST_EPOCHS, curve_of
from orchestrator.page.view import CellView, Mark

MARK = Mark(is_on_front=True, is_knee=False, takes_part=True, membership="", recurrence=None)
CELL = CellView(
    method="pareto",
    settings="rho=0.5",
    seeds=2,
    planned=2,
    collapsed=0,
    spots=(),
    marks=(MARK,),
    is_selected=False,
    trials=(),
)


def row(epoch: int, natural: float, loss: float) -> dict[str, float]:
    return {
        "epoch": epoch,
        "validation/natural_accuracy": natural,
        "validation/passes/forward": 3,
        "loss/natural": loss,
        "time": 1.7e9,
    }


def test_means_are_over_the_seeds_that_have_the_epoch() -> None:
    curve = curve_of(CELL, [[row(1, 0.5, 2.0), row(2, 0.7, 1.0)], [row(1, 0.6, float("nan"))]])
    assert curve is not None
    assert (curve.cell, curve.seeds, curve.epochs) == ("pareto rho=0.5", 2, (1, 2))
    assert curve.values.keys() == {"validation/natural_accuracy", "loss/natural"}
    assert curve.values["validation/natural_accuracy"] == pytest.approx((55.0, 70.0))
    assert curve.values["loss/natural"] == pytest.approx((2.0, 1.0)), "a NaN is no loss"


def test_long_trainings_are_thinned_to_both_ends() -> None:
    curve = curve_of(CELL, [[row(epoch, 0.5, 1.0) for epoch in range(1, 1001)]])
    assert curve is not None
    assert (len(curve.epochs), curve.epochs[0], curve.epochs[-1]) == (MOST_EPOCHS, 1, 1000)
    assert curve_of(replace(CELL, settings=""), []) is None
