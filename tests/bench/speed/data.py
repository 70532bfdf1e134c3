"""Data: batches out of one tensor, beside torch's DataLoader over torchvision's transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from PIL import Image
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as Pictures

from tests.bench.speed import bounds
from tests.bench.speed.contest import Contender, Contest, OwnSeconds, WrongWorkError
from tests.bench.speed.setting import Setting
from tests.bench.speed.subjects import DATA, dataset_for, plain_model, trial_of
from trainer.data import Split
from trainer.device.torchvision_operators import torchvision
from trainer.device.transfer import moved
from trainer.randomness import example_keys

TARGET = 0.03
"""Of an epoch of standard training, the shortest there is."""

WORKERS = (0, 2)


class Transformed(Pictures[Any]):
    """A split's images, one at a time, as a tutorial has them."""

    def __init__(self, split: Split) -> None:
        """Images of `split`, as PIL has them, under its augmentation."""
        transforms = torchvision.transforms
        augmenting = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
        kept = augmenting if split.augmentation == "crop_flip" else []
        self._transform = transforms.Compose([*kept, transforms.ToTensor()])
        arrays = split.stored[split.rows].permute(0, 2, 3, 1).cpu().numpy()
        self._pixels = arrays[..., 0] if arrays.shape[3] == 1 else arrays
        self._labels = split.labels.tolist()

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self._transform(Image.fromarray(self._pixels[index])), self._labels[index]


def contests(setting: Setting) -> Iterator[Contest]:
    """For each network the batches of its data set, in seconds a batch."""
    for name in DATA:
        split = dataset_for(name, setting).train
        batch = setting.sizes.batch[name]
        loaded = min(setting.sizes.loaded, len(split) // batch)
        few = split.select(torch.arange(loaded * batch))
        loaders = {
            f"DataLoader, {workers} workers": read_loader(few, batch, workers, setting)
            for workers in WORKERS
        }
        yield Contest(
            title=f"a batch of {batch}, {DATA[name]}, augmentation {split.augmentation}",
            bound=Contender(
                name="standard training on it: forward, backward",
                run=training(name, setting, batch),
            ),
            contenders=(
                Contender(name="ours", run=read_ours(few, batch, setting), target=TARGET),
                *(Contender(name=label, run=run) for label, run in loaders.items()),
            ),
        )


def training(name: str, setting: Setting, batch: int) -> Callable[[], OwnSeconds]:
    """An epoch's passes, in seconds a batch."""
    dataset, count = dataset_for(name, setting), setting.sizes.trained
    model = plain_model(trial_of(name, {"method": "standard"}, num_steps=1), dataset)
    batches = [
        (dataset.train.images_at(indices), dataset.train.labels[indices])
        for indices in torch.arange(count * batch).split(batch)
    ]

    def run() -> OwnSeconds:
        began = setting.clock()
        for images, labels in batches:
            bounds.descend(model, images, labels)
        return OwnSeconds((setting.clock() - began) / count)

    return run


def read_ours(split: Split, batch: int, setting: Setting) -> Callable[[], OwnSeconds]:
    """An epoch in an order of its own, as training asks for it, in seconds a batch."""

    def run() -> OwnSeconds:
        began = setting.clock()
        order = torch.randperm(len(split))
        for indices in order.split(batch):
            there = moved(indices, setting.device)
            split.augmented(indices, example_keys(0, there))
            split.labels[there]
        return OwnSeconds((setting.clock() - began) * batch / len(split))

    return run


def read_loader(
    split: Split, batch: int, workers: int, setting: Setting
) -> Callable[[], OwnSeconds]:
    """The same by a loader, whose processes outlive an epoch."""
    loader = DataLoader(
        Transformed(split),
        batch_size=batch,
        shuffle=True,
        num_workers=workers,
        pin_memory=setting.device.type == "cuda",
        persistent_workers=workers > 0,
    )

    def run() -> OwnSeconds:
        began, seen = setting.clock(), 0
        for images, labels in loader:
            images.to(setting.device, non_blocking=True)
            labels.to(setting.device, non_blocking=True)
            seen += len(labels)
        took = setting.clock() - began
        if seen != len(split):
            raise WrongWorkError(f"an epoch must have {len(split)} images, got {seen}")
        return OwnSeconds(took * batch / len(split))

    return run
