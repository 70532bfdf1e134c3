"""What the tracker is told of each trial, and of the front."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.driver.tracked_trials import starts_elsewhere, track_front, track_trials
from orchestrator.pareto.front import extract_front
from orchestrator.plan.plan import make_plan
from orchestrator.results.images import showable_images
from orchestrator.results.trials_table import trials_table
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Attempt, Store
from orchestrator.store.leases.records import About
from orchestrator.store.sweeps.starts import begun
from orchestrator.tracking import NoTracker, TrackedTrial
from trainer.config import Trial

SPEC = """
data: digits
methods: {pareto: {vary: {rho: [0.2, 0.4]}}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
"""


class Recorder(NoTracker):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.trials: list[TrackedTrial] = []
        self.fronts: list[tuple[Mapping[str, float], Sequence[Path]]] = []

    def trial(self, trial: TrackedTrial) -> None:
        self.trials.append(trial)

    def sweep(self, *, metrics: Mapping[str, float], files: Sequence[Path]) -> None:
        self.fronts.append((metrics, files))


def test_trials_are_told_with_their_own_times_and_totals(
    read: Callable[..., SweepSpec],
    store: Store,
    begin: Callable[[Trial], Attempt],
    finish: Callable[..., None],
) -> None:
    spec = read(SPEC)
    standard, low, high = (each.trial for each in make_plan(spec, store).trials)
    finish(standard, spec.suite, [1, 1], {"pgd": [[1, 0]]})
    begin(low).fail("exception", "why", "")
    begin(high)  # somebody is at work
    tracker = Recorder()
    plan = make_plan(spec, store)
    table = trials_table(spec, plan, showable_images(spec, plan))
    track_trials(tracker, store, plan.trials, table, names=plan.names(), theirs=set())
    first, second, third = tracker.trials
    assert [each.name for each in tracker.trials] == [
        "standard",
        "pareto rho=0.2",
        "pareto rho=0.4",
    ]
    assert (first.scores["seconds"], first.scores["training_passes"]) == (12.5, 100)
    assert first.scores["validation_natural_accuracy"] == 1
    assert not set(first.scores) & {"seed", "rho", "on_front"}
    assert "natural_accuracy" not in first.scores, "the test set's, while others are to come"
    evaluation, failure = plan.trials[0].evaluation, plan.trials[1].progress.failure
    assert evaluation is not None
    assert failure is not None
    assert (first.ended, second.ended, third.ended) == (evaluation.at, failure.at, None)
    assert (second.scores, third.status) == ({}, "running")
    assert first.began() == store.trial(standard.id).past_attempts()[0].since


@contextmanager
def running(store: Store) -> Iterator[str]:
    """The folder of a start of the sweep that shares it with others."""
    with begun(
        store.files, store.files, "sweep", joins=True, lasts=60.0, on_tick=lambda lease: None
    ) as lease:
        yield lease.folder


def test_other_starts_track_their_own_trials_while_they_run(
    read: Callable[..., SweepSpec], store: Store
) -> None:
    spec = read(SPEC)
    with running(store) as own, running(store) as other:
        assert starts_elsewhere(store.files, spec.name, own) == {other}
        planned = make_plan(spec, store).trials[0]
        about = About(start=other)
        stored = store.trial(planned.id)
        assert stored.begin(planned.trial, 1, lasts=60.0, about=about) is not None
        plan, tracker = make_plan(spec, store), Recorder()
        table = trials_table(spec, plan, showable_images(spec, plan))
        track_trials(tracker, store, plan.trials, table, names=plan.names(), theirs={other})
        assert tracker.trials == []
        track_trials(tracker, store, plan.trials, table, names=plan.names(), theirs=set())
        assert [each.id for each in tracker.trials] == [planned.id]
    assert starts_elsewhere(store.files, spec.name, "sweeps/sweep/starts/000003") == set()


def test_front_is_told_by_its_numbers_and_files(
    read: Callable[..., SweepSpec], store: Store, tmp_path: Path
) -> None:
    spec = read(SPEC)
    plan = make_plan(spec, store)
    front = extract_front(
        trials_table(spec, plan, showable_images(spec, plan)),
        objectives=spec.objectives,
        reference_point=spec.reference_point,
        keep_collapsed=False,
    )
    tracker = Recorder()
    track_front(tracker, front, [tmp_path / "front.csv"])
    assert tracker.fronts == [({"hypervolume": 0.0, "front_size": 0.0}, [tmp_path / "front.csv"])]
