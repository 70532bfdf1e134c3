"""Evaluate one model: `python -m trainer.evaluate WEIGHTS [--suite SUITE.yaml]`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from trainer.checkpoint import DamagedError, Weights
from trainer.config import preset, read_trial
from trainer.data import load
from trainer.document import Document
from trainer.evaluation import evaluate, read_suite
from trainer.outcomes import Outcomes
from trainer.problems import BadInput
from trainer.training import new_model

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    weights_path: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="A trained model.")],
    *,
    suite_path: Annotated[
        str | None,
        typer.Option(
            "--suite", metavar="SUITE", help="YAML file of attacks; else the data set's preset."
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=YAML", help="Set a key, such as pgd.epsilon=0.1."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the bits here, a NumPy archive.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to evaluate: cpu, cuda, ...")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Attack a model at every rung of a suite and print its accuracies."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        weights = Weights.from_bytes(weights_path.read_bytes())
        trial = read_trial(Document.from_plain(weights.trial, str(weights_path)))
        document = preset(trial.data.name).section("evaluation")
        if suite_path is not None:
            document = Document.read(suite_path)
        for assignment in assignments or []:
            document = document.set(assignment)
        suite = read_suite(document)
        place = torch.device(device)
        dataset = load(trial.data, place)
        model = new_model(trial, dataset, place)
        model.load_state_dict(weights.model)
    except (BadInput, DamagedError, ValueError, OSError, RuntimeError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    with Console(stderr=True).status("evaluating") as status:
        outcomes = evaluate(
            model,
            suite,
            dataset,
            progress=lambda done, count: status.update(f"{done} of {count} images"),
        )
    if out is not None:
        out.write_bytes(outcomes.to_bytes())
    if as_json:
        record = {"examples": len(outcomes.natural), "accuracies": outcomes.accuracies()}
        typer.echo(json.dumps({**record, "suite": suite.record()}, indent=2))
    else:
        Console(highlight=False).print(_table(outcomes))


def _table(outcomes: Outcomes) -> Table:
    """Robust accuracy by category and rung, beside the natural accuracy and the union."""
    table = Table(box=None)
    for column in ("attack", "steps", "robust accuracy"):
        table.add_column(column, justify="left" if column == "attack" else "right")
    table.add_row("none", "", f"{outcomes.natural_accuracy():.4f}")
    for category, bits in outcomes.robust.items():
        for num_steps, rung in zip(outcomes.ladders[category] or ("",), bits, strict=True):
            table.add_row(category, str(num_steps), f"{rung.mean():.4f}")
        table.add_row(category, "mean", f"{outcomes.robust_accuracy(category):.4f}")
    table.add_row("union", "", f"{outcomes.union_accuracy():.4f}")
    table.caption = f"{len(outcomes.natural)} images"
    return table


if __name__ == "__main__":
    app()
