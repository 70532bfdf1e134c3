"""What a sweep leaves, read by its documented names and formats alone."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch


def record(path: Path) -> dict[str, Any]:
    """The content of a sealed record, without the version of its format."""
    content: dict[str, Any] = json.loads(path.read_text())["record"]
    content.pop("version", None)
    return content


def table(storage: Path, sweep: str, name: str = "trials.csv") -> pd.DataFrame:
    """A table of a sweep."""
    return pd.read_csv(storage / "sweeps" / sweep / name)


def trial_folders(storage: Path) -> dict[str, Path]:
    """The folder of each trial by its id."""
    return {path.name: path for path in (storage / "trials").glob("t*")}


def attempts(trial: Path) -> list[Path]:
    """The attempts at a trial, the oldest first."""
    return sorted(trial.glob("attempts/[0-9]*"))


def worker(attempt: Path) -> int:
    """The process that made, or makes, the attempt."""
    return int(record(attempt / "lease.json")["owner"]["process"])


def beat(attempt: Path) -> dict[str, Any]:
    """Its last sign of life; empty before the first."""
    path = attempt / "beat.json"
    return record(path) if path.exists() else {}


def ending(attempt: Path) -> str | None:
    """How an attempt ended; None where it did not say."""
    path = attempt / "ended.json"
    return str(record(path)["how"]) if path.exists() else None


def own_rows(attempt: Path) -> list[dict[str, float]]:
    """The facts of each epoch that the attempt itself trained, the first epoch first."""
    return [record(path) for path in sorted(attempt.glob("rows/*.json"))]


def inherited_rows(attempt: Path) -> list[dict[str, float]]:
    """The facts of the epochs before those: of the checkpoint from which it went on."""
    origin = attempt / "origin.json"
    return list(record(origin)["rows"]) if origin.exists() else []


def rows(attempt: Path) -> list[dict[str, float]]:
    """An attempt's facts of each epoch, the first epoch first."""
    return inherited_rows(attempt) + own_rows(attempt)


def epochs_trained(trial: Path) -> int:
    """Over all attempts at it."""
    return sum(len(own_rows(attempt)) for attempt in attempts(trial))


def checkpoints(trial: Path) -> set[tuple[int, int]]:
    """Epochs, and steps of the epoch after these, at which its checkpoints stand."""
    stems = [path.stem for path in trial.glob("attempts/*/checkpoints/*.pt")]
    return {(int(epochs), int(steps)) for epochs, steps in (stem.split("-") for stem in stems)}


def epochs_kept(trial: Path) -> int:
    """Whole epochs at the farthest checkpoint; 0 where there is none."""
    return max(checkpoints(trial), default=(0, 0))[0]


def published(trial: Path) -> Path:
    """The attempt whose weights count."""
    return trial / "attempts" / f"{record(trial / 'result.json')['attempt']:06d}"


def weights(trial: Path) -> dict[str, torch.Tensor]:
    """The trained model that counts."""
    file = published(trial) / "weights.pt"
    model: dict[str, torch.Tensor] = torch.load(file, weights_only=True)["model"]
    return model


def evaluation_on(trial: Path, split: str) -> Path:
    """The record of its only evaluation on images of a split."""
    every = trial.glob("evaluations/*.json")
    (evaluation,) = (path for path in every if record(path)["suite"]["split"] == split)
    return evaluation


def bits(trial: Path) -> dict[str, npt.NDArray[Any]]:
    """The outcomes of its only evaluation on the test set, by name."""
    evaluation = evaluation_on(trial, "test")
    attempt = f"{record(evaluation)['attempt']:06d}"
    with np.load(trial / "attempts" / attempt / "outcomes" / f"{evaluation.stem}.npz") as archive:
        return dict(archive)


def assert_same_result(trial: Path, other: Path) -> None:
    """Weights and outcomes are equal bit for bit."""
    model, other_model = weights(trial), weights(other)
    assert model.keys() == other_model.keys()
    for name, tensor in model.items():
        assert torch.equal(tensor, other_model[name]), f"{name} of {trial.name} differs"
    outcomes, other_outcomes = bits(trial), bits(other)
    assert outcomes.keys() == other_outcomes.keys()
    for name, outcome in outcomes.items():
        assert np.array_equal(outcome, other_outcomes[name]), f"{name} of {trial.name} differs"


def times_of(folder: Path) -> dict[str, int]:
    """When each file below a folder was last written, in nanoseconds, by its name from there."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def runs(storage: Path, sweep: str) -> Counter[tuple[str, str]]:
    """How often (trial id or `sweep`, status) is among the runs of the sweep's experiment in the
    embedded MLflow."""
    with closing(sqlite3.connect(storage / "mlflow.db")) as database:
        return Counter(
            database.execute(
                "SELECT CASE tags.key WHEN 'pareto.trial_id' THEN tags.value ELSE 'sweep' END,"
                " runs.status FROM runs JOIN experiments USING (experiment_id)"
                " JOIN tags ON tags.run_uuid = runs.run_uuid"
                " WHERE experiments.name = ? AND tags.key IN ('pareto.trial_id', 'pareto.sweep')",
                (sweep,),
            )
        )
