"""Train one model: `python -m trainer.train --data digits --method pareto --set method.rho=0.4`."""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import typer
from pydantic import Field

from trainer.config import Trial, assigned, read_trial, with_preset
from trainer.data import Dataset, fingerprint, load
from trainer.device.allocator import keep_freed_memory
from trainer.device.choice import usable_device
from trainer.device.precision import slowness
from trainer.input.checksum import read_checked
from trainer.input.document import Document
from trainer.input.own_code import own_code
from trainer.input.problems import BadInput, Problem
from trainer.input.settings import Settings
from trainer.terminal.door import door, failed, refusing
from trainer.terminal.exit_code import ExitCode
from trainer.training.best import BestState
from trainer.training.first_pass import is_own, tried_model, try_attack, try_method
from trainer.training.folder import TrainingFolder
from trainer.training.loop import DivergedError, EpochRow, Reporter, train
from trainer.training.passes_ahead import within_cap
from trainer.training.signals import Requests, noted
from trainer.training.step_weights import StepWeights
from trainer.weights.checkpoint import Checkpoint, DamagedError, Weights

logger = logging.getLogger(__name__)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door()
def main(
    trial_path: Annotated[
        str | None,
        typer.Argument(
            metavar="[TRIAL]",
            help="YAML file with data, model, method, training, validation, seed, weights.",
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
        Path,
        typer.Option(
            metavar="FOLDER",
            help="For weights.pt, checkpoint.pt, epochs.csv, last_steps.csv; under `weights: best` "
            "also best.pt, of the epoch that did best in validation.",
        ),
    ] = Path("trained"),
    checkpoint: Annotated[
        Path | None, typer.Option("--from", metavar="CHECKPOINT", help="Go on from here.")
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0, help="Between checkpoints within an epoch.")
    ] = 10.0,
    micro_batches: Annotated[
        int, typer.Option(min=1, help="Parts to compute a batch in, where memory is short.")
    ] = 1,
    device: Annotated[str, typer.Option(help="Where to train: cpu, cuda, cuda:1, ...")] = "cpu",
) -> None:
    """Train one model by itself, without a sweep.

    SIGINT and SIGTERM leave a checkpoint and end the training; SIGUSR1 leaves one.
    """
    keep_freed_memory()
    flags = [
        f"{key}={json.dumps(value)}"
        for key, value in (("data", data), ("method.method", method), ("seed", seed))
        if value is not None
    ]
    with refusing(ValueError, OSError, RuntimeError):
        trial, keeps_best = _read(trial_path, [*flags, *(assignments or [])])
        resume = None if checkpoint is None else _read_checkpoint(checkpoint)
        place = usable_device(device)
        dataset = _tried(trial, place)
        trial = _within_cap(trial, dataset)
        for line in trial.radius_warnings(dataset.image_shape):
            typer.echo(f"warning: {line}", err=True)
        folder = _folder(out)
        if resume is not None:
            folder.go_on(resume.epochs_done)
        if (slow := slowness(trial.training.precision, place)) is not None:
            logger.warning("%s", slow)
    step_weights = StepWeights()
    best = BestState(trial) if keeps_best else None
    with noted() as requests:
        reporter = _FolderReporter(folder, requests, trial.training.epochs, minutes)
        try:
            model = train(
                trial,
                dataset,
                device=place,
                reporter=reporter,
                resume=resume,
                micro_batches=micro_batches,
                step_weights=step_weights,
                best=best,
            )
        except DivergedError as error:
            good = reporter.newest or checkpoint
            before = f"the last finite checkpoint is {good}" if good else "there is no checkpoint"
            steps = folder.explain(error.last_steps)
            message = f"error: {error}; {before}, the last steps are in {steps}"
            raise failed(message, ExitCode.SOME_FAILED) from None
        except StoppedError as stop:
            raise failed(str(stop), 128 + stop.signal) from None
    last = Weights(
        trial=trial.record(),
        model=model.state_dict(),
        image_shape=dataset.image_shape,
        num_classes=dataset.num_classes,
        step_weights=step_weights.schedule(),
    )
    paths = folder.finish(last, best=None if best is None else best.weights(last))
    if best is not None and best.epoch is not None:
        typer.echo(f"best.pt is of epoch {best.epoch.epoch}, weights.pt of the last one")
    for path in paths:
        typer.echo(f"{path}  (evaluate it: python -m trainer.evaluate {path})")


def _tried(trial: Trial, device: torch.device) -> Dataset:
    """Return the trial's data, once its network and the user's own code have been tried on them.

    Raises:
        ValueError: what is wrong with one of them.
    """
    with own_code("the code of the data set"):
        dataset = load(trial.data, device)
    model = tried_model(trial, dataset)
    try_method(trial.method)
    for attack in (*trial.attacks.values(), *trial.validation_attacks.values()):
        if is_own(attack):
            try_attack(attack, model, dataset)
    return dataset


def _within_cap(trial: Trial, dataset: Dataset) -> Trial:
    try:
        return within_cap(trial, examples=len(dataset.train), before=0)
    except ValueError as error:
        raise ValueError(f"training.max_passes {error}") from error


class _File(Settings):
    """Keys of a trial's file: those that `read_trial` reads, and what else may stand there."""

    data: Any = None
    model: Any = None
    method: Any = None
    training: Any = None
    validation: Any = None
    seed: Any = None
    fingerprint: Any = None
    start: Any = None
    replay: Any = None
    evaluation: Any = Field(None, description="of `trainer.evaluate`")
    weights: Literal["last", "best"] = Field(
        "last", description="best: beside the last epoch's those that did best in validation"
    )


def _read(path: str | None, assignments: list[str]) -> tuple[Trial, bool]:
    """Read a trial, and whether its best weights are to be kept beside the last ones."""
    document = Document.from_plain({}, "command line") if path is None else Document.read(path)
    document = assigned(document, assignments)
    keeps_best = document.read_as(_File).weights == "best"
    document = document.without("weights")
    plain = {"method": {"method": "standard"}, "seed": 0, "fingerprint": ""}
    defaults = Document.from_plain(plain, "default")
    trial = read_trial(with_preset(document).merged_over(defaults))
    if trial.start is not None:
        message = (
            "must stand in a sweep file: another trial's weights are in a sweep's storage alone"
        )
        raise document.fail("start", f"{message}; leave it out here")
    if trial.replay is not None:
        message = "must stand in a sweep file, as a method `replay: {of: METHOD}`"
        raise document.fail("replay", f"{message}; leave it out here")
    if keeps_best and not trial.validation_attacks:
        raise document.fail(
            "validation.attacks",
            "must have some where weights: best chooses epochs by worst cases, got none; name "
            "attacks as training.attacks does, or say weights: last",
        )
    with own_code("the code of the data set"):
        trial = trial.model_copy(update={"fingerprint": fingerprint(trial.data)})
    return trial, keeps_best


def _read_checkpoint(path: Path) -> Checkpoint:
    try:
        return Checkpoint.from_bytes(read_checked(path))
    except DamagedError as error:
        message = f"must be a checkpoint of this version ({error}); begin anew without --from"
        raise BadInput(Problem(str(path), "", message)) from error


class StoppedError(Exception):
    """A signal asked the training to stop, and its checkpoint is kept."""

    def __init__(self, number: signal.Signals, progress: str, checkpoint: Path) -> None:
        super().__init__(
            f"stopped by {number.name} after {progress}; "
            f"go on with the same command and --from {checkpoint}"
        )
        self.signal = number


def _folder(path: Path) -> TrainingFolder:
    """Return the folder of a run at `path`, made where it is missing.

    Raises:
        ValueError: it cannot be made.
    """
    try:
        return TrainingFolder(path)
    except OSError as error:
        raise ValueError(
            f"--out must be a folder that can be written, got {path} ({error.strerror}); choose "
            f"another"
        ) from error


class _FolderReporter(Reporter):
    """Reports each epoch on the terminal and in `epochs.csv`, and keeps the newest checkpoint."""

    def __init__(
        self, folder: TrainingFolder, requests: Requests, epochs: int, minutes: float
    ) -> None:
        self._folder = folder
        self._requests = requests
        self._epochs = epochs
        self._seconds = 60 * minutes
        self._kept_at = time.monotonic()
        self._kept_on_request = 0
        self.newest: Path | None = None  # checkpoint of this process

    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None:
        is_asked = self._requests.checkpoints > self._kept_on_request
        is_due = time.monotonic() - self._kept_at >= self._seconds
        if is_due or is_asked or self._requests.stop is not None:
            self._keep(checkpoint)

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        self._folder.add(row)  # first: a row too many is taken back, one too few is lost
        epoch = f"epoch {int(row['epoch'])}/{self._epochs}"
        typer.echo(f"{epoch}  {row['seconds']:.1f} s  {'  '.join(_shown(row))}")
        self._keep(checkpoint)

    def _keep(self, checkpoint: Callable[[], Checkpoint]) -> None:
        asked = self._requests.checkpoints
        state = checkpoint()
        self.newest = self._folder.keep(state)
        self._kept_at = time.monotonic()
        progress = f"{state.epochs_done} epochs and {state.steps_done} steps"
        if self._requests.stop is not None:
            raise StoppedError(self._requests.stop, progress, self.newest)
        if asked > self._kept_on_request:
            self._kept_on_request = asked
            typer.echo(f"{self.newest}  after {progress}")


def _shown(row: EpochRow) -> Iterator[str]:
    """Yield what an epoch's line on the terminal says: losses, weights, shares and accuracies, and
    that the network has collapsed if it has; counts are in `epochs.csv`."""
    for name, value in row.items():
        if name.startswith("validation/passes/"):
            continue
        if name == "validation/collapsed":
            if value:
                yield "collapsed"
        elif name.startswith(("loss/", "weight/", "validation/", "clipped")):
            yield f"{name.removeprefix('validation/')} {value:.3f}"


if __name__ == "__main__":
    app()
