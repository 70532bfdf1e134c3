"""Trials in this process, one after the other, without Ray: to debug them, and to test what a sweep
leaves, which is the same whoever ran its trials."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial

from orchestrator.execution.backend import Listener
from orchestrator.execution.queue import Queue
from orchestrator.plan.plan import PlannedTrial
from orchestrator.spec.policy import Policy
from orchestrator.store import Store
from orchestrator.store.sweeps import orders
from orchestrator.terminal.exit_code import ExitCode
from orchestrator.worker.fresh import fresh
from orchestrator.worker.trial import Mission, carry_out
from trainer.evaluation.suite import Suite

SECONDS_BETWEEN_LOOKS = 0.1
"""Seconds between two looks at a sweep that is paused, or whose trials are worked on elsewhere."""

NODE = "127.0.0.1"
"""Address of this machine, as an attempt records it."""


def run_trials(
    trials: Sequence[PlannedTrial],
    *,
    suite: Suite,
    store: Store,
    policy: Policy,
    sweep: str,
    start: str,
    listener: Listener,
    is_stopped: Callable[[], bool],
    steady: Callable[[], float],
    keep_signals: Callable[[], None],
) -> None:
    """Run trials here until all have ended, here or elsewhere, or `is_stopped` says so.

    See `orchestrator.execution.backend.RunTrials`. A trial that hangs, which ends a worker, ends
    the command: the same command goes on after it.
    """
    del steady, keep_signals  # no worker can fall silent, and nobody takes the handlers
    queue = Queue(
        [planned.id for planned in trials],
        store,
        suite_id=suite.id,
        lease=policy.lease,
        retries=policy.retries,
    )
    by_id = {planned.id: planned for planned in trials}
    while not queue.is_empty and not is_stopped():
        found = None if orders.paused(store.files, sweep) else queue.next()
        if found is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            continue
        trial_id, number = found
        planned = by_id[trial_id]
        listener.started(trial_id)
        ending = carry_out(
            planned.trial,
            suite,
            store,
            Mission(
                policy=policy,
                trains=planned.trains,
                sweep=sweep,
                start=start,
                node=NODE,
                read_orders=partial(orders.read, store.files, sweep, start),
                give_up=partial(os._exit, ExitCode.LOST),
            ),
            number=number,
            device=fresh(policy.resources),
            report=partial(listener.epoch_done, trial_id),
        )
        if queue.ended(trial_id, ending):
            listener.ended(trial_id)
        else:
            listener.let_go(trial_id)
