"""Images that wait as bytes beside the model, and leave as batches of floats.

Indexing a tensor and cropping a whole batch at once costs a sixth to a thirtieth of worker
processes that transform one picture at a time, so there is no loader: a batch is asked for
by the indices of its examples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from trainer.data.settings import Augmentation
from trainer.device.transfer import moved
from trainer.randomness import uniform

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch

_PADDING = 4
"""Pixels of black around an image that is stored no larger than the model sees it."""

_AUGMENTATION_STREAM = 0x6372_6F70
"""Stream of the augmentation's random numbers, apart from an attack's of the same key."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """N labelled images: some rows of a tensor that several splits may share.

    Attributes:
        stored: M C H' W', uint8. On the device, or on the host where it is memory-mapped.
        rows: N, int64, on the device of `stored`: where in `stored` each image lies.
        labels: N, int64, on the device where batches are wanted.
        image_size: (H, W) of the images in a batch; a larger stored image is cropped to it.
        augmentation: what `augmented` does.
        memory_mapped: `stored` is a file larger than memory may be: it is never copied whole.
    """

    stored: Tensor
    rows: Tensor
    labels: Tensor
    image_size: tuple[int, int]
    augmentation: Augmentation
    memory_mapped: bool

    @classmethod
    def of(cls, images: Tensor, labels: Tensor) -> Self:
        """Hold all `images` (N C H W, uint8) and `labels` (N, whole numbers), not augmented.

        Raises:
            ValueError: another type or shape.
        """
        if images.dtype != torch.uint8 or images.ndim != 4 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"images must be uint8 of shape N C H W with N labels, got {images.dtype} of "
                f"shape {tuple(images.shape)} with labels of shape {tuple(labels.shape)}"
            )
        if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
            raise ValueError(f"labels must be whole numbers, got {labels.dtype}; convert them")
        height, width = images.shape[-2:]
        return cls(
            stored=images,
            rows=torch.arange(len(images)),
            labels=labels.to(torch.int64),
            image_size=(height, width),
            augmentation="none",
            memory_mapped=False,
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image of a batch."""
        return (self.stored.shape[1], *self.image_size)

    def select(self, indices: Tensor) -> Self:
        """Select the examples at `indices` (int64, on the host) as a split that shares `stored`."""
        return replace(
            self,
            rows=self.rows[indices.to(self.rows.device)],
            labels=self.labels[indices.to(self.labels.device)],
        )

    def to(self, device: torch.device) -> Self:
        """Move the split to give batches on `device`; only memory-mapped images stay behind."""
        moved = replace(self, labels=self.labels.to(device))
        if self.memory_mapped:
            return moved
        return replace(moved, stored=self.stored.to(device), rows=self.rows.to(device))

    def images_at(self, indices: Tensor) -> Tensor:
        """Return images as they are, their centre if stored larger: B C H W, float32 in [0, 1]."""
        height, width = self.image_size
        top = (self.stored.shape[2] - height) // 2
        left = (self.stored.shape[3] - width) // 2
        centres = self.stored[:, :, top : top + height, left : left + width]
        return _as_floats(self._gather(centres, indices))

    def augmented(self, indices: Tensor, keys: Tensor) -> Tensor:
        """Return images under this split's augmentation: B C H W, float32 in [0, 1].

        Args:
            indices: B, int64, best on the host: there a memory-mapped split reads them.
            keys: B, int64, on the device. An image depends on its own key alone; one key
                never gives two different results.
        """
        if self.augmentation == "none":
            return self.images_at(indices)
        height, width = self.image_size
        images = self._gather(self.stored, indices)
        if images.shape[2:] == self.image_size:
            images = torch.nn.functional.pad(images, (_PADDING,) * 4)
        windows = images.unfold(2, height, 1).unfold(3, width, 1)  # B C tops lefts H W, a view

        draws = uniform(keys, stream=_AUGMENTATION_STREAM, shape=(3,))
        # A float32 below 1, times n, rounds to below n: the floor is always a valid position.
        tops = (draws[:, 0] * windows.shape[2]).to(torch.int64)
        lefts = (draws[:, 1] * windows.shape[3]).to(torch.int64)
        crops = windows[torch.arange(len(keys), device=keys.device), :, tops, lefts]
        mirrored = (draws[:, 2] < 0.5)[:, None, None, None]
        return _as_floats(torch.where(mirrored, crops.flip(3), crops))

    def _gather(self, images: Tensor, indices: Tensor) -> Tensor:
        rows = self.rows[moved(indices, self.rows.device)]
        return moved(images[rows], self.labels.device)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """The three splits of a trial and what a model must know of them.

    Attributes:
        train, validation, test: disjoint; the first alone is augmented.
        steers: of each validation image whether it is of the part that steers (N bits, on the
            host); the others pick. See `trainer.data.steering_part`.
        num_classes: labels are 0 .. num_classes - 1.
        image_shape: (C, H, W) of one image of a batch.
        mean, std: for each channel, of pixels in [0, 1]; the model's first layer uses them.
    """

    train: Split
    validation: Split
    test: Split
    steers: Tensor
    num_classes: int
    image_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def steering(self) -> Split:
        """The validation images that steer a training: those looked at after each epoch."""
        return self.validation.select(self.steers.nonzero().squeeze(1))


def _as_floats(pixels: Tensor) -> Tensor:
    # Divided by a tensor: by a Python number, a GPU would multiply by a rounded 1/255.
    return pixels.to(torch.float32).div_(torch.full((), 255.0, device=pixels.device))
