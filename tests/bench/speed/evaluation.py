"""Evaluation: a ladder by one run of its last rung, beside a run for each rung."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from tests.bench.speed.contest import Contender, Contest, WrongWorkError
from tests.bench.speed.setting import Setting
from tests.bench.speed.subjects import DATA, dataset_for, read_number, taught
from tests.peers.reference import Network
from trainer.attacks import PGD, Flow, RotationTranslation
from trainer.config import preset
from trainer.data import Dataset
from trainer.evaluation.outcomes import Bits
from trainer.evaluation.suite import Rungs, Suite, evaluate

SURVIVING_TARGET = 0.60
"""A ladder's longest run is 0.57 of the steps of all its runs."""


class Unbreakable(nn.Module):
    """A network's arithmetic and true gradients under an answer that is always class 0."""

    def __init__(self, network: nn.Module, num_classes: int) -> None:
        """Above `network`, which gives logits B K."""
        super().__init__()
        self.network = network
        self.register_buffer("lead", 3 * torch.eye(num_classes)[0])

    def forward(self, images: Tensor) -> Tensor:
        """Logits in (-1, 1) but for class 0's, which are above 2."""
        return torch.tanh(self.network(images)) + self.lead


def contests(setting: Setting) -> Iterator[Contest]:
    """For each network, where every image withstands; then where some fall, on real images those of
    the small CNN that PGD made robust on the network's data set."""
    for name in setting.sizes.networks:
        dataset = dataset_for(name, setting)
        some = dataset.test.select(torch.arange(setting.sizes.evaluated[name]))
        dataset = replace(dataset, test=some)
        model = taught(name, dataset, setting)
        as_class_0 = replace(some, labels=torch.zeros_like(some.labels))
        yield ladder_contest(
            f"{name}, every image withstands",
            Unbreakable(model, dataset.num_classes).eval(),
            replace(dataset, test=as_class_0),
            suite(name, setting),
            target=SURVIVING_TARGET,
        )
        label = name
        if setting.data is not None:
            model, dataset = robust(name, setting)
            label = f"a small CNN that PGD made robust on {DATA[name]}"
        yield ladder_contest(
            f"{label}, images fall", model, dataset, suite(name, setting), target=None
        )


def robust(name: str, setting: Setting) -> tuple[nn.Module, Dataset]:
    """The committed network on a network's data set, and some of its images."""
    assert setting.data is not None
    network = Network.read(DATA[name])
    dataset = network.first_images(setting.data, setting.sizes.evaluated[name])
    model = network.model(setting.data, dataset).to(setting.device)
    return model, replace(dataset, test=dataset.test.to(setting.device))


def ladder_contest(
    label: str, model: nn.Module, dataset: Dataset, whole: Suite, *, target: float | None
) -> Contest:
    """One suite with ladders, beside suites of a single rung; their bits must be equal."""
    single = [
        Suite(categories={category: Rungs(attack=rungs.attack, ladder=(rung,))})
        for category, rungs in whole.categories.items()
        for rung in rungs.ladder
    ]

    def by_ladder() -> Bits:
        outcomes = evaluate(model, whole, dataset, progress=None)
        return np.concatenate([outcomes.robust[category] for category in whole.categories])

    def one_by_one() -> Bits:
        found = [evaluate(model, each, dataset, progress=None) for each in single]
        return np.concatenate([bits for each in found for bits in each.robust.values()])

    def check(ours: Bits, theirs: Bits) -> None:
        if not np.array_equal(ours, theirs):
            differing = int((ours != theirs).sum())
            raise WrongWorkError(f"bits must be equal, {differing} of {ours.size} are not")

    rungs = ", ".join(f"{name} {list(each.ladder)}" for name, each in whole.categories.items())
    return Contest(
        title=f"evaluation, {label}, {len(dataset.test)} images: {rungs}",
        bound=Contender(name=f"{len(single)} evaluations, one a rung", run=one_by_one),
        contenders=(Contender(name="one evaluation", run=by_ladder, target=target, check=check),),
    )


def suite(name: str, setting: Setting) -> Suite:
    """The preset's of a network's data set: PGD, flow, and RT from four starts, steps of a quarter
    of the radius."""
    section = preset(DATA[name]).section("evaluation")

    def rungs(label: str, kind: type[PGD | Flow | RotationTranslation], starts: int) -> Rungs:
        sizes = setting.sizes
        ladder = sizes.pixel_ladder if kind is PGD else sizes.spatial_ladder
        epsilon = read_number(section.section(label).section("epsilon").value)
        attack = kind(
            epsilon=epsilon,
            step_size=epsilon / 4,
            num_steps=ladder[-1],
            num_restarts=starts,
        )
        return Rungs(attack=attack, ladder=ladder)

    return Suite(
        categories={
            "pgd": rungs("pgd", PGD, 1),
            "flow": rungs("flow", Flow, 1),
            "rt": rungs("rt", RotationTranslation, 4),
        }
    )
