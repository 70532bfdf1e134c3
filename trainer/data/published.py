"""Sizes of published data sets, known before their files are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainer.data.settings import DataSettings


@dataclass(frozen=True, kw_only=True)
class Images:
    """What a network, a training and an evaluation need to know of a published data set."""

    shape: tuple[int, int, int]
    classes: int
    trained: int  # those held out for validation included
    tested: int


IMAGES: Mapping[str, Images] = {
    "digits": Images(shape=(1, 8, 8), classes=10, trained=1_438, tested=359),
    "mnist": Images(shape=(1, 28, 28), classes=10, trained=60_000, tested=10_000),
    "fashion_mnist": Images(shape=(1, 28, 28), classes=10, trained=60_000, tested=10_000),
    "cifar10": Images(shape=(3, 32, 32), classes=10, trained=50_000, tested=10_000),
    "caltech256": Images(shape=(3, 224, 224), classes=257, trained=24_485, tested=6_122),
}
"""Facts of published data sets, so that a forecast reads no images, which may not be here."""


def examples_trained(data: DataSettings) -> int | None:
    """Training images of a trial; None where the number is not known without reading them."""
    images = IMAGES.get(data.name)
    return data.train_examples or (images.trained - data.validation if images else None)
