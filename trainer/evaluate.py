"""Evaluate one model: `python -m trainer.evaluate WEIGHTS [--suite SUITE.yaml]`.

Of a sweep's trial: `python -m trainer.evaluate TRIAL_ID --storage FOLDER`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import nn

from trainer.answers import NotFiniteError
from trainer.config import preset
from trainer.data import Dataset, MissingData, Split, fingerprint, load
from trainer.device.allocator import keep_freed_memory
from trainer.device.choice import usable_device
from trainer.evaluation.comparison import Comparison, compare
from trainer.evaluation.few_steps import few_steps_text, shares_of_few_steps
from trainer.evaluation.origin import Origin
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.score_sheet import (
    comparison_record,
    print_comparisons,
    print_scores,
    scores_record,
)
from trainer.evaluation.self_check import self_checked
from trainer.evaluation.suite import Suite, evaluate, examples_of, origin_of, read_suite
from trainer.evaluation.trained_on import refuse_trained_on, trained_on
from trainer.input.document import Document
from trainer.input.whole_file import write_whole
from trainer.terminal.console import print_titled, terminal
from trainer.terminal.door import door, refusing
from trainer.terminal.json_text import print_json
from trainer.terminal.progress import progress_bar
from trainer.trained import TrainedModel, read_trained, stored_record, stored_weights
from trainer.weights.checkpoint import DamagedError

WRONG = (ValueError, OSError, RuntimeError, NotFiniteError)
"""What a wrong model, suite, data set or device raises."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door()
def main(
    weights: Annotated[
        str,
        typer.Argument(
            metavar="WEIGHTS|TRIAL_ID",
            help="A trained model's file, or beside --storage a trial of a sweep.",
        ),
    ],
    *,
    suite: Annotated[
        str | None,
        typer.Option(metavar="SUITE", help="YAML file of attacks; else the data set's preset."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=YAML", help="Set a key, such as pgd.epsilon=0.1."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For the bits, a NumPy archive; by default beside WEIGHTS, or of a trial in the "
            "working folder. Bits of the same model, suite and images there are used again.",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="OUTCOMES", help="Bits of another model, to compare with in pairs."),
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="The storage that has the trial.")
    ] = None,
    data_root: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="Of the data files; by default where they lay in training."
        ),
    ] = None,
    trust_code: Annotated[
        bool,
        typer.Option(
            "--trust-code",
            help="Import and run the code that WEIGHTS names as its network or data set, and "
            "follow its settings of downloads and caches: for files whose origin you trust.",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="Where to evaluate: cpu, cuda, ...")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Attack a model at every rung of a suite; print its accuracies with 95 % intervals."""
    keep_freed_memory()
    with refusing(*WRONG):
        source = Path(weights) if storage is None else stored_weights(storage, weights)
        trained = read_trained(source, trust_code=trust_code)
        if data_root is not None:
            data = trained.data.model_copy(update={"root": data_root})
            trained = replace(trained, data=data)
        task = _read_task(trained, suite, assignments or [], usable_device(device), storage)
        beside = source if storage is None else Path(weights)  # a storage is the sweeps' own
        path = _place(out or beside.with_name(f"{beside.stem}.{task.suite.id}.npz"))
        other = None if against is None else _read_other(against, task.origin)
        outcomes = _read_same(path, task.origin)
        if outcomes is not None and outcomes.warnings is None:  # of before evaluations were checked
            outcomes = task.checked(outcomes)
            write_whole(path, outcomes.to_bytes())
    if outcomes is None:
        with refusing(*WRONG):
            outcomes = task.evaluate()
        write_whole(path, outcomes.to_bytes())
        typer.echo(f"bits are in {path}", err=True)
    else:
        typer.echo(f"bits are those of {path}; remove it to attack again", err=True)
    with refusing(*WRONG):
        comparisons = None if other is None else compare(outcomes, other)
    if as_json:
        _print_record(task, outcomes, comparisons)
    else:
        _print_tables(task, outcomes, comparisons, names=(weights, against))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """One evaluation: which model, under which suite, on which data."""

    trained: TrainedModel
    suite: Suite
    dataset: Dataset
    model: nn.Module
    origin: Origin
    doubt: str  # why what the suite marks unseen may be none; empty: there is none

    def evaluate(self) -> Outcomes:
        """Evaluate the model, with a progress bar, and add what there is to warn of."""
        split: Split = getattr(self.dataset, self.suite.split)
        count = len(examples_of(self.suite, split))
        with progress_bar(count, lambda done: f"{done:.0f} of {count} images") as bar:
            outcomes = evaluate(
                self.model, self.suite, self.dataset, progress=lambda done, _: bar.reach(done)
            )
        return self.checked(replace(outcomes, origin=self.origin))

    def checked(self, outcomes: Outcomes) -> Outcomes:
        """Return the outcomes with what there is to warn of."""
        return self_checked(self.model, self.suite, self.dataset, outcomes)

    def reaches(self) -> dict[str, str]:
        """Say each attack's radius in words, by category."""
        return {
            label: rungs.attack.reach(self.dataset.image_shape)
            for label, rungs in self.suite.categories.items()
        }


def _read_task(
    trained: TrainedModel,
    suite_path: str | None,
    assignments: list[str],
    device: torch.device,
    storage: str | None,
) -> _Task:
    own = preset(trained.data.name).section("evaluation")
    document = own if suite_path is None else Document.read(suite_path)
    for assignment in assignments:
        document = document.set(assignment)
    suite = read_suite(document).without_reason_of(own)
    seen = trained_on(
        Document.from_plain(trained.weights.trial, str(trained.path)),
        trusts_code=trained.trusts_code,
        parent=lambda trial_id: None if storage is None else stored_record(storage, trial_id),
    )
    refuse_trained_on(document, suite, seen)
    try:
        dataset = load(trained.data, device)
    except MissingData as error:
        raise MissingData(f"{error}; or say where they lie by --data-root FOLDER") from error
    for line in suite.oddities(dataset.image_shape):
        typer.echo(f"warning: {line}", err=True)
    model = trained.build(dataset, device)
    origin = origin_of(trained.weights.model, suite, dataset, fingerprint(trained.data))
    return _Task(
        trained=trained,
        suite=suite,
        dataset=dataset,
        model=model,
        origin=origin,
        doubt=seen.doubt(suite),
    )


def _place(path: Path) -> Path:
    """Return `path`, once it is known that a file can be put there: attacks take long.

    Raises:
        ValueError: it is a folder or a device, or nothing may be written beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if (path.exists() and not path.is_file()) or not os.access(path.parent, os.W_OK):
        raise ValueError(f"--out must be a file that can be written, got {path}; choose another")
    return path


def _read_other(path: Path, origin: Origin) -> Outcomes:
    """Read the outcomes to compare with; those of other things are refused before any attack."""
    try:
        outcomes = Outcomes.from_bytes(path.read_bytes())
    except DamagedError as error:
        raise ValueError(f"--against must be a file of outcomes, got {path} ({error})") from error
    if outcomes.origin is None:
        typer.echo(f"warning: {path} does not say of which suite and images it is", err=True)
    else:
        origin.check_comparable(outcomes.origin)
    return outcomes


def _read_same(path: Path, origin: Origin) -> Outcomes | None:
    """Read the outcomes that an evaluation of the same content has left."""
    try:
        outcomes = Outcomes.from_bytes(path.read_bytes())
    except (FileNotFoundError, DamagedError):
        return None
    return outcomes if outcomes.origin == origin else None


def _print_record(
    task: _Task, outcomes: Outcomes, comparisons: dict[str, Comparison] | None
) -> None:
    record = {**scores_record(outcomes), "reach": task.reaches(), "suite": task.suite.record()}
    record["unseen_doubt"] = task.doubt or None
    record["few_steps"] = shares_of_few_steps(task.suite, [outcomes.withstood()])
    if comparisons is not None:
        record["comparisons"] = comparison_record(comparisons)
    print_json(record)


def _print_tables(
    task: _Task,
    outcomes: Outcomes,
    comparisons: dict[str, Comparison] | None,
    *,
    names: tuple[str, Path | None],
) -> None:
    weights, against = names
    data, split, count = task.trained.data.name, task.suite.split, len(outcomes.natural)
    caption = f"{weights} on {data}, {split}: {count} images, suite {task.suite.id}"
    console = terminal()
    few = few_steps_text(shares_of_few_steps(task.suite, [outcomes.withstood()]))
    print_scores(console, outcomes, task.reaches(), caption, few)
    if task.doubt:
        print_titled(console, [("unseen", task.doubt)])
    if comparisons is not None:
        console.print()
        print_comparisons(console, comparisons, f"{weights} minus {against}, image by image")


if __name__ == "__main__":
    app()
