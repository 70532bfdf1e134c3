"""CIFAR-10: 50,000 + 10,000 colour images of 32x32, in five pickled batches and one."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.data.settings import DataSettings
from trainer.data.source import Pictures, hash_of_files, missing_files, refuse_unknown_labels
from trainer.data.split import Split

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch

_TRAINING_FILES = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST_FILE = "test_batch"
_FILES = (*_TRAINING_FILES, _TEST_FILE, "batches.meta")

_IMAGE_SHAPE = (3, 32, 32)
_NUM_CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Cifar10:
    """CIFAR-10 as published; with `verify: false` from any files of that form, such as a part."""

    downloadable: bool = True

    def missing(self, settings: DataSettings) -> str | None:
        """Say which files are missing, as `Source.missing`; to check all takes about half a second.

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
        folder = _folder(settings)
        return Pictures(
            train=_read_split([folder / name for name in _TRAINING_FILES]),
            test=_read_split([folder / _TEST_FILE]),
            num_classes=_NUM_CLASSES,
            mean=(0.4914, 0.4822, 0.4465),  # of the 50,000 published training images
            std=(0.2470, 0.2435, 0.2616),
        )


def _read_split(files: list[Path]) -> Split:
    batches = [_read_batch(file) for file in files]
    return Split.of(
        torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches])
    )


def _read_batch(file: Path) -> tuple[Tensor, Tensor]:
    """Read images (N 3 32 32, uint8) and labels (N, int64) from one pickled batch.

    torchvision's reader would run whatever code a pickle names, and names no file that it
    cannot read.

    Raises:
        ValueError: the file is damaged, or holds something else.
    """
    try:
        with file.open("rb") as opened:
            batch = _ArraysAlone(opened, encoding="latin1").load()
        images, labels = np.asarray(batch["data"]), np.asarray(batch["labels"])
        if images.dtype != np.uint8 or labels.dtype.kind not in "iu" or labels.ndim != 1:
            raise ValueError(f"data of {images.dtype}, labels of {labels.dtype}")
        if images.shape != (len(labels), math.prod(_IMAGE_SHAPE)):  # N 32 32 3 would be scrambled
            raise ValueError(f"data of shape {images.shape}, labels of shape {labels.shape}")
        pixels = torch.from_numpy(images.reshape(len(labels), *_IMAGE_SHAPE).copy())
    except Exception as error:  # unpickling raises what its reader does: EOF, Key, Unpickling
        raise ValueError(
            f"{file} must be a batch of CIFAR-10: a pickle of `data`, N rows of 3072 bytes, and "
            f"`labels`, N numbers ({error or type(error).__name__}); put the published file there"
        ) from error
    classes = torch.from_numpy(labels.astype(np.int64))
    refuse_unknown_labels(classes, _NUM_CLASSES, file)
    return pixels, classes


class _ArraysAlone(pickle.Unpickler):
    """Unpickles NumPy arrays and Python's own numbers, strings, lists and dicts; runs nothing."""

    _NEEDED = frozenset(
        {
            *(
                (module, name)
                for module in ("numpy.core.multiarray", "numpy._core.multiarray")
                for name in ("_reconstruct", "scalar")
            ),
            *(("numpy._core.numeric", "_frombuffer"), ("numpy.core.numeric", "_frombuffer")),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """Return the callable that a pickle asks for, if arrays need it.

        Raises:
            pickle.UnpicklingError: they do not.
        """
        if (module, name) not in self._NEEDED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


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
    from trainer.device.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

    return torchvision.datasets
