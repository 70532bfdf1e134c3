"""Trials in this process, one after the other, without Ray: to debug them, and to test what a sweep
leaves, which is the same whoever ran its trials."""

from __future__ import annotations

import os
import traceback
from functools import partial

from orchestrator.execution.backend import RealTime, Workload, failure_by
from orchestrator.execution.queue import Queue
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store.sweeps import orders
from orchestrator.worker.fresh import fresh
from orchestrator.worker.trial import Ending, Mission, carry_out
from trainer.terminal.exit_code import ExitCode

SECONDS_BETWEEN_LOOKS = 0.1
"""Seconds between two looks at a sweep that is paused, or whose trials are worked on elsewhere."""

NODE = "127.0.0.1"
"""Address of this machine, as an attempt records it."""


class InProcess(RealTime):
    """The back end of `--local`.

    No worker can fall silent here, and nobody takes the command's signal handlers. A trial that
    hangs, which ends a worker, ends the command: the same command goes on after it.
    """

    def run(self, workload: Workload) -> None:
        """Run the trials here: see `orchestrator.execution.backend.BackEnd`."""
        store, listener = workload.store, workload.listener
        queue = Queue.of(workload, self.clock)
        while not queue.is_over() and not workload.is_stopped():
            found = None if orders.paused(store.files, workload.sweep) else queue.next()
            if found is None:
                self.sleep(SECONDS_BETWEEN_LOOKS)
                continue
            planned, number = found
            listener.started(planned.id)
            try:
                ending = work_on(planned, number, workload)
            except Exception as error:
                failure = failure_by(error, traceback.format_exc())
                is_over = queue.worker_died(planned.id, failure)
            else:
                is_over = queue.ended(planned.id, ending)
            if is_over:
                listener.ended(planned.id)
            else:
                listener.let_go(planned.id)


def work_on(planned: PlannedTrial, number: int, workload: Workload) -> Ending:
    """Make attempt `number` at a trial in this process."""
    return carry_out(
        planned.trial,
        workload.suite,
        workload.store,
        Mission(
            policy=workload.policy,
            trains=planned.trains,
            sweep=workload.sweep,
            start=workload.start,
            node=NODE,
            read_orders=partial(orders.read, workload.store.files, workload.sweep, workload.start),
            end_process=partial(os._exit, ExitCode.LOST),
        ),
        number=number,
        device=fresh(workload.policy.resources),
        report=partial(workload.listener.epoch_done, planned.id),
    )
