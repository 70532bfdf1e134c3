"""A sweep's command in the process of the test, `--local`: its trials without Ray.

For tests of what a storage holds before and after, which is the same whoever ran the trials: a
command of its own takes seconds to import what it needs, and so does each of Ray's workers.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from orchestrator.driver import session
from orchestrator.execution import in_process
from orchestrator.execution.backend import RunTrials
from orchestrator.execution.in_process import SECONDS_BETWEEN_LOOKS, run_trials
from orchestrator.execution.queue import Queue
from orchestrator.plan.plan import PlannedTrial
from orchestrator.spec.policy import Policy
from orchestrator.store import Store
from orchestrator.store.sweeps import orders
from orchestrator.sweep import app
from orchestrator.worker.trial import Ending, Mission, carry_out
from tests.integration.running import USER_CODE, Finished
from tests.orchestrator.working import fork, never
from trainer.evaluation.suite import Suite


def swept(*arguments: str | Path, **environment: str) -> Finished:
    """Run a sweep to its end, each trial in this process."""
    return _commanded(run_trials, ["--local", *arguments], environment)


def nothing_to_run(*arguments: str | Path, **environment: str) -> Finished:
    """Run a sweep that has nothing to train and nothing to evaluate.

    Raises:
        AssertionError: it would have started Ray.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "_connected", _refused)
        patch.setattr(session, "_back_end", _refused)
        return _commanded(run_trials, arguments, environment)


@contextmanager
def sweeping_at_once(*arguments: str | Path, **environment: str) -> Iterator[BaseProcess]:
    """A sweep under way in a process of its own, each trial in a child of that; at the end of the
    block all of them are killed at once, as in a power cut."""

    def lead() -> None:
        os.setsid()
        os._exit(_commanded(_all_at_once, ["--local", *arguments], environment).code)

    leader = fork.Process(target=lead)
    leader.start()
    try:
        yield leader
    finally:
        assert leader.pid is not None
        if leader.is_alive():
            os.killpg(leader.pid, signal.SIGKILL)
        leader.join()


def _commanded(
    run: RunTrials, arguments: Sequence[str | Path], environment: dict[str, str]
) -> Finished:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(USER_CODE)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(in_process, "run_trials", run)
        done = CliRunner().invoke(app, list(map(str, arguments)))
    torch.set_num_threads(threads)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Finished(code=done.exit_code, stdout=done.stdout, stderr=done.stderr)


def _refused(*_: object, **__: object) -> None:
    raise AssertionError("there is something to run")


def _all_at_once(
    trials: Sequence[PlannedTrial], *, suite: Suite, store: Store, policy: Policy, **rest: Any
) -> None:
    """In the place of `run_trials`; what trials report is heard by nobody."""
    queue = _queue(trials, suite=suite, store=store, policy=policy)
    by_id = {planned.id: planned for planned in trials}
    children = []
    while not queue.is_empty and not rest["is_stopped"]():
        if (found := queue.next()) is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            continue
        trial_id, number = found
        child = fork.Process(
            target=_carried_out,
            args=(by_id[trial_id], suite, store, policy),
            kwargs={
                "number": number,
                "sweep": rest["sweep"],
                "start": rest["start"],
                "report": _unheard,
            },
        )
        child.start()
        children.append(child)
    for child in children:
        child.join()


def _unheard(row: object) -> None:
    """An epoch's row, which lies in the store."""


def _queue(trials: Sequence[PlannedTrial], *, suite: Suite, store: Store, policy: Policy) -> Queue:
    return Queue(
        [planned.id for planned in trials],
        store,
        suite_id=suite.id,
        lease=policy.lease,
        retries=policy.retries,
    )


def _carried_out(
    planned: PlannedTrial,
    suite: Suite,
    store: Store,
    policy: Policy,
    *,
    number: int,
    sweep: str,
    start: str,
    report: Callable[[Any], None],
) -> Ending:
    mission = Mission(
        policy=policy,
        trains=planned.trains,
        sweep=sweep,
        start=start,
        node="127.0.0.1",
        read_orders=partial(orders.read, store.files, sweep, start),
        give_up=never,
    )
    return carry_out(
        planned.trial,
        suite,
        store,
        mission,
        number=number,
        device=torch.device("cpu"),
        report=report,
    )
