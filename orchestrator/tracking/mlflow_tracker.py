"""A sweep in MLflow: an experiment of the sweep's name, one run for the sweep, a child a trial.

Runs are found again by tags, and a point logged twice with its own time and step stays one
point: so everything may be sent again, after a crash or by the next start. One thread sends,
in order; the sweep goes on meanwhile, and also where the server does not answer. A run has the
times of its trial, whenever it is sent.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock

from orchestrator.table.columns import declared
from orchestrator.tracking.database import database_uri
from orchestrator.tracking.names import text, valid_name
from orchestrator.tracking.tracker import TrackedTrial, Tracker
from trainer.input.redaction import HIDDEN, is_secret_name, redacted
from trainer.input.whole_file import written_whole

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from trainer.training.loop import EpochRow

logger = logging.getLogger(__name__)

TRIAL_TAG = "pareto.trial_id"
SWEEP_TAG = "pareto.sweep"
TOLD_TAG = "pareto.told"  # a hash of what was last sent in full
PRUNED_TAG = "pareto.pruned"  # by which rule a trial was ended early, and why
NAMES_TAG = "pareto.names"  # JSON: labels by the names that stand for them, where MLflow takes none
VALIDATION_TAG = "pareto.validation"  # id of what validation looked at after its epochs
_PARENT_TAG = "mlflow.parentRunId"

_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # which pages its UI shows
_STATUS = {
    "done": "FINISHED",
    "failed": "FAILED",
    "stopped": "KILLED",
    "pruned": "KILLED",  # before its end, which FINISHED would hide; a tag says by what
    "running": "RUNNING",
}
_MAX_METRICS, _MAX_PARAMS, _MAX_VALUE = 900, 90, 500  # under the server's limits for a request
_MAX_TAG = 8000
_FAILURES_TO_GIVE_UP = 3  # one after the other
_OTHERS_SECONDS = 10.0  # that another start may take to make a run that it claimed
T = TypeVar("T")


class MlflowTracker(Tracker):
    """Sends what happens in a sweep to an MLflow store or server."""

    def __init__(
        self,
        uri: str,
        sweep: str,
        artifacts: Path | None,
        is_ours: Callable[[str], bool],
        present_id: Callable[[str], str],
    ) -> None:
        """Begin to send at once, in the background.

        Args:
            uri: the tracking store's; may hold a password, which is never shown.
            sweep: the experiment's name.
            artifacts: where a new experiment keeps files; None: as the server decides.
            is_ours: whether this process is to make a run that is not there yet, by its key: it
                is another's while one that claimed it first still runs.
            present_id: gives the id that a trial has now, by one that its run may have of before.
        """
        self._uri = uri
        self._sweep = sweep
        self._artifacts = artifacts
        self._is_ours = is_ours
        self._present_id = present_id
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._is_incomplete = False
        self._failures = 0  # one after the other
        self._runs: dict[str, _Known] = {}  # by trial id
        self._is_at_work = False  # whether the sweep's own run says so
        self._ended: list[str] = []  # of the trials that were sent
        self._thread = threading.Thread(target=self._send, name="mlflow", daemon=True)
        self._thread.start()

    def trial(self, trial: TrackedTrial) -> None:
        told = _hash([trial.name, trial.params, trial.scores, trial.status, trial.ended])

        def send() -> None:
            if trial.status == "running":
                self._begin_work()
                run = self._run_of(trial)
                if run.status != "RUNNING":  # it failed, say, and is tried again
                    self._client.update_run(run.id, status="RUNNING")
                    run.status = "RUNNING"
                    self._tag_pruned(run, None)
                self._log_rows(run.id, trial.rows())
                return
            if trial.ended is not None:
                self._ended.append(trial.ended)
            known = self._runs.get(trial.id)
            if known is None or (known.told, known.status) != (told, _STATUS[trial.status]):
                self._tell_whole(trial, told)

        self._tasks.put(send)

    def _tell_whole(self, trial: TrackedTrial, told: str) -> None:
        run = self._run_of(trial)
        rows = trial.rows()
        if not run.is_of_before:  # which has them, ids of before among them: none ever changes
            self._log_params(run.id, trial.params)
        self._log_rows(run.id, rows)
        self._log_scores(run.id, trial.scores, rows)
        told_of = dict.fromkeys(name for row in rows for name in row)
        self._keep_names(run.id, [*flat(trial.params), *trial.scores, *told_of])
        if run.parent != self._parent:  # the sweep's own run was deleted, and is another
            self._client.set_tag(run.id, _PARENT_TAG, self._parent)
        self._client.update_run(run.id, name=text(trial.name))
        self._client.set_terminated(run.id, _STATUS[trial.status], _milliseconds(trial.ended))
        self._tag_pruned(run, trial.pruned)
        if trial.validation is not None:
            self._client.set_tag(run.id, VALIDATION_TAG, trial.validation)
        self._client.set_tag(run.id, TOLD_TAG, told)
        run.status, run.told = _STATUS[trial.status], told

    def _tag_pruned(self, run: _Known, pruned: str | None) -> None:
        """Tag a run with what pruned its trial, or take the tag away from one that went on."""
        if pruned is not None:
            self._client.set_tag(run.id, PRUNED_TAG, pruned[:_MAX_TAG])
        elif run.is_pruned:
            self._client.delete_tag(run.id, PRUNED_TAG)
        run.is_pruned = pruned is not None

    def sweep(self, *, metrics: Mapping[str, float], files: Sequence[Path]) -> None:
        def send() -> None:
            self._log_scores(self._parent, metrics, [])
            for file in files:
                self._client.log_artifact(self._parent, str(file))
            last = max(self._ended, default=None)  # as text they are in order: all are UTC
            self._client.set_terminated(self._parent, "FINISHED", _milliseconds(last))

        self._tasks.put(send)

    def close(self) -> bool:
        self._tasks.put(None)
        self._thread.join()
        return not self._is_incomplete

    def _send(self) -> None:
        self._attempt(self._open)
        opened = not self._is_incomplete
        for task in iter(self._tasks.get, None):
            if opened and self._failures < _FAILURES_TO_GIVE_UP:
                self._attempt(task)

    def _attempt(self, task: Callable[[], None]) -> None:
        try:
            task()
            self._failures = 0
        except Exception as error:  # a tracker never fails a sweep, whatever its server does
            self._is_incomplete = True
            self._failures += not _is_refusal(error)
            logger.warning(
                "MLflow at %s did not take a record (%s); the store has it, and the next start "
                "of the sweep sends it again",
                redacted(self._uri),
                f"{type(error).__name__}: {redacted(str(error))}".splitlines()[0][:200],
            )

    def _open(self) -> None:
        """Open the experiment, and find or make the sweep's own run and find the trials' runs."""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # which is the command's own
        from mlflow import MlflowClient  # noqa: PLC0415 (seconds of import, off the main thread)

        for noisy in ("mlflow", "alembic", "urllib3"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        with self._schema_lock() as database:
            if database is not None and not database.exists():
                _make_database(database)
            self._client: MlflowClient = MlflowClient(tracking_uri=self._uri)
            self._experiment = self._found_experiment()
        parent = None
        token = None
        while True:
            page = self._client.search_runs([self._experiment], page_token=token)
            for run in page:
                if SWEEP_TAG in run.data.tags:
                    parent = run.info.run_id
                elif trial_id := run.data.tags.get(TRIAL_TAG):
                    known = self._runs[self._present_id(trial_id)] = _Known.of(run)
                    known.is_of_before = self._present_id(trial_id) != trial_id
            token = page.token
            if not token:
                break
        if parent is None:
            tags = {SWEEP_TAG: self._sweep}
            known, _ = self._found_or_made("sweep", tags, self._sweep, lambda: None)
            parent = known.id
        self._parent = parent

    def _begin_work(self) -> None:
        """Set the sweep's own run, which an earlier start may have finished, running again."""
        if not self._is_at_work:
            self._client.update_run(self._parent, status="RUNNING")
            self._is_at_work = True

    @contextmanager
    def _schema_lock(self) -> Iterator[Path | None]:
        """Keep other first starts from making an embedded database at once, by a lock beside it."""
        if not self._uri.startswith("sqlite"):
            yield None
            return
        from sqlalchemy.engine import make_url  # noqa: PLC0415 (with MLflow, off the main thread)

        database = make_url(self._uri).database
        if database in {None, "", ":memory:"}:
            yield None
            return
        path = Path(str(database)).absolute()
        with FileLock(f"{path}.lock"):
            yield path

    def _found_experiment(self) -> str:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 (as above)

        experiment = self._client.get_experiment_by_name(self._sweep)
        if experiment is None:
            location = None if self._artifacts is None else self._artifacts.as_uri()
            try:
                return self._client.create_experiment(self._sweep, location, _EXPERIMENT_TAGS)
            except MlflowException:  # made by another start meanwhile, or truly refused
                experiment = self._client.get_experiment_by_name(self._sweep)
                if experiment is None:
                    raise
        if experiment.lifecycle_stage == "deleted":  # its name stays taken, and takes no runs
            self._client.restore_experiment(experiment.experiment_id)
            logger.warning(
                "MLflow's experiment %r was deleted, and is restored to take what is sent now; to "
                "keep it deleted, give the sweep another name, or --tracking-uri none",
                self._sweep,
            )
        return str(experiment.experiment_id)

    def _run_of(self, trial: TrackedTrial) -> _Known:
        if trial.id not in self._runs:
            tags = {TRIAL_TAG: trial.id, _PARENT_TAG: self._parent}
            run, is_new = self._found_or_made(trial.id, tags, text(trial.name), trial.began)
            self._runs[trial.id] = run
            if is_new:
                self._log_params(run.id, trial.params)
        return self._runs[trial.id]

    def _found_or_made(
        self, key: str, tags: Mapping[str, str], name: str, began: Callable[[], str | None]
    ) -> tuple[_Known, bool]:
        """Return the run with the first of the tags, and whether it was made here: other starts of
        the sweep may be about to make it as well."""
        tag, value = next(iter(tags.items()))
        condition = f"= '{value}'" if tag == TRIAL_TAG else "LIKE '%'"  # names may have quotes
        is_ours = self._is_ours(key)
        deadline = time.monotonic() + _OTHERS_SECONDS
        while True:
            found = self._client.search_runs([self._experiment], f"tags.`{tag}` {condition}")
            if found:
                return _Known.of(found[0]), False
            if is_ours or time.monotonic() > deadline:
                run = self._client.create_run(
                    self._experiment,
                    start_time=_milliseconds(began()),
                    tags=dict(tags),
                    run_name=name,
                )
                return _Known.of(run), True
            time.sleep(_OTHERS_SECONDS / 20)

    def _keep_names(self, run: str, labels: Iterable[str]) -> None:
        """Keep in a tag which names stand for labels that MLflow does not take."""
        altered = {valid_name(label): label for label in labels if valid_name(label) != label}
        if altered:
            self._client.set_tag(run, NAMES_TAG, json.dumps(altered)[:_MAX_TAG])

    def _log_params(self, run: str, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param  # noqa: PLC0415

        for some in _chunks(sorted(flat(params).items()), _MAX_PARAMS):
            values = [Param(valid_name(key), text(value)[:_MAX_VALUE]) for key, value in some]
            self._client.log_batch(run, params=values)

    def _log_rows(self, run: str, rows: Sequence[EpochRow]) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415

        metrics = [
            Metric(_epochs_own(key), value, int(row["time"] * 1000), int(row["epoch"]))
            for row in rows
            for key, value in row.items()
            if key not in {"epoch", "time"}
        ]
        for some in _chunks(metrics, _MAX_METRICS):
            self._client.log_batch(run, metrics=some)

    def _log_scores(self, run: str, scores: Mapping[str, float], rows: Sequence[EpochRow]) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415

        now = int((rows[-1]["time"] if rows else time.time()) * 1000)
        step = int(rows[-1]["epoch"]) if rows else 0
        metrics = [Metric(valid_name(key), value, now, step) for key, value in scores.items()]
        for some in _chunks(metrics, _MAX_METRICS):
            self._client.log_batch(run, metrics=some)


@dataclass
class _Known:
    """A trial's run, as MLflow was last seen or made to have it."""

    id: str
    status: str
    parent: str | None
    told: str
    is_pruned: bool
    is_of_before: bool = False  # under an id that the trial had before

    @classmethod
    def of(cls, run: Run) -> _Known:
        """Read what a run that was found says."""
        tags = run.data.tags
        return cls(
            id=run.info.run_id,
            status=run.info.status,
            parent=tags.get(_PARENT_TAG),
            told=tags.get(TOLD_TAG, ""),
            is_pruned=PRUNED_TAG in tags,
        )


def _epochs_own(fact: str) -> str:
    """Return the metric of an epoch's fact: a column's name, as `seconds`, is the trial's there."""
    return valid_name(f"epoch_{fact}" if declared(fact) is not None else fact)


def _milliseconds(at: str | None) -> int | None:
    """Return a time as MLflow keeps it; None, which MLflow takes for now, where it is not known."""
    return None if at is None else int(datetime.fromisoformat(at).timestamp() * 1000)


def _make_database(path: Path) -> None:
    """Make a new embedded database, whole or not at all: where a process is killed while it makes
    MLflow's schema, MLflow refuses what is left ever after."""
    from mlflow import MlflowClient  # noqa: PLC0415 (seconds of import, off the main thread)

    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as unfinished:
        for left in list(path.parent.iterdir()):
            if left.name.startswith(unfinished.name):  # SQLite's journal of it too
                left.unlink()
        MlflowClient(tracking_uri=database_uri(str(unfinished))).search_experiments(max_results=1)


def _is_refusal(error: Exception) -> bool:
    """Whether the server is there, and does not take this record: it may take the next."""
    return getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE"


def flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested settings to dotted names and text, as MLflow keeps parameters."""
    names: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            names |= flat(value, f"{prefix}{key}.")
        else:
            names[f"{prefix}{key}"] = HIDDEN if is_secret_name(key) else redacted(str(value))
    return names


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _hash(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
