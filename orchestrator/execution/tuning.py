"""Ray Tune over the pending trials: as many at once as the resources allow, each in the store.

A fresh Tuner at every start: what is done, and where to go on, is the store's to know. Tune asks
for one trial after another, neither checkpoints nor restores, and never retries: a trial whose
worker died goes back into the queue, and its next attempt finds the last checkpoint.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayTaskError
from ray.tune import Callback, RunConfig, Stopper, TuneConfig, Tuner
from ray.tune.search import Searcher

from orchestrator.execution.backend import RealTime, Workload, failure_by
from orchestrator.execution.queue import Queue
from orchestrator.execution.report_thread import reported_in_a_thread
from orchestrator.execution.silence import end_worker
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.policy import Policy, Resources
from orchestrator.store import Failure, Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.retrying import RetryingFiles
from orchestrator.store.leases.lease import utc_now
from orchestrator.store.sweeps import orders
from orchestrator.worker.fresh import fresh
from orchestrator.worker.trial import Ending, Mission, carry_out
from trainer.config import read_trial
from trainer.evaluation.suite import read_suite
from trainer.input.document import Document

logger = logging.getLogger(__name__)

TRIAL, ATTEMPT, WORK = "trial_id", "attempt", "work"
"""Keys of a configuration that Tune hands to a worker. In their order Tune names folders by them,
as far as a name may be long: the longest is last."""

GRACE_SECONDS = 20.0
"""Seconds from a request to stop to the end of workers that have not heard of it."""

SECONDS_BETWEEN_LOOKS = 0.5
"""Seconds between two looks at the queue while no trial can be taken from it."""

SECONDS_BETWEEN_LOOKS_AT_WORKERS = 2.0
"""Seconds between two looks at the workers' signs of life."""

LONGEST_OUTAGE_SECONDS = 600.0
"""Seconds for which a worker waits for an unreachable storage."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What workers must know beside the trial, in plain values, which can be sent to any
    machine."""

    storage: str
    suite: Mapping[str, Any]
    policy: Mapping[str, Any]
    sweep: str
    start: str


class RayTune(RealTime):
    """The back end of the connected Ray cluster.

    A trial that ends without a result in the store, its worker lost once too often, is recorded
    there as failed.
    """

    def run(self, workload: Workload) -> None:
        """Run the trials on the cluster: see `orchestrator.execution.backend.BackEnd`."""
        policy = workload.policy
        assignment = Assignment(
            storage=workload.store.files.url,
            suite=workload.suite.record(),
            policy=policy.model_dump(mode="json"),
            sweep=workload.sweep,
            start=workload.start,
        )
        trainable = tune.with_resources(
            tune.with_parameters(work_on_trial, assignment=assignment),
            {"CPU": policy.resources.cpu, "GPU": policy.resources.gpu},
        )
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(_slots(policy.resources))

        def is_paused() -> bool:
            return orders.paused(workload.store.files, workload.sweep) is not None

        queue = Queue.of(workload, self.clock)
        while not queue.is_over() and not workload.is_stopped():
            if is_paused() or not queue.is_ready():
                self.sleep(SECONDS_BETWEEN_LOOKS)
                continue
            with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
                Tuner(
                    trainable,
                    tune_config=TuneConfig(
                        search_alg=_Suggestions(
                            queue, lambda: workload.is_stopped() or is_paused()
                        ),
                        num_samples=-1,
                        reuse_actors=True,
                    ),
                    run_config=RunConfig(
                        storage_path=scratch,
                        stop=_Grace(workload.is_stopped, self.clock),
                        callbacks=[_Relay(workload, queue, self.clock)],
                        verbose=0,
                    ),
                ).fit()


def suggestion(planned: PlannedTrial, number: int) -> dict[str, Any]:
    """Return a trial and the number of its attempt as a configuration of Tune.

    What the trial is stands in one text: Tune flattens a configuration, and names folders by it.
    """
    work = {"trial": planned.trial.record(), "trains": planned.trains}
    return {TRIAL: planned.id, ATTEMPT: number, WORK: json.dumps(work)}


def work_on_trial(config: dict[str, Any], *, assignment: Assignment) -> None:
    """Run one trial in a worker process, which may have run others: its state is set anew."""
    policy = Policy.model_validate(assignment.policy)
    device = fresh(policy.resources)
    files = open_files(assignment.storage)
    waiting = RetryingFiles(
        files,
        warn=logger.warning,
        is_cancelled=lambda: False,
        longest_outage=LONGEST_OUTAGE_SECONDS,
    )
    read_orders = partial(orders.read, files, assignment.sweep, assignment.start)
    work = json.loads(config[WORK])
    # Tune holds whoever reports until the command has heard it, which may stand still; a row is
    # nested, away from Tune's own keys.
    with reported_in_a_thread(lambda row: tune.report({"row": row})) as report:
        ending = carry_out(
            read_trial(Document.from_plain(work["trial"], config[TRIAL])),
            read_suite(Document.from_plain(assignment.suite, "suite")),
            Store(waiting, files),
            Mission(
                policy=policy,
                trains=work["trains"],
                sweep=assignment.sweep,
                start=assignment.start,
                node=ray.util.get_node_ip_address(),
                read_orders=read_orders,
                end_process=partial(os._exit, 1),
            ),
            number=config[ATTEMPT],
            device=device,
            report=report,
        )
    tune.report({"ending": str(ending)})


def _slots(resources: Resources) -> int:
    """Return how many trials the cluster has room for at once."""
    total = ray.cluster_resources()
    slots = total.get("CPU", 0.0) / resources.cpu
    if resources.gpu:
        slots = min(slots, total.get("GPU", 0.0) / resources.gpu)
    return max(1, int(slots))


def failure_of(error: BaseException) -> Failure:
    """Return the failure of a trial by the error that Ray ended its worker with."""
    if isinstance(error, RayTaskError):  # it lived to say why
        return failure_by(error.cause, str(error))
    is_of_memory = "OutOfMemory" in type(error).__name__ or "OOM" in str(error)
    return Failure(
        kind="out_of_memory" if is_of_memory else "worker_lost",
        message=type(error).__name__,
        details=str(error),
        at=utc_now(),
    )


class _Stateless:
    """An object that Tune saves without its state, since it is never restored."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _Suggestions(_Stateless, Searcher):
    """The queue as a search algorithm of Tune."""

    def __init__(self, queue: Queue, is_closed: Callable[[], bool]) -> None:
        super().__init__()
        self._queue = queue
        self._is_closed = is_closed

    def suggest(self, trial_id: str) -> Any:
        """Return the next trial's configuration; None where others must end before there is one."""
        found = None if self._is_closed() else self._queue.next()
        if found is not None:
            return suggestion(*found)
        return None if self._queue.out else Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        """Do nothing: the relay, which knows more, tells the queue."""

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the store has all that must survive."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing: nothing was saved."""


class _Grace(_Stateless, Stopper):
    """Ends trials that go on for `GRACE_SECONDS` after a stop was asked for."""

    def __init__(self, is_stopped: Callable[[], bool], clock: Callable[[], float]) -> None:
        self._is_stopped = is_stopped
        self._clock = clock
        self._asked: float | None = None

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return False: no trial is ended for what it reports."""
        return False

    def stop_all(self) -> bool:
        """Whether the time to stop by themselves is over for all trials; asked at every step."""
        if self._asked is None and self._is_stopped():
            self._asked = self._clock()
        return self._asked is not None and self._clock() - self._asked > GRACE_SECONDS


class _Relay(_Stateless, Callback):
    """Passes Tune's events on to the queue and the listener."""

    def __init__(self, workload: Workload, queue: Queue, clock: Callable[[], float]) -> None:
        self._workload = workload
        self._listener = workload.listener
        self._queue = queue
        self._clock = clock
        self._looked = clock()

    def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
        if iteration == 0:
            self._workload.keep_signals()
        if self._clock() - self._looked > SECONDS_BETWEEN_LOOKS_AT_WORKERS:
            self._looked = self._clock()
            for lease in self._queue.silent(self._workload.seconds_in_touch):
                end_worker(lease)

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._listener.started(trial.config[TRIAL])

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if "row" in result:
            self._listener.epoch_done(trial.config[TRIAL], result["row"])

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        trial_id = trial.config[TRIAL]
        ending = Ending((trial.last_result or {}).get("ending", Ending.STOPPED))
        self._tell(trial_id, is_over=self._queue.ended(trial_id, ending))

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        trial_id = trial.config[TRIAL]
        failure = failure_of(trial.get_pickled_error())
        self._tell(trial_id, is_over=self._queue.worker_died(trial_id, failure))

    def _tell(self, trial_id: str, *, is_over: bool) -> None:
        if is_over:
            self._listener.ended(trial_id)
        else:
            self._listener.let_go(trial_id)
