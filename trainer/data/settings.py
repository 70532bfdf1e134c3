"""What a user says about the data of a trial: which set, how it is cut, where it lies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from trainer.input.registry import resolve
from trainer.input.settings import Count, Provenance, Settings, Whole
from trainer.input.variables import expanded

Name = Literal["digits", "mnist", "fashion_mnist", "cifar10", "caltech256"]
"""Names of the data sets that need no code of the user's."""

Augmentation = Literal["none", "crop_flip"]


def _known(name: str) -> str:
    """Return `name` if it is a `Name` or a dotted path, which is looked up where the data are read.

    Raises:
        ValueError: neither.
    """
    if ":" not in name:
        resolve(dict.fromkeys(get_args(Name)), name, kind="data set")
    return name


def _of_variables(path: str) -> str:
    """Return `path` as it is, where every variable in it is set.

    Raises:
        ValueError: one is not.
    """
    expanded(path)
    return path


DataName = Annotated[str, AfterValidator(_known)]


class DataSettings(Settings):
    """A data set and its cut into training, validation and test images.

    The test images are those of the data set itself. The validation images are held out of
    its training images, so nothing that is chosen by them has seen the test images: one half of
    them steers, the other picks (see `trainer.data.steering_part`).
    """

    name: DataName = Field(description="data set, or your own source as package.module:name")
    root: Annotated[str, Provenance(), AfterValidator(_of_variables)] = Field(
        default="data", description="folder of the data files, laid out as torchvision does"
    )
    download: Annotated[bool, Provenance()] = Field(
        default=False, description="whether missing files may be downloaded"
    )
    cache: Annotated[str | None, Provenance()] = Field(
        default=None, description="folder of decoded images; null: the user's cache folder"
    )
    verify: bool = Field(
        default=True,
        description="false: cifar10 takes files that are not the published ones",
    )
    validation: Count = Field(description="number of training images held out for validation")
    split_seed: Whole = Field(default=0, description="chooses the images of every cut")
    train_examples: Count | None = Field(
        default=None, description="number of training images to keep; null: all"
    )
    test_examples: Count | None = Field(
        default=None, description="number of test images to keep; null: all"
    )
    augmentation: Augmentation = Field(
        default="none",
        description="of training images; crop_flip: a random window (of the image padded by "
        "4 black pixels, or of the larger stored image) and mirroring of every second image",
    )

    @property
    def root_folder(self) -> Path:
        """`root` as an absolute path, with the variables of this machine's environment.

        Raises:
            ValueError: one of them is not set.
        """
        return Path(expanded(self.root)).absolute()

    @property
    def cache_folder(self) -> Path:
        """`cache` as an absolute path, or by default where the XDG standard puts caches."""
        if self.cache is not None:
            return Path(expanded(self.cache)).absolute()
        home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return Path(home).expanduser().absolute() / "pareto-robustness-sweep"
