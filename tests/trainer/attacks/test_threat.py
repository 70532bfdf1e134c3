"""Searches of one set of images are of one threat, whatever they are called and however they go."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.attacks import (
    PGD,
    Attack,
    AutoAttack,
    Corruption,
    Flow,
    Integrated,
    RotationTranslation,
    RotationTranslationGrid,
    TargetedFlow,
    WorstOf,
)

TEN = {"num_steps": 10}


class Brighten(Attack):
    """One of a user's own."""

    epsilon: float

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return images


def test_searches_of_one_set_are_of_one_threat() -> None:
    for first, *others in (
        (
            PGD(epsilon=8 / 255, **TEN),
            PGD(epsilon=0.0313725490196078, loss="margin", num_restarts=5, num_steps=3),
            AutoAttack.model_construct(epsilon=8 / 255),
        ),
        (Flow(epsilon=0.1, **TEN), TargetedFlow(epsilon=0.1)),
        (
            RotationTranslation(epsilon=0.1, **TEN),
            RotationTranslationGrid(epsilon=0.1),
            WorstOf(epsilon=0.1),
        ),
        (Corruption(kind="contrast", severity=1), Corruption(kind="contrast", severity=5)),
    ):
        assert [attack.threat() for attack in others] == [first.threat()] * len(others)


def test_other_norms_sizes_and_kinds_are_other_threats() -> None:
    pgd = PGD(epsilon=0.1, **TEN)
    assert PGD(epsilon=0.2, **TEN).threat().name == pgd.threat().name
    threats = [
        pgd.threat(),
        PGD(epsilon=0.2, **TEN).threat(),
        PGD(norm="l2", epsilon=0.1, **TEN).threat(),
        Flow(epsilon=0.1, **TEN).threat(),
        Flow(epsilon=0.1, padding="border", **TEN).threat(),
        TargetedFlow().threat(),
        RotationTranslation(epsilon=0.1, **TEN).threat(),
        RotationTranslationGrid(degrees=30, pixels=3).threat(),
        Integrated(rt_epsilon=0.1, flow_epsilon=0.1, **TEN).threat(),
        Corruption(kind="contrast", severity=1).threat(),
        Corruption(kind="pixelate", severity=1).threat(),
        Brighten(epsilon=0.1).threat(),
    ]
    assert len(set(threats)) == len(threats)
    assert str(threats[0]) == "linf pixels at epsilon 0.1"
    assert str(threats[7]) == "rotation-translation at degrees 30, pixels 3, padding zeros"
    assert str(threats[-1]) == "Brighten at epsilon 0.1"


def test_the_integrated_threat_has_both_of_its_parts() -> None:
    both = Integrated(rt_epsilon=0.1, flow_epsilon=0.2, **TEN).threat()
    parts = {Flow(epsilon=0.2, **TEN).threat().name, WorstOf(epsilon=0.1).threat().name}
    assert set(both.contains) == parts
