"""Networks under the clock, with images that they can tell apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.bench.speed.setting import Setting
from trainer.config import Trial, preset, read_trial, with_preset
from trainer.data import Dataset, Split, load
from trainer.data.settings import DataSettings
from trainer.input.document import Document
from trainer.randomness import example_keys
from trainer.training.loop import new_model

DATA = {"cnn": "mnist", "preact_resnet18": "cifar10"}
"""The data set whose preset has a network, by the network's name."""

_SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
_RANDOM_IMAGES = 2048


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A network in evaluation mode that has learnt a little, and a batch of images for it.

    Attributes:
        labels: B, what the network says of the images, so that an attack has all to gain.
        keys: B, of the attacks' random starts.
    """

    name: str
    dataset: Dataset
    model: nn.Module
    images: Tensor  # B C H W
    labels: Tensor
    keys: Tensor


def subject(name: str, setting: Setting) -> Subject:
    """The network of that name under its data set's preset."""
    dataset = dataset_for(name, setting)
    model = taught(name, dataset, setting)
    indices = torch.arange(setting.sizes.batch[name])
    images = dataset.train.images_at(indices)
    with torch.no_grad():
        labels = model(images).argmax(1)
    return Subject(
        name=name,
        dataset=dataset,
        model=model,
        images=images,
        labels=labels,
        keys=example_keys(0, indices).to(images.device),
    )


def dataset_for(name: str, setting: Setting) -> Dataset:
    """The real images of a network's data set, else random ones."""
    if setting.data is None:
        return random_dataset(DATA[name], setting.device)
    section = preset(DATA[name]).section("data")
    given: dict[str, Any] = {"name": DATA[name], "root": setting.data, "validation": 500}
    if DATA[name] == "cifar10":
        given["verify"] = False  # a part of the data set will do
    settings = Document.from_plain(given, "bench").merged_over(section).read_as(DataSettings)
    return load(settings, setting.device)


def random_dataset(data_name: str, device: torch.device) -> Dataset:
    """Bytes in the shape of a data set's images: ten patterns at random, each under noise."""
    shape = _SHAPES[data_name]
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(10, (_RANDOM_IMAGES,), generator=generator)
    patterns = torch.randint(256, (10, *shape), generator=generator)
    noise = torch.randint(256, (_RANDOM_IMAGES, *shape), generator=generator)
    every = Split.of(((patterns[labels] + noise) // 2).to(torch.uint8), labels).to(device)
    training, testing = torch.arange(_RANDOM_IMAGES).tensor_split(2)
    return Dataset(
        train=replace(
            every.select(training),
            augmentation="crop_flip" if data_name == "cifar10" else "none",
        ),
        validation=every.select(testing[:0]),
        test=every.select(testing),
        steers=torch.zeros(0, dtype=torch.bool),
        num_classes=10,
        image_shape=shape,
        mean=(0.5,) * shape[0],
        std=(0.2,) * shape[0],
    )


def trial_of(name: str, method: dict[str, Any], *, num_steps: int, **training: Any) -> Trial:
    """Training of a network by a method, its attacks as its data set's preset has them but for
    their length; PGD goes a quarter of its radius a step. `training` is of its section."""
    attacks = {label: {"num_steps": num_steps} for label in ("pgd", "flow", "rt", "integrated")}
    radius = preset(DATA[name]).section("training").section("attacks").section("pgd")
    epsilon = read_number(radius.section("epsilon").value)
    plain = {
        "data": {"name": DATA[name]},
        "fingerprint": "",
        "method": method,
        "training": {
            **training,
            "attacks": attacks | {"pgd": {"num_steps": num_steps, "step_size": epsilon / 4}},
        },
        "seed": 0,
    }
    return read_trial(with_preset(Document.from_plain(plain, "bench")))


def read_number(value: object) -> float:
    """A radius as a preset writes it, such as 8/255."""
    numerator, _, denominator = str(value).partition("/")
    return float(numerator) / float(denominator or 1)


def plain_model(trial: Trial, dataset: Dataset) -> nn.Module:
    """A new network, laid out as PyTorch has it where nobody says otherwise: what bounds run on."""
    model = new_model(trial, dataset, dataset.train.labels.device)
    return model.to(memory_format=torch.contiguous_format)


def taught(name: str, dataset: Dataset, setting: Setting) -> nn.Module:
    """A network after a few steps of standard training."""
    model = plain_model(trial_of(name, {"method": "standard"}, num_steps=1), dataset)
    model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    size = setting.sizes.training_batch[name]
    for step in range(setting.sizes.taught):
        indices = torch.arange(step * size, (step + 1) * size) % len(dataset.train)
        optimiser.zero_grad(set_to_none=True)
        logits = model(dataset.train.images_at(indices))
        F.cross_entropy(logits, dataset.train.labels[indices]).backward()
        optimiser.step()
    return model.eval()
