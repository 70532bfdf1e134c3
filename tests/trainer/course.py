"""The course of small trainings, number by number, as it was stored once.

`python -m tests.trainer.course` writes `references/courses.json` anew: only where training is meant
to become another, and its version is raised with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest import mock

import torch
from torch import Tensor, nn

from tests.conftest import SMALL_TRIAL
from tests.trainer.runs import CPU, descent_of
from trainer.attacks import ATTACKS, Attack, norms
from trainer.config import Trial, read_trial, with_preset
from trainer.data import Dataset, Split, load
from trainer.input.document import Document
from trainer.randomness import example_keys, uniform
from trainer.training.loop import new_model

STORED = Path(__file__).parent / "references" / "courses.json"
STEPS = 14
"""Enough for Pareto training to have solved for alpha."""

SGD = {"name": "sgd", "learning_rate": 0.02}
"""Where a gradient is next to nothing, Adam's first steps go by its sign, and rounding decides."""


def normalised(*, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """A small network with BatchNorm: eighteen layers take minutes in float64."""
    channels, height, width = image_shape
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * (height // 2) * (width // 2), num_classes),
    )


NORMALISED = {"name": "tests.trainer.course:normalised"}

CASES: dict[str, dict[str, Any]] = {
    "standard": {},
    "pgd": {"method": {"method": "pgd"}},
    "flow": {"method": {"method": "flow"}},
    "rt": {"method": {"method": "rt", "natural_weight": 0.5}},
    "integrated": {"method": {"method": "integrated"}},
    "average": {"method": {"method": "average", "natural_weight": 0.25}},
    "maximum": {"method": {"method": "maximum"}},
    "maximum, natural": {"method": {"method": "maximum", "natural_weight": 0.2}},
    "pareto, rho": {"method": {"method": "pareto", "rho": 0.5, "window": 12}},
    "pareto, r": {"method": {"method": "pareto", "r": 1.0}},
    "sgd, warm-up": {
        "method": {"method": "average"},
        "training": {
            "epsilon_warmup": 1.5,
            "optimiser": {"name": "sgd", "learning_rate": 0.05, "weight_decay": 1e-3},
        },
    },
    "batch norm, joint": {
        "model": NORMALISED,
        "method": {"method": "average"},
        "training": {"optimiser": SGD},
    },
    "batch norm, separate": {
        "model": NORMALISED,
        "method": {"method": "average", "natural_weight": 0.25},
        "training": {"batch_norm": "separate", "optimiser": SGD},
    },
    "crop and flip": {"data": {"augmentation": "crop_flip"}},
}
"""A trial by what it changes in the small one."""

Course = dict[str, list[Any]]
Bits = dict[str, list[list[int]]]


def trial_of(case: Mapping[str, Any]) -> Trial:
    """The small trial, changed."""
    document = Document.from_plain(dict(case), "course")
    return read_trial(with_preset(document.merged_over(Document.from_plain(SMALL_TRIAL, "small"))))


class _Doubled:
    """A split whose images are in float64."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self.labels = split.labels

    def augmented(self, indices: Tensor, keys: Tensor) -> Tensor:
        return self._split.augmented(indices, keys).double()


@contextmanager
def _in_float64() -> Iterator[None]:
    """What the code rounds to float32 by itself, losses and random starts, stays in float64."""
    with (
        mock.patch.object(Tensor, "float", Tensor.double),
        mock.patch.object(
            norms, "uniform", lambda *given, **named: uniform(*given, **named).double()
        ),
    ):
        yield


def course(case: Mapping[str, Any]) -> Course:
    """Losses and weights (K each) and the gradient's norm of every step, in float64.

    Attacks step by signs. In float32, kernels of another CPU turn one in some thousand, and the
    courses part in the second step: losses by a thousandth, by half at the tenth. In float64 such a
    turn is a billion times rarer.
    """
    trial = trial_of(case)
    plain = descent_of(trial, micro_batches=1)
    model = plain.model.double()
    descent = replace(
        plain,
        split=cast(Split, _Doubled(plain.split)),
        model=model,
        optimiser=trial.training.optimiser.build(model.parameters()),
    )
    size, count = trial.training.batch_size, len(plain.split)
    told: Course = {"losses": [], "weights": [], "gradient_norm": []}
    with _in_float64():
        for done in range(STEPS):
            epoch, step = divmod(done, descent.num_steps)
            indices = (torch.arange(size) + step * size) % count
            facts = descent.step(indices, epoch=epoch, step=step)
            told["losses"].append(facts.losses.tolist())
            told["weights"].append(facts.weights.tolist())
            told["gradient_norm"].append(facts.gradient_norm.item())
    return told


STRONG: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "pgd": ("pgd", {"epsilon": 0.2, "step_size": 0.05}, (1, 2, 5, 10)),
    "pgd, falling": (
        "pgd",
        {"epsilon": 0.1, "step_size": 0.1, "step_decay": "cosine", "num_restarts": 3},
        (3, 8),
    ),
    "flow": ("flow", {"epsilon": 0.15, "step_size": 0.04, "num_restarts": 2}, (1, 5, 10)),
    "rt": ("rt", {"epsilon": 0.25, "step_size": 0.06, "num_restarts": 4}, (1, 5, 10)),
    "integrated": ("integrated", {"rt_epsilon": 0.1, "flow_epsilon": 0.1}, (5,)),
    "literal": (
        "integrated",
        {"rt_epsilon": 0.1, "flow_epsilon": 0.1, "warps": "iterate", "num_restarts": 2},
        (1, 5),
    ),
    "worst of": ("rt_worst_of", {"epsilon": 0.25}, (1, 4, 10)),
    "grid": ("rt_grid", {"epsilon": 0.25, "num_rotations": 5, "num_translations": 3}, ()),
}
"""Attacks by label: kind, settings, ladder."""


def bits(model: nn.Module, dataset: Dataset) -> Bits:
    """What each attack leaves of the digits, rung by rung."""
    indices = torch.arange(64)
    images, labels = dataset.test.images_at(indices), dataset.test.labels[indices]
    keys = example_keys(5, indices)
    found: Bits = {}
    for label, (kind, settings, ladder) in STRONG.items():
        attack: type[Attack] = ATTACKS[kind]
        strength = {str(attack.rung): ladder[-1]} if ladder else {}
        built = attack.model_validate({**settings, **strength})
        found[label] = built.correct(model, images, labels, keys, ladder).int().tolist()
    return found


def victim() -> tuple[nn.Module, Dataset]:
    """A network that withstands some attacks: the small trial of PGD, after so many steps.

    It is trained in float64 from weights that are drawn exactly, so that it is the same on every
    CPU: PyTorch's own draws differ in the last bit where a kernel multiplies and adds in one.
    """
    trial = trial_of({"method": {"method": "pgd"}, "data": {"train_examples": 1200}})
    dataset = load(trial.data, CPU)
    model = new_model(trial, dataset, CPU).double()
    for place, weight in enumerate(model.parameters()):
        bound = weight[0].numel() ** -0.5 if weight.dim() > 1 else 0.0
        draws = uniform(example_keys(place, torch.arange(1)), stream=0, shape=tuple(weight.shape))
        weight.data = (2 * draws[0].double() - 1) * bound
    optimiser = trial.training.optimiser.build(model.parameters())
    with _in_float64():
        for step in range(100):
            indices = (torch.arange(64) + 64 * step) % len(dataset.train)
            images, labels = (
                dataset.train.images_at(indices).double(),
                dataset.train.labels[indices],
            )
            images = trial.attacks["pgd"].search(model, images, labels, example_keys(step, indices))
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimiser.step()
    return model.float().eval(), dataset


def stored() -> dict[str, Any]:
    """What was written: `courses` by case, `bits` by attack."""
    found: dict[str, Any] = json.loads(STORED.read_text())
    return found


def main() -> None:
    """Write the file."""
    torch.set_num_threads(1)
    courses = {name: course(case) for name, case in CASES.items()}
    STORED.write_text(json.dumps({"courses": courses, "bits": bits(*victim())}))


if __name__ == "__main__":
    main()
