"""What a data set must be able to do, and what it shares with the others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trainer.data.settings import DataSettings
from trainer.data.split import Split


class MissingData(ValueError):  # noqa: N818  (read as a condition, as StopIteration is)
    """Files of a data set are not there; the message says which, where and what to do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """All that a source has, before the cut.

    Attributes:
        train, test: on the host and not augmented, as `Split.of` makes them.
        num_classes: labels are 0 .. num_classes - 1.
        mean, std: for each channel, of training pixels in [0, 1].
    """

    train: Split
    test: Split
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


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
        """Which files are missing and their folder (`a.bin in /data/mine`), or None.

        Raises:
            ValueError: the files are there and must not be used; the message says why.
        """

    def download(self, settings: DataSettings) -> None:
        """Put the missing files in place. Called only where the user allows it.

        Raises:
            OSError, RuntimeError: no network, no space, a broken file.
        """

    def fingerprint(self, settings: DataSettings) -> str:
        """A hash of the images and labels, wherever they lie: it is part of a trial's id.

        Called at every start of a sweep, so it takes well under a second.
        """

    def read(self, settings: DataSettings) -> Pictures:
        """The images and labels that `fingerprint` stands for."""


def missing_files(folder: Path, names: Sequence[str]) -> str | None:
    """Those of `names` that `folder` lacks, as `Source.missing` words it."""
    absent = [name for name in names if not (folder / name).is_file()]
    return f"{', '.join(absent)} in {folder}" if absent else None


def hash_of_files(folder: Path, names: Sequence[str]) -> str:
    """SHA-256 over the names and the bytes of files of `folder`."""
    digest = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as file:
            digest.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
