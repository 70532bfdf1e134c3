"""Attacks: PGD, flow, rotation-translation, integrated; one loop (`ascent`)."""

from __future__ import annotations

from trainer.attacks.attack import Attack, frozen
from trainer.attacks.pixel import PGD
from trainer.attacks.spatial import Flow, Integrated, RotationTranslation

ATTACKS: dict[str, type[Attack]] = {
    "pgd": PGD,
    "flow": Flow,
    "rt": RotationTranslation,
    "integrated": Integrated,
}
"""By name in a YAML file; your own as `package.module:Class`."""

__all__ = ["ATTACKS", "PGD", "Attack", "Flow", "Integrated", "RotationTranslation", "frozen"]
