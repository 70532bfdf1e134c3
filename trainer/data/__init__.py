"""Data sets: from a name in the sweep file to training, validation and test images.

`fingerprint` says which data a trial stands on, `load` brings them. Both look for missing
files first, and neither touches the network unless the settings allow it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from filelock import FileLock

from trainer.data.caltech import Caltech256
from trainer.data.cifar import Cifar10
from trainer.data.digits import Digits
from trainer.data.idx import Idx
from trainer.data.selection import balanced, proportional
from trainer.data.settings import DataSettings
from trainer.data.source import MissingData, Pictures, Source
from trainer.data.split import Dataset, Split
from trainer.input.registry import resolve
from trainer.randomness import derive_seed

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch

__all__ = [
    "DATASETS",
    "DataSettings",
    "Dataset",
    "MissingData",
    "Pictures",
    "Source",
    "Split",
    "fingerprint",
    "load",
    "steering_part",
]

DATASETS: dict[str, Source] = {
    "digits": Digits(),
    "mnist": Idx(torchvision_name="MNIST", mean=(0.1307,), std=(0.3081,)),
    "fashion_mnist": Idx(torchvision_name="FashionMNIST", mean=(0.2860,), std=(0.3530,)),
    "cifar10": Cifar10(),
    "caltech256": Caltech256(),
}


def fingerprint(settings: DataSettings) -> str:
    """Hash the content of a data set, in hexadecimal digits; where it lies does not matter.

    Raises:
        MissingData: files are missing and were not, or could not be, downloaded.
        ValueError: no such data set, or files that must not be used.
    """
    return _present(settings).fingerprint(settings)


def load(settings: DataSettings, device: torch.device) -> Dataset:
    """Load the images and labels, cut as `settings` say, ready to give batches on `device`.

    Raises:
        MissingData: files are missing and were not, or could not be, downloaded.
        ValueError: no such data set, files that must not be used, or more images asked for
            than there are.
    """
    pictures = _present(settings).read(settings)
    available = len(pictures.train)
    _at_most("validation", settings.validation, available - 1, f"one of {available} must train")
    remaining = available - settings.validation
    reason = f"{settings.validation} of {available} are held out for validation"
    _at_most("train_examples", settings.train_examples, remaining, reason)
    _at_most("test_examples", settings.test_examples, len(pictures.test), "there are no more")

    held_out, kept, tested = _cut(settings, pictures)
    training = pictures.train.to(device)
    return Dataset(
        train=replace(training.select(kept), augmentation=settings.augmentation),
        validation=training.select(held_out),
        test=pictures.test.to(device).select(tested),
        steers=steering_part(pictures.train.labels[held_out], split_seed=settings.split_seed),
        num_classes=pictures.num_classes,
        image_shape=training.image_shape,
        mean=pictures.mean,
        std=pictures.std,
    )


def steering_part(labels: Tensor, *, split_seed: int) -> Tensor:
    """Mark which of the held-out images steer (N bits): half of them, with the classes in their
    own proportions, by random numbers derived from `split_seed`.

    What is measured on these after each epoch may stop a training or lead a search; the other half
    picks among what came of that, on images that nothing was led by. One image alone does both.

    Args:
        labels: N, int64, on the host: of the validation images, in their order.
    """
    seed = derive_seed(split_seed, "steering")
    marks = torch.zeros(len(labels), dtype=torch.bool)
    marks[proportional(labels, max(1, len(labels) // 2), seed=seed)] = True
    return marks


def _cut(settings: DataSettings, pictures: Pictures) -> tuple[Tensor, Tensor, Tensor]:
    """Choose the indices, on the host, of the validation, training and test images, each rising.

    The first two are of `pictures.train`, the third is of `pictures.test`.
    """

    def seed(purpose: str) -> int:
        return derive_seed(settings.split_seed, purpose)

    labels = pictures.train.labels
    held_out = proportional(labels, settings.validation, seed=seed("validation"))
    is_kept = torch.ones(len(labels), dtype=torch.bool)
    is_kept[held_out] = False
    kept = is_kept.nonzero().squeeze(1)
    if settings.train_examples is not None:
        kept = kept[balanced(labels[kept], settings.train_examples, seed=seed("train_examples"))]
    tested = torch.arange(len(pictures.test))
    if settings.test_examples is not None:
        tested = balanced(pictures.test.labels, settings.test_examples, seed=seed("test_examples"))
    return held_out, kept, tested


def _present(settings: DataSettings) -> Source:
    """Return the source, once its files are in place."""
    try:
        source = resolve(DATASETS, settings.name, kind="data set")
    except ValueError as error:
        raise ValueError(f"data.name {error}") from error
    missing = source.missing(settings)
    if missing is not None and settings.download and source.downloadable:
        _download(source, settings)
        missing = source.missing(settings)
    if missing is None:
        return source
    remedy = "put the files there"
    if source.downloadable and not settings.download:
        remedy += (
            ", or allow the download with `download: true` under `data` in the spec "
            "or --download on the command line"
        )
    raise MissingData(f"data.name {settings.name!r} needs what is missing: {missing}; {remedy}")


def _download(source: Source, settings: DataSettings) -> None:
    from http.client import HTTPException  # noqa: PLC0415  (with TLS, and few ever download)

    root = settings.root_folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{settings.name}.download.lock"):
            if source.missing(settings) is not None:  # another process may have been quicker
                source.download(settings)
    except (OSError, RuntimeError, HTTPException) as error:
        raise MissingData(
            f"data.download is true, but {settings.name!r} could not be downloaded into {root} "
            f"({error}); put the files there, or try again when the network is there"
        ) from error


def _at_most(field: str, value: int | None, limit: int, reason: str) -> None:
    if value is not None and value > limit:
        raise ValueError(
            f"data.{field} must be at most {limit} ({reason}), got {value}; ask for fewer"
        )
