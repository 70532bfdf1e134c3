"""Which trial is taken up next, by one start of a sweep among others that may share its trials."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from orchestrator.execution.backend import Workload, no_more
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.plan.progress import progress_of
from orchestrator.plan.pruned import pruning_of
from orchestrator.search.stopping import Rules, restored
from orchestrator.store import Failure, Progress, Store, StoredTrial
from orchestrator.store.leases.lease import LeaseState, SilenceTimer
from orchestrator.worker.trial import Ending

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 2.0
"""Seconds between two looks at a trial that another start is working on."""


class Queue:
    """Trials of a start that wait, in the plan's order, and those handed out.

    A trial waits for its parents: it is handed out when all of them are trained, and left where
    one of them never will be, with a warning that says why.
    """

    def __init__(
        self,
        trials: Iterable[PlannedTrial],
        store: Store,
        *,
        suite_id: str,
        validation_id: str | None,
        lease: float,
        retries: int,
        clock: Callable[[], float],
        rules: Rules,
        more: Callable[[], Sequence[PlannedTrial]] = no_more,
    ) -> None:
        """Queue trials that have no result under the suite yet.

        Args:
            validation_id: of the suite that choices are made by, under which a trial is to have a
                result too; None: there is none.
            lease: seconds of silence after which another's trial is taken over.
            retries: most retries of one trial, within this start.
            clock: returns the seconds since some moment, by which looks are repeated.
            rules: this start's, that end trials early. Another start may have others: who runs a
                trial asks its own.
            more: gives trials that are wanted beside these: see `Workload`.
        """
        self._store = store
        self._suite_id = suite_id
        self._validation_id = validation_id
        self._rules = rules
        self._lease = lease
        self._retries = retries
        self._clock = clock
        self._more = more
        self._timer = SilenceTimer()
        self._tries: Counter[str] = Counter()
        self._attempts: dict[str, int] = {}  # newest that is known here
        self._looked: dict[str, float] = {}
        self._asked_in_vain = -math.inf  # when `more` gave nothing, and no trial has ended since
        self._known: dict[str, PlannedTrial] = {}
        self._waiting: dict[str, PlannedTrial] = {}
        self._trained: set[str] = set()
        self._blocked: dict[str, str] = {}  # waiting trial: a parent on which nobody works yet
        self._left: set[str] = set()
        self.out: set[str] = set()
        self._add(trials)

    @classmethod
    def of(cls, workload: Workload, clock: Callable[[], float]) -> Queue:
        """Queue the trials of a workload."""
        return cls(
            workload.trials,
            workload.store,
            suite_id=workload.suite.id,
            validation_id=workload.validation_id,
            lease=workload.policy.lease,
            retries=workload.policy.retries,
            clock=clock,
            rules=restored(workload.policy.stopping),
            more=workload.more,
        )

    def is_ready(self) -> bool:
        """Whether a trial waits that can be handed out now; where none does, more are asked for."""
        return self._find() is not None

    def is_over(self) -> bool:
        """Whether no trial waits, for a worker here or for another start to end it, and no more
        come: they are asked for where none waits."""
        return not self._waiting and not self._ask_for_more()

    def next(self) -> tuple[PlannedTrial, int] | None:
        """Hand out a trial and the number of the attempt to begin; None where all that wait do so
        for other starts, or for their parents."""
        found = self._find()
        if found is not None:
            planned, number = found
            del self._waiting[planned.id]
            self._attempts[planned.id] = number
            self.out.add(planned.id)
        return found

    def silent(self, seconds_in_touch: Callable[[], float]) -> list[LeaseState]:
        """Return the attempts handed out whose workers have given no sign of life for too long.

        Args:
            seconds_in_touch: seconds for which the store has taken those of this start: before, a
                worker's silence says nothing.
        """
        held = {each: self._store.trial(each).progress(self._suite_id).lease for each in self.out}
        longest = self._lease + SECONDS_BETWEEN_LOOKS
        return [
            lease
            for trial_id, lease in held.items()
            if lease is not None
            and lease.number == self._attempts[trial_id]  # not of another, before or after
            and not lease.is_over
            and min(self._timer.silence(lease), seconds_in_touch()) > longest
        ]

    def ended(self, trial_id: str, ending: Ending) -> bool:
        """Take in how an attempt ended, and return whether the trial is over too."""
        if ending in {Ending.BUSY, Ending.LOST}:
            if ending is Ending.BUSY:
                self._attempts[trial_id] -= 1  # that one is another's
            self._looked[trial_id] = self._clock()
            self._put_back(trial_id)
            return False
        if ending is Ending.FAILED:
            failure = self._store.trial(trial_id).progress(self._suite_id).failure
            if failure is not None and failure.is_retried and self._may_retry(trial_id):
                logger.warning("trial %s is tried again: %s", trial_id, failure.message)
                return False
        self._close(trial_id)
        return ending not in {Ending.STOPPED, Ending.LEFT}

    def worker_died(self, trial_id: str, failure: Failure) -> bool:
        """Take in that a worker died, with a failure recorded or not; whether the trial is over."""
        stored = self._store.trial(trial_id)
        progress = stored.progress(self._suite_id)
        is_its_word = progress.lease and progress.lease.number == self._attempts[trial_id]
        said = progress.failure if is_its_word else None
        if said is None and self._may_retry(trial_id):
            logger.warning(
                "the worker of trial %s died; another takes it up from its last checkpoint",
                trial_id,
            )
            return False
        if said is not None:
            return self.ended(trial_id, Ending.FAILED)
        tries = self._tries[trial_id] + 1
        message = f"its worker died {tries} times, last: {failure.message}"
        stored.record_failure(failure.kind, message, failure.details)
        self._close(trial_id)
        return True

    def _add(self, trials: Iterable[PlannedTrial]) -> bool:
        """Let trials wait that the queue has not had yet, and return whether there are any."""
        fresh = {planned.id: planned for planned in trials if planned.id not in self._known}
        for trial_id in fresh:
            held = self._store.trial(trial_id).progress(self._suite_id).lease
            self._attempts[trial_id] = 0 if held is None else held.number
        self._known |= fresh
        self._waiting |= fresh
        return bool(fresh)

    def _ask_for_more(self) -> bool:
        """Ask for more trials, unless that was in vain just now, and return whether some came."""
        if self._clock() - self._asked_in_vain < SECONDS_BETWEEN_LOOKS:
            return False
        has_grown = self._add(self._more())
        self._asked_in_vain = -math.inf if has_grown else self._clock()
        return has_grown

    def _find(self) -> tuple[PlannedTrial, int] | None:
        if (found := self._first_ready()) is not None:
            return found
        if self._ask_for_more():
            return self._first_ready()
        if not self.out and self._waiting.keys() <= self._blocked.keys():  # by one another, even
            for planned in tuple(self._waiting.values()):
                parent = self._blocked[planned.id]
                self._leave(planned, f"parent {parent} has no result, and nobody works on it")
        return None

    def _first_ready(self) -> tuple[PlannedTrial, int] | None:
        for planned in tuple(self._waiting.values()):
            if (number := self._attempt_at(planned)) is not None:
                return planned, number
        return None

    def _attempt_at(self, planned: PlannedTrial) -> int | None:
        """Return the number of the attempt that can begin at a waiting trial; None where it is to
        wait, or has no need to any more."""
        if self._clock() - self._looked.get(planned.id, -math.inf) < SECONDS_BETWEEN_LOOKS:
            return None
        if not self._is_due(planned):
            return None
        stored = self._store.trial(planned.id)
        number = stored.next_attempt(self._timer, self._lease)
        if number is None:
            self._looked[planned.id] = self._clock()
            return None
        # only now: what whoever let go of it has done is there to be seen
        progress = progress_of(planned, stored, self._suite_id, self._validation_id)
        is_ours = progress.lease is None or progress.lease.number <= self._attempts[planned.id]
        is_wanted = planned.again is not None and not stored.has_weights()
        is_left = not progress.is_evaluated or is_wanted
        is_to_do = is_left and (progress.failure is None or is_ours)
        if is_to_do and not self._is_pruned(planned, stored, progress):
            return number
        self._close(planned.id)  # another brought it to an end
        return None

    def _is_pruned(self, planned: PlannedTrial, stored: StoredTrial, progress: Progress) -> bool:
        with suppress(ValueError):  # the user's own rule: the trial's worker says what is wrong
            return pruning_of(self._rules, stored, progress, planned.trial) is not None
        return False

    def _is_due(self, planned: PlannedTrial) -> bool:
        """Whether a waiting trial's parents are all trained, or not needed now. The trial is left
        where one of them never will be."""
        self._blocked.pop(planned.id, None)
        if not planned.needs_parents:
            return True
        for parent in planned.parents:
            if parent in self._trained:
                continue
            if parent in self._waiting:
                self._blocked[planned.id] = parent
                return False
            self._looked[planned.id] = self._clock()
            stored = self._store.trial(parent)
            is_held = stored.next_attempt(self._timer, self._lease) is None
            progress = stored.progress(self._suite_id)  # after it, as above
            if progress.trained and stored.has_weights():
                self._trained.add(parent)
                del self._looked[planned.id]
                continue
            if is_held or parent in self.out:
                return False
            if progress.failure is not None:
                self._leave(planned, f"parent {parent} failed")
            elif progress.trained:
                self._leave(planned, f"parent {parent} has given up its weights meanwhile")
            elif progress.pruned is not None:
                self._leave(planned, f"parent {parent} was ended early by a stopping rule")
            elif parent in self._left:
                self._leave(planned, f"parent {parent} is left too")
            elif parent in self._known:
                self._leave(planned, f"parent {parent} was stopped before it was trained")
            else:  # which may come yet
                self._blocked[planned.id] = parent
            return False
        return True

    def _leave(self, planned: PlannedTrial, reason: str) -> None:
        """Drop a waiting trial that cannot be trained. One that has a checkpoint of its own by now
        needs no parent any more, and stays."""
        stored = self._store.trial(planned.id)
        begun = replace(planned, progress=progress_of(planned, stored, self._suite_id, None))
        if not begun.needs_parents:
            self._known[planned.id] = self._waiting[planned.id] = begun
            self._blocked.pop(planned.id, None)
            self._looked.pop(planned.id, None)
            return
        logger.warning("trial %s is left: its %s", planned.id, reason)
        self._left.add(planned.id)
        self._close(planned.id)

    def _close(self, trial_id: str) -> None:
        """Drop a trial, and look at once at what may come of that."""
        self.out.discard(trial_id)
        self._waiting.pop(trial_id, None)
        self._blocked.pop(trial_id, None)
        self._asked_in_vain = -math.inf
        for planned in self._waiting.values():
            if trial_id in planned.parents:
                self._looked.pop(planned.id, None)

    def _may_retry(self, trial_id: str) -> bool:
        if self._tries[trial_id] >= self._retries:
            return False
        self._tries[trial_id] += 1
        self._put_back(trial_id)
        return True

    def _put_back(self, trial_id: str) -> None:
        self.out.discard(trial_id)
        self._waiting = {trial_id: self._known[trial_id], **self._waiting}
