"""What a suite must attack with before it may say `claim: true`.

Three weaknesses make a model look robust that is not, whatever the radius: a loss that saturates,
steps too coarse for the last stretch, and the many local maxima of rotations and translations. A
claim suite has an answer to each, and one set for each threat, however many searches look through
it. How many steps, starts and images it takes, and at which radii, stays its writer's here; a sweep
asks for its own radii (`orchestrator.spec.threats`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trainer.attacks import PGD, Attack, AutoAttack, RotationTranslationGrid
from trainer.attacks.ascent import AscentAttack

UNSATURATED = frozenset({"margin", "dlr"})
"""Losses that keep their slope where cross entropy has rounded to 0."""


def lacking_for_claims(attacks: Mapping[str, Attack]) -> Iterator[str]:
    """Yield what attacks, by the labels of their categories, lack for claims about methods, with
    the remedy in brackets.

    Args:
        attacks: those of which the union is made.
    """
    if not any(map(_climbs_pixels_unsaturated, attacks.values())):
        yield "AutoAttack, or PGD on the margin (add autoattack, or pgd with loss: margin)"
    if not any(isinstance(attack, RotationTranslationGrid) for attack in attacks.values()):
        yield "a grid of rotations and translations (add rt_grid)"
    constant = [
        label
        for label, attack in attacks.items()
        if isinstance(attack, AscentAttack) and attack.step_decay == "none"
    ]
    if constant:
        yield f"steps that fall, in {', '.join(constant)} (write step_decay: cosine)"
    sizes: dict[str, dict[str, str]] = {}
    for label, attack in attacks.items():
        threat = attack.threat()
        sizes.setdefault(threat.name, {}).setdefault(threat.size, label)
    for name, labels in sizes.items():
        if len(labels) > 1:
            each = ", ".join(f"{size} in {label}" for size, label in labels.items())
            yield f"one set for the threat {name}, which is {each} (write the same in each)"


def _climbs_pixels_unsaturated(attack: Attack) -> bool:
    return isinstance(attack, AutoAttack) or (
        isinstance(attack, PGD) and attack.loss in UNSATURATED
    )
