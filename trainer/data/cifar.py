"""CIFAR-10: 50,000 + 10,000 colour images of 32x32, in five pickled batches and one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainer.data.settings import DataSettings
from trainer.data.source import Pictures, hash_of_files, missing_files
from trainer.data.split import Split

_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")


@dataclass(frozen=True, kw_only=True)
class Cifar10:
    """The published files; with `verify: false` any files of their form, such as a part."""

    downloadable: bool = True

    def missing(self, settings: DataSettings) -> str | None:
        """As `Source.missing`. The check costs about half a second on the whole set.

        Raises:
            ValueError: the files are there, are not the published ones, and `verify` is on.
        """
        folder = _folder(settings)
        absent = missing_files(folder, _FILES)
        if absent is None and settings.verify:
            _verify(folder)
        return absent

    def download(self, settings: DataSettings) -> None:
        _torchvision_datasets().CIFAR10(settings.root_folder, download=True)

    def fingerprint(self, settings: DataSettings) -> str:
        return hash_of_files(_folder(settings), _FILES)

    def read(self, settings: DataSettings) -> Pictures:
        return Pictures(
            train=_read_split(settings, train=True),
            test=_read_split(settings, train=False),
            num_classes=10,
            mean=(0.4914, 0.4822, 0.4465),  # of the 50,000 published training images
            std=(0.2470, 0.2435, 0.2616),
        )


def _read_split(settings: DataSettings, *, train: bool) -> Split:
    published = _torchvision_datasets().CIFAR10
    # Without checksums: `missing` has verified the files, or the user takes them as they are.
    reader = type(
        "Batches",
        (published,),
        {
            "train_list": [(name, None) for name, _ in published.train_list],
            "test_list": [(name, None) for name, _ in published.test_list],
            "meta": published.meta | {"md5": None},
        },
    )
    batches = reader(settings.root_folder, train=train)
    images = torch.from_numpy(batches.data).permute(0, 3, 1, 2).contiguous()
    return Split.of(images, torch.tensor(batches.targets))


def _verify(folder: Path) -> None:
    datasets = _torchvision_datasets()
    published = datasets.CIFAR10
    checksums = [
        *published.train_list,
        *published.test_list,
        (published.meta["filename"], published.meta["md5"]),
    ]
    differing = [
        name
        for name, md5 in checksums
        if not datasets.utils.check_integrity(str(folder / name), md5)
    ]
    if differing:
        raise ValueError(
            f"data.verify is true and these files in {folder} are not the published ones: "
            f"{', '.join(differing)}; put the published files there, or accept these with "
            f"`verify: false` under `data` (results are then of another data set)"
        )


def _folder(settings: DataSettings) -> Path:
    return settings.root_folder / "cifar-10-batches-py"


def _torchvision_datasets() -> Any:
    from trainer.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

    return torchvision.datasets
