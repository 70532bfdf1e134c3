"""Sweep files that are edited: what is new is trained, and what is gone is not undone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.in_process import swept
from tests.integration.running import Finished
from tests.integration.stored import (
    assert_same_result,
    epochs_trained,
    runs,
    table,
    times_of,
    trial_folders,
)

pytestmark = pytest.mark.integration

SPEC = """\
data: {name: digits, train_examples: 192}
training:
  epochs: EPOCHS
  optimiser: {name: adam, learning_rate: 0.002, schedule: SCHEDULE}
validation: {examples: 32}
methods: METHODS
seeds: SEEDS
evaluation:
  examples: 48
  pgd: {epsilon: 0.2, ladder: [1, 2]}
  flow: null
  rt: null
"""
CONSTANT, FALLING = "[[0, 1]]", "[[0, 1], [0.5, 0.1]]"
FEW, MORE = (
    "{pgd: {vary: {pgd.epsilon: [0.1]}}}",
    "{pgd: {vary: {pgd.epsilon: [0.1, 0.2]}}, rt: {}}",
)


class Edited:
    """A sweep file that is written anew before each command, and its storage."""

    def __init__(self, folder: Path) -> None:
        self.spec = folder / "edited.yaml"
        self.storage = folder / "runs"

    def write(self, *, epochs: int, methods: str, seeds: str, schedule: str = CONSTANT) -> None:
        text = SPEC.replace("EPOCHS", str(epochs)).replace("SCHEDULE", schedule)
        self.spec.write_text(text.replace("METHODS", methods).replace("SEEDS", seeds))

    def swept(self, *arguments: str, storage: Path | None = None) -> Finished:
        finished = swept(self.spec, "--storage", storage or self.storage, *arguments)
        assert finished.code == 0, finished
        return finished

    def todos(self) -> set[str]:
        """What a start would do with each trial."""
        plan = json.loads(self.swept("--dry-run", "--json").stdout)
        return {trial["todo"] for trial in plan["trials"]}

    def ids(self) -> set[str]:
        return set(table(self.storage, "edited")["trial_id"])


@pytest.fixture
def edited(tmp_path: Path) -> Edited:
    return Edited(tmp_path)


def test_methods_values_seeds_and_epochs_are_added_and_removed(
    edited: Edited, tmp_path: Path
) -> None:
    edited.write(epochs=2, methods=FEW, seeds="[0]")
    edited.swept()
    shorter = edited.ids()
    times = times_of(edited.storage / "trials")

    edited.write(epochs=2, methods=MORE, seeds="[0, 1]")
    edited.swept()
    assert len(edited.ids()) == 8
    assert edited.ids() > shorter
    assert times.items() <= times_of(edited.storage / "trials").items()

    edited.write(epochs=3, methods=FEW, seeds="[0]")
    assert {todo.partition("; ")[2] for todo in edited.todos()} == {
        f"goes on from {trial_id}" for trial_id in shorter
    }
    edited.swept()
    longer = edited.ids()
    assert len(longer) == 2
    anew = tmp_path / "anew"
    edited.swept(storage=anew)
    for trial_id, trial in trial_folders(anew).items():
        assert_same_result(edited.storage / "trials" / trial_id, trial)
        assert epochs_trained(trial) == 3
        assert epochs_trained(edited.storage / "trials" / trial_id) == 1

    times = times_of(edited.storage / "trials")
    edited.write(epochs=3, methods="{standard: {}}", seeds="[0]")
    edited.swept()
    assert edited.ids() < longer
    assert times_of(edited.storage / "trials") == times
    assert len(trial_folders(edited.storage)) == 10


def test_longer_training_under_a_falling_rate_begins_anew_and_says_so(edited: Edited) -> None:
    edited.write(epochs=2, methods="{standard: {}}", seeds="[0]", schedule=FALLING)
    edited.swept()
    (shorter,) = edited.ids()
    edited.write(epochs=3, methods="{standard: {}}", seeds="[0]", schedule=FALLING)
    (todo,) = edited.todos()
    assert todo.startswith(f"3 epochs, evaluation; anew: the learning rates of {shorter} ")
    edited.swept()
    (longer,) = edited.ids()
    assert longer != shorter
    assert epochs_trained(edited.storage / "trials" / longer) == 3
    assert runs(edited.storage, "edited") == {
        (key, "FINISHED"): 1 for key in ("sweep", shorter, longer)
    }
