"""What a sweep leaves, read by its documented names and formats alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch


def record(path: Path) -> dict[str, Any]:
    """The content of a sealed record."""
    content: dict[str, Any] = json.loads(path.read_text())["record"]
    return content


def table(storage: Path, sweep: str, name: str = "trials.csv") -> pd.DataFrame:
    """A table of a sweep."""
    return pd.read_csv(storage / "sweeps" / sweep / name)


def trial_folders(storage: Path) -> dict[str, Path]:
    """The folder of each trial by its id."""
    return {path.name: path for path in (storage / "trials").glob("t*")}


def attempts(trial: Path) -> list[Path]:
    """The attempts at a trial, the oldest first."""
    return sorted(trial.glob("attempts/*"), key=lambda path: path.stat().st_ctime_ns)


def rows(attempt: Path) -> list[dict[str, float]]:
    """An attempt's facts of each epoch, the first epoch first."""
    return [record(path) for path in sorted(attempt.glob("rows/*.json"))]


def epochs_kept(trial: Path) -> int:
    """The epoch of the newest checkpoint; 0 where there is none."""
    checkpoints = trial.glob("attempts/*/checkpoints/*.pt.sha256")
    return max((int(path.name.split(".")[0]) for path in checkpoints), default=0)


def weights(trial: Path) -> dict[str, torch.Tensor]:
    """The trained model that counts."""
    attempt = record(trial / "result.json")["attempt"]
    file = trial / "attempts" / attempt / "weights.pt"
    model: dict[str, torch.Tensor] = torch.load(file, weights_only=True)["model"]
    return model


def bits(trial: Path) -> dict[str, npt.NDArray[Any]]:
    """The outcomes of its only evaluation, by name."""
    (file,) = trial.glob("evaluations/*.npz")
    with np.load(file) as archive:
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


def times_of(storage: Path) -> dict[str, int]:
    """When each file of the trials was last written, in nanoseconds, by its name in the storage."""
    return {
        str(path.relative_to(storage)): path.stat().st_mtime_ns
        for path in (storage / "trials").rglob("*")
        if path.is_file()
    }
