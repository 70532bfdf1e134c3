"""A model that leaves its sweep: its weights and its card in a folder that needs nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from orchestrator.results.model_numbers import Spread
from orchestrator.results.picked import Picked
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.read_only import only_read
from orchestrator.store.records.sealed import read_blob
from orchestrator.store.trials.records import Result
from trainer.card import CARD, README, WEIGHTS, Card, Chosen, Interval, Measured, TrainedOn
from trainer.data import Dataset, MissingData, load
from trainer.evaluation.intervals import LEVEL
from trainer.input.checksum import checksum_line, checksum_path
from trainer.input.own_code import own_code
from trainer.input.problems import BadInput, InputError, Problem
from trainer.input.whole_file import write_whole
from trainer.weights import own_weights
from trainer.weights.checkpoint import DamagedError, Weights

PROJECT = "pareto-robustness-sweep"

FILES = (WEIGHTS, f"{WEIGHTS}.sha256", CARD, README)
"""What a folder of a model that was taken home has in it."""


def refuse_used(folder: Path) -> None:
    """Check that a model can be copied into a folder: it is new, or empty.

    Raises:
        BadInput: it is not.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        kind = "one with files in it" if folder.is_dir() else "a file"
        message = f"must be a new or an empty folder, got {kind}: {folder}; name another"
        raise BadInput(Problem("--copy", "", message))


def copy_model(spec: SweepSpec, picked: Picked, *, rule: str, folder: Path) -> Card:
    """Write the picked model's `FILES` into a folder, made where missing, and return its card.

    It is whole once the weights are in it, which come last.

    Args:
        rule: by which it was picked, in words.

    Raises:
        BadInput: the folder is in use, or the weights were given up or are damaged.
        OSError: the folder cannot be written.
    """
    refuse_used(folder)
    weights, is_own = _weights(spec, picked)
    handed_on = weights.to_hand_on()
    data = handed_on.to_bytes()
    if is_own:
        own_weights.remember(handed_on.trial, data)
    card = _card(spec, picked, handed_on, rule=rule, sha256=hashlib.sha256(data).hexdigest())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS
    write_whole(folder / README, card.markdown().encode())
    write_whole(folder / CARD, card.to_json())
    write_whole(checksum_path(path), checksum_line(WEIGHTS, data))
    write_whole(path, data)
    return card


def _weights(spec: SweepSpec, picked: Picked) -> tuple[Weights, bool]:
    """Read the weights, with the shapes that they take; and whether they were made by this user."""
    with only_read(open_files(spec.storage)) as files:
        name = picked.weights.name
        data = None if name is None else read_blob(files, name)
    if data is None:
        message = f"the weights of {picked.planned.id} are not there"
        raise BadInput(Problem("--copy", "", f"{message}; {picked.weights.remedy(spec)}"))
    try:
        weights = Weights.from_bytes(data)
    except DamagedError as error:
        raise InputError(f"{spec.storage}/{name}: must be a trained model ({error})") from error
    if weights.image_shape is None:  # of before files said so
        weights = _with_shapes(weights, _dataset(picked), name=f"{spec.storage}/{name}")
    return weights, own_weights.is_own(data)


def _with_shapes(weights: Weights, dataset: Dataset | None, *, name: str) -> Weights:
    """Return weights of a version before, which did not say what images they take, with that."""
    if dataset is None:
        raise InputError(
            f"{name}: must say what images it takes, which the version that trained it did not, "
            f"and its data are not here to tell; bring the data, or train it again"
        )
    return replace(weights, image_shape=dataset.image_shape, num_classes=dataset.num_classes)


def _dataset(picked: Picked) -> Dataset | None:
    """Read the data that the model was trained on; None where they are not here."""
    import torch  # noqa: PLC0415  (where it is first needed; it takes two seconds)

    data = picked.planned.trial.data.model_copy(update={"download": False})
    try:
        with own_code("the code of the data set"):
            return load(data, torch.device("cpu"))
    except (MissingData, ValueError):
        return None


def _card(spec: SweepSpec, picked: Picked, weights: Weights, *, rule: str, sha256: str) -> Card:
    planned, numbers = picked.planned, picked.numbers
    assert weights.image_shape is not None
    assert weights.num_classes is not None
    dataset = _dataset(picked)
    evaluation = planned.evaluation or planned.validation
    result = planned.progress.result
    record = planned.trial.record()
    chosen = picked.confirmed if picked.is_fresh else picked.chosen
    return Card(
        name=str(picked.cell),
        trial=planned.id,
        seed=planned.trial.seed,
        data=TrainedOn(
            name=planned.trial.data.name,
            fingerprint=planned.trial.fingerprint,
            training_images=None if dataset is None else len(dataset.train),
        ),
        image_shape=weights.image_shape,
        num_classes=weights.num_classes,
        model=record["model"],
        method=record["method"],
        training=record["training"],
        suite=spec.suite.record(),
        reach=dict(evaluation.reach) if evaluation is not None else {},
        measured=Measured(
            split=numbers.split,
            images=numbers.images,
            level=LEVEL,
            model=_intervals(numbers.model),
            cell=_intervals(numbers.cell),
            seeds=numbers.seeds,
            intervals_of_cell_over=numbers.over or None,
        ),
        chosen=Chosen(
            by=picked.chosen.selection,
            images=picked.chosen.images,
            rule=rule,
            cells=picked.among,
            trainings=picked.trainings,
            sureness=picked.sureness.share,
            confirmed=picked.is_fresh,
            exploratory=chosen is not None and chosen.shown_before is not None,
        ),
        weights=picked.weights.weights,
        weights_sha256=sha256,
        made_with=_versions() | _trained_with(result),
    )


def _intervals(numbers: Mapping[str, Spread]) -> dict[str, Interval]:
    return {k: Interval(value=it.value, low=it.low, high=it.high) for k, it in numbers.items()}


def _versions() -> dict[str, str]:
    try:
        return {PROJECT: version(PROJECT)}
    except PackageNotFoundError:  # run from its sources
        return {}


def _trained_with(result: Result | None) -> dict[str, str]:
    """Return the versions with which a model was trained, as its record has them: of the machine
    nothing."""
    if result is None:
        return {}
    of = result.provenance
    known = {PROJECT: of.code, "python": of.python, "torch": of.torch}
    return {name: said for name, said in known.items() if said is not None}
