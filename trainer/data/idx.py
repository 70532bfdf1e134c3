"""MNIST and Fashion-MNIST: 60,000 + 10,000 grey images of 28x28, in IDX files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer.data.settings import DataSettings
from trainer.data.source import Pictures, hash_of_files, missing_files
from trainer.data.split import Split

_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


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
        from trainer.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

        data_set = getattr(torchvision.datasets, self.torchvision_name)
        data_set(settings.root_folder, download=True)

    def fingerprint(self, settings: DataSettings) -> str:
        return hash_of_files(self._folder(settings), _FILES)

    def read(self, settings: DataSettings) -> Pictures:
        return Pictures(
            train=self._read_split(settings, *_FILES[:2]),
            test=self._read_split(settings, *_FILES[2:]),
            num_classes=10,
            mean=self.mean,
            std=self.std,
        )

    def _read_split(self, settings: DataSettings, images: str, labels: str) -> Split:
        from trainer.torchvision_operators import torchvision  # noqa: PLC0415  (slow to import)

        # torchvision's data set would prefer the `processed` files of its early versions,
        # which the fingerprint does not cover; its readers read the files they are given.
        files = torchvision.datasets.mnist
        folder = self._folder(settings)
        return Split.of(
            files.read_image_file(folder / images)[:, None], files.read_label_file(folder / labels)
        )

    def _folder(self, settings: DataSettings) -> Path:
        return settings.root_folder / self.torchvision_name / "raw"
