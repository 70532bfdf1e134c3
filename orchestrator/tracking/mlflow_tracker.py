"""A sweep in MLflow: an experiment of the sweep's name, one run for the sweep, a child a trial.

Runs are found again by tags, and a point logged twice with its own time and step stays one
point: so everything may be sent again, after a crash or by the next start. One thread sends,
in order; the sweep goes on meanwhile, and also where the server does not answer.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock

from orchestrator.tracking.tracker import Tracker
from trainer.redaction import HIDDEN, is_secret_name, redacted
from trainer.training import EpochRow

if TYPE_CHECKING:
    from mlflow import MlflowClient

logger = logging.getLogger(__name__)

TRIAL_TAG = "pareto.trial_id"
SWEEP_TAG = "pareto.sweep"
TOLD_TAG = "pareto.told"  # a hash of what was last told in full

_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # which pages its UI shows
_STATUS = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED", "running": "RUNNING"}
_MAX_METRICS, _MAX_PARAMS, _MAX_VALUE = 900, 90, 500  # under the server's limits for a request
_FAILURES_TO_GIVE_UP = 3
_OTHERS_SECONDS = 10.0  # that another start may take to make a run that it claimed

T = TypeVar("T")


class MlflowTracker(Tracker):
    """Sends to an MLflow store or server."""

    def __init__(
        self, uri: str, sweep: str, artifacts: Path | None, is_ours: Callable[[str], bool]
    ) -> None:
        """Begin at once, in the background.

        Args:
            uri: of the tracking store; may hold a password, which is never shown.
            sweep: the experiment's name.
            artifacts: where a new experiment keeps files; None: as the server decides.
            is_ours: whether this process is to make a run that is not there yet, by its key: it
                is another's while one that claimed it first still runs.
        """
        self._uri = uri
        self._sweep = sweep
        self._artifacts = artifacts
        self._is_ours = is_ours
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._failures = 0
        self._runs: dict[str, str] = {}  # run ids by trial id
        self._told: dict[str, str] = {}  # hashes by trial id
        self._thread = threading.Thread(target=self._send, name="mlflow", daemon=True)
        self._thread.start()

    def trial(
        self,
        trial_id: str,
        *,
        name: str,
        params: Mapping[str, Any],
        rows: Callable[[], Sequence[EpochRow]],
        scores: Mapping[str, float],
        status: str,
    ) -> None:
        told = _hash([name, params, scores, status])

        def send() -> None:
            if status == "running":
                self._log_rows(self._run_of(trial_id, name, params), rows())
            elif self._told.get(trial_id) != told:
                run = self._run_of(trial_id, name, params)
                known = rows()
                self._log_params(run, params)
                self._log_rows(run, known)
                self._log_scores(run, scores, known)
                self._client.set_tag(run, TOLD_TAG, told)
                self._client.update_run(run, status=_STATUS[status])

        self._tasks.put(send)

    def sweep(self, *, metrics: Mapping[str, float], files: Sequence[Path]) -> None:
        def send() -> None:
            self._log_scores(self._parent, metrics, [])
            for file in files:
                self._client.log_artifact(self._parent, str(file))
            self._client.update_run(self._parent, status="FINISHED")

        self._tasks.put(send)

    def close(self) -> bool:
        self._tasks.put(None)
        self._thread.join()
        return not self._failures

    def _send(self) -> None:
        self._attempt(self._open)
        opened = not self._failures
        for task in iter(self._tasks.get, None):
            if opened and self._failures < _FAILURES_TO_GIVE_UP:
                self._attempt(task)

    def _attempt(self, task: Callable[[], None]) -> None:
        try:
            task()
        except Exception as error:  # a tracker never fails a sweep, whatever its server does
            self._failures += 1
            logger.warning(
                "MLflow at %s did not take a record (%s); the store has it, and the next start "
                "of the sweep sends it again",
                redacted(self._uri),
                f"{type(error).__name__}: {redacted(str(error))}".splitlines()[0][:200],
            )

    def _open(self) -> None:
        """The experiment, the sweep's own run, and the trials' runs that there are."""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient  # noqa: PLC0415 (seconds of import, off the main thread)

        for noisy in ("mlflow", "alembic", "urllib3"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        with self._schema_lock():
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
                    self._runs[trial_id] = run.info.run_id
                    self._told[trial_id] = run.data.tags.get(TOLD_TAG, "")
            token = page.token
            if not token:
                break
        if parent is None:
            parent, _ = self._found_or_made("sweep", {SWEEP_TAG: self._sweep}, self._sweep)
        self._parent = parent

    def _schema_lock(self) -> AbstractContextManager[Any]:
        """Of an embedded database, which two first starts would make at once."""
        if not self._uri.startswith("sqlite:///"):
            return nullcontext()
        return FileLock(f"{self._uri.removeprefix('sqlite:///')}.lock")

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
        return str(experiment.experiment_id)

    def _run_of(self, trial_id: str, name: str, params: Mapping[str, Any]) -> str:
        if trial_id not in self._runs:
            tags = {TRIAL_TAG: trial_id, "mlflow.parentRunId": self._parent}
            run, is_new = self._found_or_made(trial_id, tags, name)
            self._runs[trial_id] = run
            if is_new:
                self._log_params(run, params)
        return self._runs[trial_id]

    def _found_or_made(self, key: str, tags: Mapping[str, str], name: str) -> tuple[str, bool]:
        """The run of the first of the tags, and whether it was made here: other starts of the
        sweep may be about to make it as well."""
        tag, value = next(iter(tags.items()))
        is_ours = self._is_ours(key)
        deadline = time.monotonic() + _OTHERS_SECONDS
        while True:
            found = self._client.search_runs([self._experiment], f"tags.`{tag}` = '{value}'")
            if found:
                return found[0].info.run_id, False
            if is_ours or time.monotonic() > deadline:
                run = self._client.create_run(self._experiment, tags=dict(tags), run_name=name)
                return run.info.run_id, True
            time.sleep(_OTHERS_SECONDS / 20)

    def _log_params(self, run: str, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param  # noqa: PLC0415

        for some in _chunks(sorted(flat(params).items()), _MAX_PARAMS):
            values = [Param(key, value[:_MAX_VALUE]) for key, value in some]
            self._client.log_batch(run, params=values)

    def _log_rows(self, run: str, rows: Sequence[EpochRow]) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415

        metrics = [
            Metric(key, value, int(row["time"] * 1000), int(row["epoch"]))
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
        metrics = [Metric(key, value, now, step) for key, value in scores.items()]
        for some in _chunks(metrics, _MAX_METRICS):
            self._client.log_batch(run, metrics=some)


def flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names and text, as MLflow keeps parameters."""
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
