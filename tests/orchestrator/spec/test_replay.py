"""Sections that replay: which cells they are of, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.spec.sweep_spec import SweepSpec
from trainer.input.problems import BadInput

Read = Callable[..., SweepSpec]

SWEEP = """\
data: digits
methods:
  replay: {of: pareto}
  constant: {method: replay, of: pareto, mean: true, rho: 0.4}
  pareto: {window: 20, training.epochs: 4, vary: {rho: [0.2, 0.4], pgd.epsilon: [0.1, 0.2]}}
  maximum: {}
seeds: [3, 0, 7]
tracking: none
"""


def test_every_cell_of_the_method_is_replayed_unless_some_are_named(read: Read) -> None:
    spec = read(SWEEP)
    by_method = {
        label: [c for c in spec.cells if c.method == label] for label in spec.space.methods
    }
    assert {label: len(cells) for label, cells in by_method.items()} == {
        "replay": 4,
        "constant": 2,
        "pareto": 4,
        "maximum": 1,
    }
    for cell, parent in zip(by_method["replay"], by_method["pareto"], strict=True):
        assert cell.replayed is parent
        assert cell.settings == parent.settings
        assert cell.trial.replay is not None
        assert cell.trial.replay.trial == parent.id
        assert cell.trial.model_copy(update={"replay": None}) == parent.trial
    for cell in by_method["constant"]:
        assert cell.settings["rho"] == 0.4
        assert cell.trial.replay is not None
        assert cell.trial.replay.mean
    assert len({cell.id for cell in spec.cells}) == len(spec.cells)
    order = [cell.id for cell in spec.cells]
    assert all(
        order.index(parent.id) < order.index(c.id) for c in spec.cells for parent in c.parents
    )


def test_a_replay_starts_from_what_the_method_starts_from(read: Read) -> None:
    spec = read(
        SWEEP,
        "methods.tuned={method: average, start: {from: standard}}",
        "methods.again={method: replay, of: tuned}",
    )
    (again,) = (cell for cell in spec.cells if cell.method == "again")
    assert [cell.method for cell in again.ancestors] == ["standard", "standard", "tuned"]
    assert again.start is spec.cells[0]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{}", "replay.of: is required"),
        ("{of: paretto}", "replay.of: must name a method of the sweep that is no replay itself, "
         "got 'paretto'; did you mean 'pareto'?"),
        ("{of: constant}", "that is no replay itself, got 'constant'"),
        ("{of: pareto, rho: 0.3}", "replay.rho: must be a value of rho in pareto, got 0.3; there "
         "are 0.2, 0.4"),
        ("{of: pareto, vary: {rho: [0.2, 0.6]}}", "must be a value of rho in pareto, got 0.6"),
        ("{of: pareto, window: 10}", "replay.window: is not a known key (known keys: of, mean, "
         "vary, and what varies in pareto: rho, pgd.epsilon); all else is as pareto has it"),
        ("{of: pareto, vary: {mean: [true]}}", "replay.vary.mean: is not a known key"),
        ("{of: maximum}", "must weigh all images of a step alike to be replayed"),
        ("{of: pareto, mean: 2}", "replay.mean: "),
    ],
)  # fmt: skip
def test_what_cannot_be_replayed_is_refused(read: Read, section: str, message: str) -> None:
    with pytest.raises(BadInput) as raised:
        read(SWEEP, f"methods.replay={section}")
    assert message in str(raised.value)


def test_no_replay_is_replayed_whichever_stands_first(read: Read) -> None:
    with pytest.raises(BadInput, match=r"again\.of: must name a method .* got 'constant'; "):
        read(SWEEP, "methods.again={method: replay, of: constant}")


def test_weights_by_example_are_no_schedule(read: Read) -> None:
    with pytest.raises(BadInput, match="must weigh all images of a step alike to be replayed"):
        read(SWEEP, "methods.ramp={natural_weight: 0}", "methods.replay={of: ramp}")


def test_one_seed_has_no_other_to_replay(read: Read) -> None:
    with pytest.raises(
        BadInput, match=r"must have another seed's schedule to replay, got .* \[3\]"
    ):
        read(SWEEP, "seeds=[3]")


def test_a_circle_of_starts_and_replays_is_refused(read: Read) -> None:
    with pytest.raises(BadInput, match="must not lead back to itself"):
        read(
            SWEEP,
            "methods.tuned={method: average, start: {from: again}}",
            "methods.again={method: replay, of: tuned}",
        )


def test_what_is_drawn_is_not_replayed(read: Read) -> None:
    with pytest.raises(BadInput, match="must replay a cell that is in the sweep whatever is drawn"):
        read(SWEEP, "search={strategy: random, trials: 12}")
