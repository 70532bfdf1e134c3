"""Training steps: beside the passes of their attacks and of their losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from tests.bench.speed import bounds
from tests.bench.speed.contest import Contender, Contest
from tests.bench.speed.setting import Setting
from tests.bench.speed.subjects import dataset_for, plain_model, trial_of
from trainer.config import Trial
from trainer.data import Dataset
from trainer.methods import NATURAL, Method
from trainer.methods.weighting import Weighting
from trainer.training.loop import compiled, new_model
from trainer.training.step import Descent

METHODS: dict[str, dict[str, Any]] = {
    "standard": {"method": "standard"},
    "pgd": {"method": "adversarial", "attack": "pgd"},
    "flow": {"method": "adversarial", "attack": "flow"},
    "rt": {"method": "adversarial", "attack": "rt"},
    "integrated": {"method": "adversarial", "attack": "integrated"},
    "average": {"method": "average"},
    "maximum": {"method": "maximum"},
    "pareto": {"method": "pareto", "rho": 0.6},
}
OURS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours, laid out as the bound": {"memory_format": "contiguous"},
    "ours, bfloat16": {"precision": "bfloat16"},
}
"""Settings of a training under the clock."""
TARGET = 1.10
PARETO_TARGET = 1.03
FILLING = 60
"""Mini-batches that Pareto training has seen before it is timed: more than fill its window."""


class FixedAlpha(Method):
    """Pareto training's four losses under weights that never change."""

    def branches(self) -> tuple[str, ...]:
        """As Pareto training has them."""
        return (NATURAL, "pgd", "flow", "rt")

    def weighting(self) -> Weighting:
        """A quarter each."""
        return Weighting([0.25] * 4)


def contests(setting: Setting) -> Iterator[Contest]:
    """For each network a step of each method; then what solving for alpha adds to a step, and what
    compiling takes from it."""
    for name in setting.sizes.networks:
        for label in METHODS:
            yield method_contest(name, label, setting)
        yield solving_contest(name, setting)
        yield compiling_contest(name, setting)


def method_contest(name: str, method: str, setting: Setting) -> Contest:
    """One step on a batch, beside an attack's passes for each attack and a backward pass for each
    loss. The optimiser's own work is in the step and not in the bound.

    The bound is in float32, laid out as PyTorch has it by itself; ours as the trainer has it, and
    then as the bound, which shows what is the layout's part in the ratio.
    """
    dataset, batch = dataset_for(name, setting), setting.sizes.training_batch[name]
    num_steps = setting.sizes.training_steps[name]
    trials = {
        label: trial_of(name, METHODS[method], num_steps=num_steps, **training)
        for label, training in OURS.items()
    }
    contenders = [
        Contender(
            name=label,
            run=stepping(trial, dataset, batch),
            target=TARGET if trial.training.precision == "float32" else None,
        )
        for label, trial in trials.items()
    ]
    trial = trials["ours"]
    if trial.method.branches() == (NATURAL,):
        plain = plain_step(trial, dataset, batch)
        contenders.append(Contender(name="plain PyTorch, its optimiser too", run=plain))
    attacks, losses = len(trial.method.attacks()), len(trial.method.branches())
    return Contest(
        title=f"training step, {method}, {name}, {batch} images",
        bound=Contender(
            name=f"{attacks} x {num_steps} steps of attack, {losses} x backward",
            run=passes(trial, dataset, batch, num_steps=num_steps),
        ),
        contenders=tuple(contenders),
    )


def solving_contest(name: str, setting: Setting) -> Contest:
    """Pareto training beside the same four losses under fixed weights."""
    dataset, batch = dataset_for(name, setting), setting.sizes.training_batch[name]
    num_steps = setting.sizes.training_steps[name]
    fixed: dict[str, Any] = {"method": f"{__name__}:FixedAlpha"}
    runs = {
        label: stepping(trial_of(name, method, num_steps=num_steps), dataset, batch)
        for label, method in (("fixed", fixed), ("solved", METHODS["pareto"]))
    }
    return Contest(
        title=f"what alpha costs a step, {name}, {batch} images",
        bound=Contender(name="the same four losses, alpha fixed", run=runs["fixed"]),
        contenders=(
            Contender(name="alpha solved each step", run=runs["solved"], target=PARETO_TARGET),
        ),
    )


def compiling_contest(name: str, setting: Setting) -> Contest:
    """A step under three attacks, its passes compiled, beside the same as it comes."""
    dataset, batch = dataset_for(name, setting), setting.sizes.training_batch[name]
    num_steps = setting.sizes.training_steps[name]
    eager, fast = (
        stepping(
            trial_of(name, METHODS["average"], num_steps=num_steps, compile=is_compiled),
            dataset,
            batch,
        )
        for is_compiled in (False, True)
    )
    fast()  # twice before it is timed: some passes are compiled anew at their second call
    return Contest(
        title=f"what compiling takes from a step, average, {name}, {batch} images",
        bound=Contender(name="eager", run=eager),
        contenders=(Contender(name="compiled", run=fast),),
    )


def stepping(trial: Trial, dataset: Dataset, batch: int) -> Callable[[], object]:
    """A training run's steps, on the same examples each time."""
    device = dataset.train.labels.device
    model = new_model(trial, dataset, device)
    model.train()
    weighting = trial.method.weighting()
    generator = torch.Generator().manual_seed(0)
    for _ in range(FILLING):
        losses = torch.rand(len(trial.method.branches()), batch, generator=generator) + 0.5
        losses = losses.to(device)
        weighting.weigh(losses)
        weighting.observe(losses)
    descent = Descent(
        trial=trial,
        split=dataset.train,
        model=compiled(model, goes_back_again=weighting.by_batch)
        if trial.training.compile
        else model,
        optimiser=trial.training.optimiser.build(model.parameters()),
        weighting=weighting,
        micro_batches=1,
        num_steps=100,
    )
    indices = torch.arange(batch)
    return lambda: descent.step(indices, epoch=0, step=0)


def passes(trial: Trial, dataset: Dataset, batch: int, *, num_steps: int) -> Callable[[], object]:
    """What a step's attacks and losses must cost."""
    model, indices = plain_model(trial, dataset), torch.arange(batch)
    images, labels = dataset.train.images_at(indices), dataset.train.labels[indices]

    def run() -> None:
        for _ in trial.method.attacks():
            bounds.ascend(model, images, labels, num_steps=num_steps)
        for _ in trial.method.branches():
            bounds.descend(model, images, labels)

    return run


def plain_step(trial: Trial, dataset: Dataset, batch: int) -> Callable[[], object]:
    """Standard training as a tutorial has it: the bound, and Adam or SGD as PyTorch makes it."""
    model = plain_model(trial, dataset)
    indices = torch.arange(batch)
    images, labels = dataset.train.images_at(indices), dataset.train.labels[indices]
    settings = trial.training.optimiser
    optimiser: torch.optim.Optimizer
    if settings.name == "adam":
        optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    else:
        momentum = settings.momentum
        optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=momentum)

    def run() -> None:
        bounds.descend(model, images, labels)
        optimiser.step()

    return run
