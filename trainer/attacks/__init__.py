"""Attacks: steepest ascent (PGD, flow, rotation-translation, integrated: one loop), rotations
and translations tried one by one, vanilla targeted flow, AutoAttack; and common corruptions."""

from __future__ import annotations

from trainer.attacks.attack import Attack, frozen
from trainer.attacks.autoattack import AutoAttack
from trainer.attacks.corruption import Corruption
from trainer.attacks.perturbed import Perturbed
from trainer.attacks.pixel import PGD
from trainer.attacks.rigid import RotationTranslationGrid, WorstOf
from trainer.attacks.spatial import Flow, Integrated, RotationTranslation
from trainer.attacks.targeted_flow import TargetedFlow

ATTACKS: dict[str, type[Attack]] = {
    "pgd": PGD,
    "flow": Flow,
    "rt": RotationTranslation,
    "integrated": Integrated,
    "rt_grid": RotationTranslationGrid,
    "rt_worst_of": WorstOf,
    "targeted_flow": TargetedFlow,
    "autoattack": AutoAttack,
    "corruption": Corruption,
}
"""Attacks by name in a YAML file; a user's own is named `package.module:Class`."""

__all__ = [
    "ATTACKS",
    "PGD",
    "Attack",
    "AutoAttack",
    "Corruption",
    "Flow",
    "Integrated",
    "Perturbed",
    "RotationTranslation",
    "RotationTranslationGrid",
    "TargetedFlow",
    "WorstOf",
    "frozen",
]
