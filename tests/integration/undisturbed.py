"""One sweep, run once with no fault, and the line that every fault must leave it at."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.integration.gate import Gate
from tests.integration.in_process import nothing_to_run
from tests.integration.running import Finished, Place, Running, wait_until
from tests.integration.stored import (
    assert_same_result,
    attempts,
    ending,
    epochs_trained,
    published,
    runs,
    table,
    trial_folders,
)

NAME = "four"
EPOCHS = 4
LONG_TRIALS = 2
STEPS = 8
"""Of an epoch: enough of them that a fault falls between two."""

SPEC = f"""\
data: {{name: digits, train_examples: {32 * STEPS}}}
training:
  epochs: {EPOCHS}
  batch_size: 32
  attacks: {{pgd: {{num_steps: 3}}, flow: {{num_steps: 3}}, rt: {{num_steps: 3}}}}
validation: {{examples: 32}}
methods: {{pareto: {{method: 'gated:Gated', rho: 0.4}}}}
seeds: [0, 1]
evaluation:
  examples: 128
  pgd: {{epsilon: 0.2, ladder: [1, 8]}}
  flow: null
  rt: {{epsilon: 0.25, num_restarts: 1, ladder: [1, 8]}}
"""
"""Two trials of standard training, then two that wait at a gate where a test has one; two at once
on two cores."""

HEARING_SECONDS = 3.0
"""Of each step of trials that are to hear between two steps what they are asked: longer than orders
take to reach them, so that the next step or the one after it obeys."""

UNTRACKED = ("--tracking-uri", "none")


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """That sweep, and the storage that it left."""

    spec: Path
    storage: Path

    @property
    def long_trials(self) -> list[str]:
        """Ids of those that faults are aimed at."""
        trials = table(self.storage, NAME)
        return [str(trial_id) for trial_id in trials["trial_id"][trials["method"] == "pareto"]]

    def started(
        self, place: Place, storage: Path | str, *arguments: str, gate: Gate | None = None
    ) -> Running:
        """The same sweep into another storage; its long trials wait at the gate."""
        environment = {} if gate is None else gate.environment
        return place.sweep(self.spec, "--storage", storage, *arguments, **environment)

    def held(
        self,
        place: Place,
        storage: Path | str,
        *arguments: str,
        after: float = 1.5,
        seconds: float = 3600.0,
    ) -> tuple[Running, Gate]:
        """The same sweep, and the gate at which its long trials wait by now, both at once.

        Args:
            after: epochs of the attempt.
            seconds: for which each step waits at most; `HEARING_SECONDS` where trials are to be
                asked something.
        """
        file = place.folder / f"gate-{time.monotonic_ns()}"
        gate = Gate(file=file, steps=int(after * STEPS), seconds=seconds)
        running = self.started(place, storage, *arguments, gate=gate)
        wait_until(lambda: len(gate.workers()) == LONG_TRIALS, of=running)
        return running, gate

    def assert_equalled_in(self, storage: Path) -> None:
        """The sweep in another storage has the same trials, with the same results."""
        ours, theirs = table(self.storage, NAME), table(storage, NAME)
        timeless = [column for column in ours if column != "seconds"]
        assert ours[timeless].equals(theirs[timeless])
        for trial_id in ours["trial_id"]:
            trials = (self.storage / "trials", storage / "trials")
            assert_same_result(*(folder / trial_id for folder in trials))


def assert_goes_on(
    undisturbed: Undisturbed, place: Place, storage: Path, *arguments: str, faults: int
) -> Finished:
    """The same command brings the sweep to its end, and all is as if there had been no fault;
    returns what it said.

    Args:
        arguments: of the command, beside the sweep file and the storage.
        faults: of which each may have cost every trial an attempt, with the epoch under way.
    """
    finished = undisturbed.started(place, storage, *arguments).finished()
    assert finished.code == 0, finished
    wait_until(lambda: not working(place), of=None)
    assert_over(undisturbed, storage, *arguments, faults=faults)
    return finished


def assert_over(undisturbed: Undisturbed, storage: Path, *arguments: str, faults: int) -> None:
    """The sweep is at its end as if there had been no fault, and the same command has nothing to
    do; the arguments are those of `assert_goes_on`."""
    again = nothing_to_run(undisturbed.spec, "--storage", storage, *arguments)
    assert again.code == 0, again
    assert_results(undisturbed, storage, faults=faults)
    if "--tracking-uri" not in arguments:
        assert_tracked_once(storage, NAME)


def assert_results(undisturbed: Undisturbed, storage: Path, *, faults: int) -> None:
    """Every trial was trained once, to the same bits."""
    undisturbed.assert_equalled_in(storage)
    for trial in trial_folders(storage).values():
        assert_trained_once(trial, EPOCHS, faults=faults)


def assert_trained_once(trial: Path, epochs: int, *, faults: int) -> None:
    """No epoch was trained twice but those that a fault cost, and nothing after the result."""
    tried = attempts(trial)
    assert len(tried) <= 1 + faults
    assert epochs <= epochs_trained(trial) <= epochs + len(tried) - 1
    assert [ending(attempt) for attempt in tried].count("done") <= 1
    after = tried[tried.index(published(trial)) + 1 :]
    assert not any(list(attempt.glob("rows/*")) for attempt in after)


def assert_tracked_once(storage: Path, sweep: str) -> None:
    """The embedded MLflow has one run for the sweep and one for each trial, all finished."""
    trials = table(storage, sweep)["trial_id"]
    assert runs(storage, sweep) == {(key, "FINISHED"): 1 for key in ("sweep", *trials)}


def working(place: Place) -> list[str]:
    """Processes but Ray's agents, which idle for a minute when their node was killed."""
    return [title for title in place.processes().values() if not title.endswith("Agent")]
