"""Workloads for back ends, and a listener that writes down what it hears."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from orchestrator.execution.backend import Workload, no_more
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.policy import Policy
from orchestrator.store import Store
from trainer.evaluation.suite import Suite
from trainer.training.loop import EpochRow


class Recorder:
    """Hears of events, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []  # what happened, to which trial

    def started(self, trial_id: str) -> None:
        self.events.append(("started", trial_id))

    def epoch_done(self, trial_id: str, row: EpochRow) -> None:
        self.events.append(("epoch_done", trial_id))

    def let_go(self, trial_id: str) -> None:
        self.events.append(("let_go", trial_id))

    def ended(self, trial_id: str) -> None:
        self.events.append(("ended", trial_id))

    def of(self, kind: str) -> list[str]:
        """The trials to which this happened."""
        return [trial_id for event, trial_id in self.events if event == kind]


def workload(
    trials: Iterable[PlannedTrial],
    *,
    suite: Suite,
    store: Store,
    listener: Recorder,
    policy: Policy | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    more: Callable[[], Sequence[PlannedTrial]] = no_more,
) -> Workload:
    """The trials as a start of a sweep hands them to a back end."""
    return Workload(
        trials=tuple(trials),
        suite=suite,
        validation_id=None,
        store=store,
        policy=policy or Policy(lease=600.0),
        sweep="front",
        start="sweeps/front/starts/000001",
        listener=listener,
        is_stopped=is_stopped,
        seconds_in_touch=lambda: 0.0,
        keep_signals=lambda: None,
        more=more,
    )
