"""Explain one model: `python -m trainer.explain WEIGHTS [--images 0,5,17]`.

It draws what the model looks at on some test images, and what attacks make of them.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from trainer.answers import NotFiniteError
from trainer.config import preset
from trainer.data import MissingData, load
from trainer.device.allocator import keep_freed_memory
from trainer.device.choice import usable_device
from trainer.evaluation.origin import model_id
from trainer.evaluation.suite import Suite, read_suite
from trainer.explanation.chosen import chosen_images
from trainer.explanation.explained import Explained, explain
from trainer.explanation.told import print_explained
from trainer.input.document import Document
from trainer.input.whole_file import write_whole
from trainer.interpretation.saliency import SmoothGrad
from trainer.terminal.console import terminal
from trainer.terminal.door import door, refusing
from trainer.terminal.json_text import json_text, print_json
from trainer.terminal.progress import progress_bar
from trainer.trained import TrainedModel, read_trained, stored_weights

WRONG = (ValueError, OSError, RuntimeError, NotFiniteError)
"""What a wrong model, suite, data set or device raises, or a model that cannot be explained."""

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
    images: Annotated[
        str,
        typer.Option(
            metavar="WHICH", help="Test images: their numbers, as 0,5,17, or first:N for N of them."
        ),
    ] = "first:8",
    suite: Annotated[
        str | None,
        typer.Option(metavar="SUITE", help="YAML file of attacks; else the data set's preset."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=YAML", help="Set a key, such as pgd.epsilon=0.1."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, help="Noisy copies of an image that its saliency is the mean of.")
    ] = 50,
    noise: Annotated[
        float,
        typer.Option(min=0, help="Standard deviation of their noise, in pixels of [0, 1]."),
    ] = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="Of that noise.")] = 0,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="For the picture, a .png; the numbers go beside it."),
    ] = Path("explained.png"),
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
    device: Annotated[str, typer.Option(help="Where to compute: cpu, cuda, ...")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Draw what a model looks at, and what attacks make of some test images."""
    keep_freed_memory()
    with refusing(*WRONG):
        how = SmoothGrad(samples=samples, noise=noise)
        places = _place(out)
        source = Path(weights) if storage is None else stored_weights(storage, weights)
        trained = read_trained(source, trust_code=trust_code)
        if data_root is not None:
            trained = replace(trained, data=trained.data.model_copy(update={"root": data_root}))
        attacks = _read_suite(trained, suite, assignments or [])
        found = _explained(trained, images, attacks, device=device, how=how, seed=seed)
    title = f"{weights} on {trained.data.name}, test images"
    from trainer.explanation.picture import picture  # noqa: PLC0415  (it draws)

    record: dict[str, Any] = {
        "model": model_id(trained.weights.model),
        "data": trained.data.name,
        "split": "test",
        "suite": attacks.record(),
        **found.record(),
    }
    places[0].parent.mkdir(parents=True, exist_ok=True)
    write_whole(places[0], picture(found, title=title))
    write_whole(places[1], f"{json_text(record)}\n".encode())
    if as_json:
        print_json(record)
    else:
        print_explained(terminal(), found, caption=title)
    typer.echo(f"the picture is in {places[0]}, its numbers in {places[1]}", err=True)


def _place(path: Path) -> tuple[Path, Path]:
    """Return where picture and numbers go, once it is known that they can be put there.

    Raises:
        ValueError: no `.png`, a folder, or nothing may be written beside it.
    """
    if path.suffix.lower() != ".png":
        raise ValueError(f"--out must be a .png file, got {path}; the numbers go beside it")
    numbers = path.with_suffix(".json")
    taken = [it for it in (path, numbers) if it.exists() and not it.is_file()]
    above = next(it for it in (path.parent, *path.parent.parents) if it.exists())
    if taken or not above.is_dir() or not os.access(above, os.W_OK):
        raise ValueError(f"--out must be a file that can be written, got {path}; choose another")
    return path, numbers


def _read_suite(trained: TrainedModel, path: str | None, assignments: list[str]) -> Suite:
    document = Document.read(path) if path else preset(trained.data.name).section("evaluation")
    for assignment in assignments:
        document = document.set(assignment)
    return read_suite(document)


def _explained(
    trained: TrainedModel, images: str, suite: Suite, *, device: str, how: SmoothGrad, seed: int
) -> Explained:
    place = usable_device(device)
    try:
        dataset = load(trained.data, place)
    except MissingData as error:
        raise MissingData(f"{error}; or say where they lie by --data-root FOLDER") from error
    indices = chosen_images(images, len(dataset.test))
    model = trained.build(dataset, place)
    stages = 1 + len(suite.categories)
    with progress_bar(stages, lambda done: f"{done:.0f} of {stages} panels") as bar:
        return explain(
            model,
            dataset.test,
            indices,
            suite,
            how=how,
            seed=seed,
            done=lambda: bar.advance(1),
        )


if __name__ == "__main__":
    app()
