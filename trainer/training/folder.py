"""The folder of one training run: `weights.pt`, `checkpoint.pt`, `epochs.csv`, `last_steps.csv`;
`best.pt` where the best weights are kept.

Each `.pt` has its SHA-256 beside it (`trainer.input.checksum`). Each file is written beside its
place and renamed into it, so that whatever ends the process leaves the one before whole.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainer.input.checksum import checksum_line, checksum_path
from trainer.input.problems import BadInput, Problem
from trainer.input.whole_file import write_whole
from trainer.training.last_steps import LastSteps
from trainer.training.loop import EpochRow
from trainer.weights import own_weights
from trainer.weights.checkpoint import Checkpoint, Weights


class TrainingFolder:
    """The folder in which a run keeps what it makes; made where it does not exist."""

    def __init__(self, path: Path) -> None:
        """Begin the folder of a run, which has no epochs yet."""
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._rows: list[Mapping[str, float | str]] = []

    def go_on(self, epochs_done: int) -> None:
        """Keep the rows of the first `epochs_done` epochs that an earlier run left here.

        Raises:
            BadInput: `epochs.csv` is none of ours.
        """
        path = self._path / "epochs.csv"
        if not path.exists():
            return
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file)
                self._rows = [row for row in rows if int(row["epoch"]) <= epochs_done]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            message = (
                f"must be a table with a column epoch of whole numbers ({error!r}); "
                f"move it away, or go on in another folder with --out"
            )
            raise BadInput(Problem(str(path), "", message)) from error

    def add(self, row: EpochRow) -> None:
        """Add one epoch to `epochs.csv`."""
        self._rows.append(row)
        self._write("epochs.csv", _table(self._rows))

    def keep(self, checkpoint: Checkpoint) -> Path:
        """Keep the newest state to go on from, in `checkpoint.pt`."""
        return self._write_with_checksum("checkpoint.pt", checkpoint.to_bytes())

    def finish(self, weights: Weights, *, best: Weights | None) -> list[Path]:
        """Keep the trained model, in `weights.pt`, and its best weights, in `best.pt`; where it has
        none, those that another run has left there go."""
        for path in (checksum_path(self._path / "best.pt"), self._path / "best.pt"):
            path.unlink(missing_ok=True)
        of_best = [] if best is None else [self._keep_weights("best.pt", best)]
        return [self._keep_weights("weights.pt", weights), *of_best]

    def explain(self, last_steps: LastSteps) -> Path:
        """Keep the steps before a divergence, in `last_steps.csv`."""
        return self._write("last_steps.csv", _table(last_steps))

    def _keep_weights(self, name: str, weights: Weights) -> Path:
        data = weights.to_bytes()
        own_weights.remember(weights.trial, data)
        return self._write_with_checksum(name, data)

    def _write_with_checksum(self, name: str, data: bytes) -> Path:
        """Write a file, then its checksum, so that no checksum is ever beside bytes not its own."""
        checksum_path(self._path / name).unlink(missing_ok=True)
        path = self._write(name, data)
        self._write(checksum_path(path).name, checksum_line(name, data))
        return path

    def _write(self, name: str, data: bytes) -> Path:
        path = self._path / name
        write_whole(path, data)
        return path


def _table(rows: Sequence[Mapping[str, float | str]]) -> bytes:
    """Write rows as CSV, with a column for each name that any row has."""
    columns = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
