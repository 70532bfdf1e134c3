"""Train one model: `python -m trainer.train --data digits --method pareto --set method.rho=0.4`."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import typer

from trainer.checkpoint import Checkpoint, DamagedError, Weights
from trainer.config import Trial, assigned, read_trial, with_preset
from trainer.data import fingerprint, load
from trainer.document import Document
from trainer.problems import BadInput
from trainer.training import DivergedError, EpochRow, Reporter, train

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    trial_path: Annotated[
        str | None,
        typer.Argument(
            metavar="[TRIAL]",
            help="YAML file with data, model, method, training, validation, seed.",
        ),
    ] = None,
    *,
    data: Annotated[str | None, typer.Option(help="Data set, such as digits.")] = None,
    method: Annotated[str | None, typer.Option(help="Training method, such as pareto.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of initialisation, order, starts.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=YAML", help="Set a key, such as training.epochs=1."),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="For weights.pt, checkpoint.pt, epochs.csv.")
    ] = Path("trained"),
    checkpoint: Annotated[
        Path | None, typer.Option("--from", metavar="CHECKPOINT", help="Go on from here.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to train: cpu, cuda, cuda:1, ...")] = "cpu",
) -> None:
    """Train one model by itself, without a sweep."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    flags = [
        f"{key}={json.dumps(value)}"
        for key, value in (("data", data), ("method.method", method), ("seed", seed))
        if value is not None
    ]
    try:
        trial = _read(trial_path, [*flags, *(assignments or [])])
        resume = None if checkpoint is None else Checkpoint.from_bytes(checkpoint.read_bytes())
        place = torch.device(device)
        dataset = load(trial.data, place)
        out.mkdir(parents=True, exist_ok=True)
    except (BadInput, DamagedError, ValueError, OSError, RuntimeError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    reporter = _FolderReporter(out, trial.training.epochs)
    try:
        model = train(trial, dataset, device=place, reporter=reporter, resume=resume)
    except DivergedError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    weights = out / "weights.pt"
    weights.write_bytes(Weights(trial=trial.record(), model=model.state_dict()).to_bytes())
    typer.echo(f"{weights}  (evaluate it: python -m trainer.evaluate {weights})")


def _read(path: str | None, assignments: list[str]) -> Trial:
    document = Document.from_plain({}, "command line") if path is None else Document.read(path)
    document = assigned(document, assignments)
    plain = {"method": {"method": "standard"}, "seed": 0, "fingerprint": ""}
    defaults = Document.from_plain(plain, "default")
    trial = read_trial(with_preset(document).merged_over(defaults))
    return trial.model_copy(update={"fingerprint": fingerprint(trial.data)})


class _FolderReporter(Reporter):
    """One line an epoch on the terminal and in `epochs.csv`; the newest checkpoint in a file."""

    def __init__(self, folder: Path, epochs: int) -> None:
        self._folder = folder
        self._epochs = epochs
        self._rows: list[EpochRow] = []

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        self._rows.append(row)
        temporary = self._folder / ".checkpoint.pt"
        temporary.write_bytes(checkpoint().to_bytes())
        temporary.replace(self._folder / "checkpoint.pt")
        columns = dict.fromkeys(name for known in self._rows for name in known)
        with (self._folder / "epochs.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(self._rows)
        shown = [
            f"{name.removeprefix('validation/')} {value:.3f}"
            for name, value in row.items()
            if name.startswith(("loss/", "weight/", "validation/", "clipped"))
        ]
        epoch = f"epoch {int(row['epoch'])}/{self._epochs}"
        typer.echo(f"{epoch}  {row['seconds']:.1f} s  {'  '.join(shown)}")


if __name__ == "__main__":
    app()
