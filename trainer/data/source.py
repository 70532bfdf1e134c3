"""What a data set must be able to do, and what all data sets share."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from trainer.data.settings import DataSettings
from trainer.data.split import Split

if TYPE_CHECKING:
    from torch import Tensor


class MissingData(ValueError):  # noqa: N818  (read as a condition, as StopIteration is)
    """Files of a data set are not there; the message says which, where and what to do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """All images and labels that a source has, before the cut.

    Attributes:
        train, test: on the host and not augmented, as `Split.of` makes them.
        num_classes: labels are 0 .. num_classes - 1.
        mean, std: for each channel, of training pixels in [0, 1].

    Raises:
        ValueError: a split is empty, the two differ in their images' shape, a label is of no
            class, or `mean` and `std` are not finite numbers, one a channel, the latter positive.
    """

    train: Split
    test: Split
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check that the parts fit: a label of no class, for one, would train without a word."""
        for name, split in (("training", self.train), ("test", self.test)):
            if not len(split):
                raise ValueError(f"{name} images must be at least one, got none; add some")
            refuse_unknown_labels(split.labels, self.num_classes, f"labels of {name} images")
        shapes = self.train.image_shape, self.test.image_shape
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"training and test images must be of one shape C H W, got {shapes[0]} and "
                f"{shapes[1]}; scale them alike"
            )
        channels = shapes[0][0]
        if not (
            len(self.mean) == len(self.std) == channels
            and all(map(math.isfinite, (*self.mean, *self.std)))
            and min(self.std) > 0
        ):
            raise ValueError(
                f"mean and std must be {channels} finite numbers each, a channel one, std above "
                f"0, got {self.mean} and {self.std}; give those of the training pixels in [0, 1]"
            )


class Source(Protocol):
    """A data set. To add your own, give an object like this the name `package.module:name`.

    The cut into training and validation images, the choice of fewer examples and the
    augmentation are the same for all sources and no business of theirs. A source whose
    images always are at hand returns None from `missing`, and its `download` is not called.
    """

    @property
    def downloadable(self) -> bool:
        """Whether `download` can get the files; error messages offer it then."""

    def missing(self, settings: DataSettings) -> str | None:
        """Say which files are missing and their folder (`a.bin in /data/mine`); None where none is.

        Raises:
            ValueError: the files are there and must not be used; the message says why.
        """

    def download(self, settings: DataSettings) -> None:
        """Put the missing files in place. Called only where the user allows it.

        Raises:
            OSError, RuntimeError: no network, no space, a broken file.
        """

    def fingerprint(self, settings: DataSettings) -> str:
        """Hash the images and labels, wherever they lie: it is part of a trial's id.

        Called at every start of a sweep, so it takes well under a second.
        """

    def read(self, settings: DataSettings) -> Pictures:
        """Read the images and labels that `fingerprint` stands for."""


def refuse_unknown_labels(labels: Tensor, num_classes: int, where: Path | str) -> None:
    """Check that each of `labels` (N, whole numbers) is of one of the classes.

    Raises:
        ValueError: one is not; `where` (a file, or what the labels are of) stands in front.
    """
    outside = ((labels < 0) | (labels >= num_classes)).nonzero()
    if len(outside):
        first = int(outside[0])
        raise ValueError(
            f"{where} must be whole numbers from 0 to {num_classes - 1}, got "
            f"{int(labels[first])} at index {first}; mend or replace them"
        )


def missing_files(folder: Path, names: Sequence[str]) -> str | None:
    """Say which of `names` are missing in `folder`, as `Source.missing` does; None if none is."""
    absent = [name for name in names if not (folder / name).is_file()]
    return f"{', '.join(absent)} in {folder}" if absent else None


def hash_of_files(folder: Path, names: Sequence[str]) -> str:
    """Hash the names and the bytes of files of `folder` by SHA-256."""
    digest = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as file:
            digest.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
