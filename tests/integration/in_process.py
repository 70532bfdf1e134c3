"""A sweep's command in the process of the test, `--local`: its trials without Ray.

For tests of what a storage holds before and after, which is the same whoever ran the trials: a
command of its own takes seconds to import what it needs, and so does each of Ray's workers.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from orchestrator.driver.site import Site
from orchestrator.execution.backend import Workload
from orchestrator.execution.in_process import SECONDS_BETWEEN_LOOKS, InProcess, work_on
from orchestrator.execution.queue import Queue
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.sweep import app
from tests.integration.running import USER_CODE, Finished
from tests.orchestrator.working import fork
from trainer.training.loop import EpochRow


def swept(*arguments: str | Path, **environment: str) -> Finished:
    """Run a sweep to its end, each trial in this process."""
    return _commanded(InProcess.run, ["--local", *arguments], environment)


def nothing_to_run(*arguments: str | Path, **environment: str) -> Finished:
    """Run a sweep that has nothing to train and nothing to evaluate.

    Raises:
        AssertionError: it would have started Ray.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Site, "_connect", _refused)
        patch.setattr(Site, "back_end", _refused)
        return _commanded(InProcess.run, arguments, environment)


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
    run: Callable[[InProcess, Workload], None],
    arguments: Sequence[str | Path],
    environment: dict[str, str],
) -> Finished:
    if "--report" not in arguments and "--dry-run" not in arguments:
        arguments = [*arguments, "--report", "none"]  # it would have a date, and takes a second
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(USER_CODE)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(InProcess, "run", run)
        done = CliRunner().invoke(app, list(map(str, arguments)))
    torch.set_num_threads(threads)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Finished(code=done.exit_code, stdout=done.stdout, stderr=done.stderr)


def _refused(*_: object, **__: object) -> None:
    raise AssertionError("there is something to run")


def _all_at_once(back_end: InProcess, workload: Workload) -> None:
    """In the place of `InProcess.run`; what trials report is heard by nobody."""
    queue = Queue.of(workload, back_end.clock)
    children = []
    while not queue.is_over() and not workload.is_stopped():
        if (found := queue.next()) is None:
            back_end.sleep(SECONDS_BETWEEN_LOOKS)
            continue
        child = fork.Process(target=_worked_on, args=(*found, workload))
        child.start()
        children.append(child)
    for child in children:
        child.join()


def _worked_on(planned: PlannedTrial, number: int, workload: Workload) -> None:
    work_on(planned, number, replace(workload, listener=_Nobody()))


class _Nobody:
    """Hears of events whose traces lie in the store."""

    def started(self, trial_id: str) -> None: ...
    def epoch_done(self, trial_id: str, row: EpochRow) -> None: ...
    def let_go(self, trial_id: str) -> None: ...
    def ended(self, trial_id: str) -> None: ...
