"""Equal cost: `training.max_passes` becomes as many epochs as fit, parents' passes included."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.spec.space import Cell
from orchestrator.spec.sweep_spec import SweepSpec
from tests.trainer.runs import run
from trainer.input.problems import BadInput
from trainer.passes import Passes

Read = Callable[..., SweepSpec]

SWEEP = """\
data: {name: digits, train_examples: 64}
training:
  epochs: 5
  batch_size: 32
  attacks: {pgd: {num_steps: 2}, flow: {num_steps: 1}, rt: {num_steps: 1}}
validation: {examples: 16, attacks: {pgd: {num_steps: 1}, flow: null, rt: null}}
methods:
  pgd: {}
  average: {natural_weight: 0.5}
tracking: none
"""
TUNED = ("methods.tuned={method: pgd, start: {from: pgd}}", "methods.pgd={training.epochs: 2}")

PGD = 64 * (2 * 2 + 2)
"""Passes of an epoch: two steps of PGD forward and back, and one of training."""

AVERAGE = 64 * (2 * (2 + 1 + 1) + 2 * 4)


def cells(spec: SweepSpec) -> dict[str, Cell]:
    return {cell.method: cell for cell in spec.cells}


def epochs(read: Read, cap: int, *assignments: str) -> dict[str, int]:
    spec = read(SWEEP, f"training.max_passes={cap}", *assignments)
    return {label: cell.trial.training.epochs for label, cell in cells(spec).items()}


def test_epochs_are_those_that_fit_and_the_references_all(read: Read) -> None:
    assert epochs(read, 2 * AVERAGE) == {"standard": 5, "pgd": 5, "average": 2}
    assert epochs(read, 2 * AVERAGE - 1) == {"standard": 5, "pgd": 5, "average": 1}
    assert epochs(read, 99 * AVERAGE) == {"standard": 5, "pgd": 5, "average": 5}


def test_a_capped_trial_is_the_one_of_so_many_epochs(read: Read) -> None:
    capped = cells(read(SWEEP, f"training.max_passes={2 * AVERAGE}"))
    by_hand = cells(read(SWEEP, "methods.average={training.epochs: 2, natural_weight: 0.5}"))
    assert capped["average"].trial == by_hand["average"].trial
    varied = read(SWEEP, f"methods.average.vary={{training.max_passes: [{AVERAGE}, null]}}")
    found = [c for c in varied.cells if c.method == "average"]
    assert [c.trial.training.epochs for c in found] == [1, 5]
    assert [c.settings["training.max_passes"] for c in found] == [AVERAGE, None]


@pytest.mark.parametrize("extra", [0, -1])
def test_passes_are_counted_to_the_cap(read: Read, extra: int) -> None:
    """A parent's and its child's, in training as they are made."""
    cap = 2 * PGD + 2 * PGD + extra
    spec = read(SWEEP.replace("  average: {natural_weight: 0.5}\n", ""),
                f"training.max_passes={cap}", *TUNED)  # fmt: skip
    found = cells(spec)
    counted = 0
    for label in ("pgd", "tuned"):
        trial = found[label].trial.model_copy(update={"start": None})  # whose weights change none
        _, diary = run(trial)
        passes = Passes.of_row(diary.rows[-1], "passes/")
        assert passes is not None
        counted += passes.total
    assert found["tuned"].start is found["pgd"]
    assert counted == (cap if extra == 0 else cap + 1 - PGD)
    assert counted <= cap


@pytest.mark.slow
def test_a_method_that_draws_its_attacks_has_epochs_for_the_dearest_and_stays_below(
    read: Read,
) -> None:
    """PGD's epoch is the dearest that SAT can draw: as many fit, and what is counted is no more."""
    cap = 3 * PGD
    found = cells(read(SWEEP, f"training.max_passes={cap}", "methods={sat: {}, eat: {}, pgd: {}}"))
    assert {cell.trial.training.epochs for cell in found.values()} == {5, 3}
    for label in ("sat", "eat"):
        _, diary = run(found[label].trial)
        counted = Passes.of_row(diary.rows[-1], "passes/")
        assert counted is not None
        assert len(diary.rows) == found["pgd"].trial.training.epochs == 3
        assert 3 * 64 * (2 * 1 + 2) <= counted.total <= cap


def test_a_replay_is_as_long_as_what_it_replays(read: Read) -> None:
    found = epochs(read, 3 * AVERAGE, "methods.replay={of: average}", "seeds=[0, 1]")
    assert found["replay"] == found["average"] == 3


def test_a_mean_that_is_dearer_than_what_it_replays_must_fit_too(read: Read) -> None:
    sections = ["methods.sat={}", "methods.mean={method: replay, of: sat, mean: true}"]
    chosen = 64 * (2 * 2 + 2)
    every = 64 * (2 * 3 * 2 + 2 * 3)
    found = epochs(read, 5 * every, *sections, "seeds=[0, 1]")
    assert found["mean"] == found["sat"] == 5
    with pytest.raises(BadInput, match=r"methods.mean: must be .* 5 epochs, of which 2 fit"):
        epochs(read, 2 * every, *sections, "seeds=[0, 1]")
    assert 5 * chosen < 2 * every


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (
            [f"training.max_passes={AVERAGE - 1}"],
            f"training.max_passes: must be at least {AVERAGE}, one epoch, got {AVERAGE - 1} "
            f"(average)",
        ),
        (
            [
                *TUNED,
                f"methods.tuned={{method: pgd, start: {{from: pgd}}, training.max_passes: {PGD}}}",
            ],
            f"methods.tuned.training.max_passes: must be at least {3 * PGD}, one epoch after the "
            f"{2 * PGD} of its parents, got {PGD} (tuned)",
        ),
        (["training.max_passes=0"], "training.max_passes: must be >= 1"),
        (
            ["training.max_passes=99999", "methods.standard={training.max_passes: 300}"],
            "methods.standard: must be {}, with nothing but vary in it",
        ),
    ],
)
def test_what_cannot_be_capped_is_refused(read: Read, assignments: list[str], message: str) -> None:
    with pytest.raises(BadInput) as raised:
        read(SWEEP, *assignments)
    assert message in str(raised.value)
