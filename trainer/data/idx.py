"""MNIST and Fashion-MNIST: 60,000 + 10,000 grey images of 28x28, in IDX files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.data.settings import DataSettings
from trainer.data.source import Pictures, hash_of_files, missing_files, refuse_unknown_labels
from trainer.data.split import Split

if TYPE_CHECKING:
    from torch import Tensor

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_NUM_CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Idx:
    """One of the data sets that use the files of MNIST.

    Attributes:
        torchvision_name: its class in `torchvision.datasets`, and its folder below the root.
        mean, std: computed over the training images.
    """

    torchvision_name: str
    mean: tuple[float]
    std: tuple[float]
    downloadable: bool = True

    def missing(self, settings: DataSettings) -> str | None:
        return missing_files(self._folder(settings), _FILES)

    def download(self, settings: DataSettings) -> None:
        from trainer.device.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

        data_set = getattr(torchvision.datasets, self.torchvision_name)
        data_set(settings.root_folder, download=True)

    def fingerprint(self, settings: DataSettings) -> str:
        return hash_of_files(self._folder(settings), _FILES)

    def read(self, settings: DataSettings) -> Pictures:
        return Pictures(
            train=self._read_split(settings, *_FILES[:2]),
            test=self._read_split(settings, *_FILES[2:]),
            num_classes=_NUM_CLASSES,
            mean=self.mean,
            std=self.std,
        )

    def _read_split(self, settings: DataSettings, images: str, labels: str) -> Split:
        from trainer.device.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

        # torchvision's data set would prefer the `processed` files of its early versions,
        # which the fingerprint does not cover; its readers read the files they are given.
        files = torchvision.datasets.mnist
        folder = self._folder(settings)
        pixels = _read(files.read_image_file, folder / images)
        classes = _read(files.read_label_file, folder / labels)
        if len(pixels) != len(classes):
            raise ValueError(
                f"{folder / labels} must have a label for each of the {len(pixels)} images of "
                f"{images}, got {len(classes)}; put the published files there"
            )
        refuse_unknown_labels(classes, _NUM_CLASSES, folder / labels)
        return Split.of(pixels[:, None], classes)

    def _folder(self, settings: DataSettings) -> Path:
        return settings.root_folder / self.torchvision_name / "raw"


def _read(reader: Callable[[str], Tensor], file: Path) -> Tensor:
    try:
        return reader(str(file))
    except Exception as error:  # torchvision's readers assert, index and convert
        raise ValueError(
            f"{file} must be a whole, unpacked IDX file, got {file.stat().st_size} bytes that are "
            f"none ({type(error).__name__}); put the published file there"
        ) from error
