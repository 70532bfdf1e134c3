"""Which trial is taken up next, by one start of a sweep among others that may share its trials."""

from __future__ import annotations

import logging
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable

from orchestrator.store import Failure, Store
from orchestrator.store.leases.lease import LeaseState, Watch, clock
from orchestrator.worker.trial import Ending

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 2.0
"""Seconds between two looks at a trial that another start is working on."""


class Queue:
    """Trials of a start that wait, in the plan's order, and those handed out."""

    def __init__(
        self, trial_ids: Iterable[str], store: Store, *, suite_id: str, lease: float, retries: int
    ) -> None:
        """Queue trials that have no result under the suite yet.

        Args:
            lease: seconds of silence after which another's trial is taken over.
            retries: most retries of one trial, within this start.
        """
        self._waiting = deque(trial_ids)
        self._store = store
        self._suite_id = suite_id
        self._lease = lease
        self._retries = retries
        self._watch = Watch()
        self._tries: Counter[str] = Counter()
        self._attempts: dict[str, int] = {}  # newest that is known here
        self._looked: dict[str, float] = {}
        for trial_id in self._waiting:
            held = store.trial(trial_id).progress(suite_id).lease
            self._attempts[trial_id] = 0 if held is None else held.number
        self.out: set[str] = set()

    @property
    def is_empty(self) -> bool:
        """Whether no trial waits, neither for a worker here nor for another start to end it."""
        return not self._waiting

    @property
    def is_ready(self) -> bool:
        """Whether a trial waits that nobody works on."""
        return self._find() is not None

    def next(self) -> tuple[str, int] | None:
        """Hand out a trial and the number of the attempt to begin; None where all that wait are
        worked on by other starts."""
        found = self._find()
        if found is not None:
            trial_id, number = found
            self._waiting.remove(trial_id)
            self._attempts[trial_id] = number
            self.out.add(trial_id)
        return found

    def silent(self, steady: Callable[[], float]) -> list[LeaseState]:
        """Return the attempts handed out whose workers have given no sign of life for too long.

        Args:
            steady: seconds for which the store has taken those of this start: before, a worker's
                silence says nothing.
        """
        held = {each: self._store.trial(each).progress(self._suite_id).lease for each in self.out}
        return [
            lease
            for trial_id, lease in held.items()
            if lease is not None
            and lease.number == self._attempts[trial_id]  # not of another, before or after
            and not lease.is_over
            and min(self._watch.silence(lease), steady()) > self._lease + SECONDS_BETWEEN_LOOKS
        ]

    def _find(self) -> tuple[str, int] | None:
        for trial_id in tuple(self._waiting):
            if clock() - self._looked.get(trial_id, -math.inf) < SECONDS_BETWEEN_LOOKS:
                continue
            stored = self._store.trial(trial_id)
            number = stored.next_attempt(self._watch, self._lease)
            if number is None:
                self._looked[trial_id] = clock()
                continue
            # only now: what whoever let go of it has done is there to be seen
            progress = stored.progress(self._suite_id)
            is_ours = progress.lease is None or progress.lease.number <= self._attempts[trial_id]
            if progress.evaluation is None and (progress.failure is None or is_ours):
                return trial_id, number
            self._waiting.remove(trial_id)  # another brought it to an end
        return None

    def ended(self, trial_id: str, ending: Ending) -> bool:
        """Take in how an attempt ended, and return whether the trial is over too."""
        if ending in {Ending.BUSY, Ending.LOST}:
            if ending is Ending.BUSY:
                self._attempts[trial_id] -= 1  # that one is another's
            self._looked[trial_id] = clock()
            self._put_back(trial_id)
            return False
        if ending is Ending.FAILED:
            failure = self._store.trial(trial_id).progress(self._suite_id).failure
            if failure is not None and failure.is_retried and self._may_retry(trial_id):
                logger.warning("trial %s is tried again: %s", trial_id, failure.message)
                return False
        self.out.discard(trial_id)
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
        stored.give_up(failure.kind, message, failure.details)
        self.out.discard(trial_id)
        return True

    def _may_retry(self, trial_id: str) -> bool:
        if self._tries[trial_id] >= self._retries:
            return False
        self._tries[trial_id] += 1
        self._put_back(trial_id)
        return True

    def _put_back(self, trial_id: str) -> None:
        self.out.discard(trial_id)
        self._waiting.appendleft(trial_id)
