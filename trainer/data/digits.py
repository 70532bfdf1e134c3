"""The 1,797 handwritten digits, 8x8, that come with scikit-learn: no file is needed.

They are the test part of Alpaydin and Kaynak's Optical Recognition of Handwritten Digits
(UCI Machine Learning Repository, 1998).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainer.data.selection import share_of_each_class
from trainer.data.settings import DataSettings
from trainer.data.source import Pictures
from trainer.data.split import Split

if TYPE_CHECKING:
    import torch
else:
    from trainer import late_torch as torch

_TEST_SHARE = 0.2
_TEST_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Digits:
    """The digits, whose grey levels 0 .. 16 become bytes by `round(255/16 level)`.

    The set has no test images of its own: a fifth of each class is set apart, always the same.
    """

    downloadable: bool = False

    def missing(self, settings: DataSettings) -> str | None:
        return None

    def download(self, settings: DataSettings) -> None:
        raise RuntimeError("digits come with scikit-learn and cannot be downloaded")

    def fingerprint(self, settings: DataSettings) -> str:
        levels, labels = _levels_and_labels()
        return hashlib.sha256(levels.tobytes() + labels.tobytes()).hexdigest()

    def read(self, settings: DataSettings) -> Pictures:
        levels, classes = _levels_and_labels()
        images = torch.from_numpy(np.rint(levels * (255 / 16)).astype(np.uint8))[:, None]
        labels = torch.from_numpy(classes)
        is_test = share_of_each_class(labels, _TEST_SHARE, seed=_TEST_SEED)
        return Pictures(
            train=Split.of(images[~is_test], labels[~is_test]),
            test=Split.of(images[is_test], labels[is_test]),
            num_classes=10,
            mean=(0.3054,),  # computed over the training images
            std=(0.3757,),
        )


def _levels_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """Return grey levels 0 .. 16 (1797, 8, 8) and classes (1797,), in types of a fixed size."""
    # Imported here: scikit-learn takes longer to import than these digits to learn.
    from sklearn.datasets import load_digits  # noqa: PLC0415

    digits = load_digits()
    return digits.images.astype("<f8"), digits.target.astype("<i8")
