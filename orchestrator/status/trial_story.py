"""The story of one trial: what it is, each attempt at it, why it waits or failed, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.arguments import command, last_address
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.status.observer import SweepSnapshot, silent_since
from orchestrator.store import Failure, FailureKind, Files, Store
from orchestrator.store.leases.lease import LeaseState
from orchestrator.store.records.layout import AttemptFolder, TrialFolder
from orchestrator.store.trials.present_ids import PresentIds
from orchestrator.store.trials.records import Predecessor

REMEDIES: Mapping[FailureKind, str] = {
    "diverged": "lower training.optimiser.learning_rate or lengthen training.epsilon_warmup, which "
    "makes it another trial; its last steps show how it went",
    "exception": "mend what the message says",
    "out_of_memory": "give it more memory, set halve_batch, or lower training.batch_size, which "
    "makes it another trial",
    "time_limit": "raise limits.hours",
    "hung": "raise limits.silent_minutes if a step may take so long",
    "worker_lost": "see that its machine stays up and has memory enough",
    "data": "put the data files that the sweep was planned on on every machine",
    "parent": "see to the trial from whose weights it starts, which the next start trains again "
    "where they were damaged",
}
"""What a person can do about each kind of failure."""


@dataclass(frozen=True, kw_only=True)
class AttemptStory:
    """One attempt at a trial, in words."""

    number: int
    who: str
    since: str | None
    until: str | None  # None: not let go
    seconds: float
    how: str  # it ended, or how it goes
    origin: str  # where it began


@dataclass(frozen=True, kw_only=True)
class Story:
    """All that is known of one trial, for a person who asks."""

    trial_id: str
    title: str
    what: str
    folder: str
    status: str
    attempts: tuple[AttemptStory, ...]
    failure: Failure | None
    pruned: str | None  # by which rule, and why
    last_steps: str | None  # their file
    next: tuple[str, ...]  # why it waits, and what to do

    def record(self) -> dict[str, Any]:
        """The story as values of JSON."""
        failure = None if self.failure is None else vars(self.failure)
        attempts = [vars(attempt) for attempt in self.attempts]
        return {**vars(self), "failure": failure, "attempts": attempts, "next": list(self.next)}


def matching(trials: Sequence[PlannedTrial], prefix: str, ids: PresentIds) -> list[PlannedTrial]:
    """Return the trials whose ids, those of now or of before, begin with `prefix`; one alone where
    it is a whole id."""
    whole = [planned for planned in trials if planned.id == ids.present(prefix)]
    return whole or [
        planned
        for planned in trials
        if planned.id.startswith(prefix) or ids.folder(planned.id).startswith(prefix)
    ]


def story(spec: SweepSpec, snapshot: SweepSnapshot, planned: PlannedTrial, store: Store) -> Story:
    """Tell the story of a trial of the sweep's plan; its attempts and failure are read now."""
    stored, files = store.trial(planned.id), store.files
    past = stored.past_attempts()
    trial = planned.trial
    last_steps = AttemptFolder(past[-1].folder).last_steps if past else ""
    has_last_steps = last_steps and files.read(last_steps) is not None
    return Story(
        trial_id=planned.id,
        title=planned.title,
        what=f"{trial.data.name}, {trial.model.name}, {planned.title}, {trial.training.epochs} "
        f"epochs; {'a reference of the scores' if planned.is_reference else 'scored'}",
        folder=f"{files.url}/{files.place(TrialFolder.of(planned.id).path)}",
        status=planned.status,
        attempts=tuple(
            AttemptStory(
                number=attempt.number,
                who=str(attempt.owner or "unknown: its record is damaged"),
                since=attempt.since,
                until=attempt.ended.at if attempt.ended else None,
                seconds=attempt.seconds,
                how=_how(attempt, spec, snapshot, is_newest=attempt is past[-1]),
                origin=_origin(attempt, planned, files),
            )
            for attempt in past
        ),
        failure=planned.progress.failure,
        pruned=str(planned.pruning) if planned.status == "pruned" else None,
        last_steps=f"{files.url}/{files.place(last_steps)}" if has_last_steps else None,
        next=tuple(_next(spec, snapshot, planned)),
    )


def _how(attempt: LeaseState, spec: SweepSpec, snapshot: SweepSnapshot, *, is_newest: bool) -> str:
    """Say how an attempt ended, or how it goes."""
    ended = attempt.ended
    if ended is not None:
        if ended.pruned is not None:
            return f"pruned by the rule {ended.pruned.rule}: {ended.pruned.reason}"
        return ended.how if ended.failure is None else f"failed: {ended.failure.kind}"
    if attempt.is_over:
        return "its process is gone"
    if not is_newest:
        return "taken over for want of a sign of life"
    silent = silent_since(attempt, spec, snapshot.at)
    return "at work" if silent is None else f"silent since {silent}"


def _origin(attempt: LeaseState, planned: PlannedTrial, files: Files) -> str:
    origin = Predecessor.read(files, AttemptFolder(attempt.folder).origin)
    result = planned.progress.result
    if origin is not None:
        is_own = origin.trial == planned.id
        whose = "" if is_own else f"of {origin.trial}, a shorter sibling, "
        return f"from attempt {origin.attempt} {whose}with {len(origin.rows)} epochs done"
    if result is not None and result.attempt < attempt.number:
        return "to evaluate what was trained"
    if planned.parents:
        return planned.trial.derivation
    return "from the beginning"


def _next(spec: SweepSpec, snapshot: SweepSnapshot, planned: PlannedTrial) -> Iterator[str]:
    """Yield sentences on why the trial waits, and what to do."""
    status, failure, lease = planned.status, planned.progress.failure, planned.progress.lease
    if status == "done" and not planned.is_to_be_validated:
        yield "nothing is left to do"
        if planned.has_other_rows:
            yield (
                f"what was measured after its epochs is under other settings of validation "
                f"({planned.rows_of}, and here {planned.validation_id}): rows under these "
                f"would mean training it again"
            )
    elif status == "pruned" and planned.pruning is not None:
        label = planned.pruning.rule
        yield f"nothing is left to do while stopping.{label} ends it"
        done = planned.progress.epochs_done
        goes_on = f"goes on from its checkpoint of epoch {done}" if done else "takes it up"
        yield f"under a weaker rule, or with --set stopping.{label}=null, the next start {goes_on}"
    elif failure is not None:
        yield REMEDIES[failure.kind]
        again = "with --retry-failed" if failure.is_deterministic else "by itself"
        yield f"the next start of the sweep runs it again {again}"
    elif status == "running" and lease is not None:
        silent = silent_since(lease, spec, snapshot.at)
        if silent is None:
            yield f"held by {lease.owner or 'an owner whose record is damaged'}: wait for it"
        else:
            lasts = lease.lasts or spec.policy.lease
            yield f"a start takes it over once it has heard nothing for {lasts:g} s"
    else:
        yield from _waits(spec, snapshot, planned)


def _waits(spec: SweepSpec, snapshot: SweepSnapshot, planned: PlannedTrial) -> Iterator[str]:
    pending = snapshot.plan.pending(retry_failed=False)
    waiting = [other.id for other in pending if other.status != "running"]
    yield f"to do: {planned.todo}"
    for parent in snapshot.plan.every if planned.waits_for else ():
        if parent.id in planned.waits_for:
            yield f"waits for its parent {parent.id} ({parent.title}), which is {parent.status}"
    if planned.id not in waiting:
        yield f"that one is not tried again by itself: --why {planned.waits_for[0]} says what to do"
        return
    yield f"before it in the order: {waiting.index(planned.id)} others"
    if snapshot.paused is not None:
        yield f"the sweep is paused since {snapshot.paused.since}: {command('resume', spec)}"
    if reached := snapshot.used.reached(spec.policy.budget):
        yield f"{reached}: raise it"
    heard = [s for s in snapshot.runners if silent_since(s, spec, snapshot.at) is None]
    if not heard:
        start_it = command("sweep", spec, address=last_address(snapshot.starts))
        yield f"nobody runs the sweep now: {start_it}"
