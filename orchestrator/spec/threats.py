"""Whether a suite asks what the sweep is about: its threats held against those that are known.

What is marked `unseen` must not be what a method trained on, and a claim suite must attack within
the sets that the sweep names: at another radius it would claim something of another threat.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.spec.space import Cell
from trainer.config import preset
from trainer.evaluation.suite import Suite, read_suite
from trainer.evaluation.trained_on import threats_of
from trainer.input.document import Document


def refuse_seen(document: Document, suite: Suite, cells: Iterable[Cell]) -> None:
    """Check that no category is marked `unseen` whose threat some method trains on.

    Args:
        document: the suite's.
        cells: of the sweep; what they start from was trained in the same sweep.

    Raises:
        BadInput: some method does, with its label.
    """
    trained = {
        name: (cell.method, label)
        for cell in cells
        for name, label in threats_of(cell.trial.attacks).items()
    }
    for label in suite.unseen:
        name = suite.categories[label].attack.threat().name
        if name in trained:
            method, attack_label = trained[name]
            raise document.fail(
                f"{label}.unseen",
                f"must be false where a method trains on the same threat, got true for {name}, on "
                f"which {method} trains as {attack_label}; leave unseen out, so that the category "
                f"counts in score and union, or take the category or the method away",
            )


def refuse_other_threats(document: Document, suite: Suite, *, own: Suite, data_name: str) -> None:
    """Check that the union of a claim suite is over the threats of the sweep, at their radii.

    A threat that the sweep does not name may be added at the radius of the data set's preset, and
    at any where that has none.

    Args:
        document: the suite's.
        own: the sweep's own suite.
        data_name: of the data set, whose preset it is.

    Raises:
        BadInput: a radius differs, or a threat of the sweep is missing.
    """
    if not suite.claim:
        return
    usual = preset(data_name).section("evaluation")
    its, presets = _by_name(own), _by_name(read_suite(usual)) if usual.value else {}
    for label in suite.seen:
        threat = suite.categories[label].attack.threat()
        of, known = (
            ("the sweep's evaluation has", its[threat.name])
            if threat.name in its
            else ("the preset has", presets.get(threat.name, {}))
        )
        if known and threat.size not in known:
            there = " and ".join(f"{size} ({where})" for size, where in known.items())
            raise document.fail(
                label,
                f"must be within the sweep's own threat for a claim about it, got {threat}, where "
                f"{of} {there}; write that one, leave claim out, or mark it unseen: true if no "
                f"method trains on it",
            )
    attacked = {suite.categories[label].attack.threat().name for label in suite.seen}
    if missing := its.keys() - attacked:
        raise document.fail(
            "claim",
            f"must be false unless the suite attacks within every threat of the sweep, got true "
            f"without {', '.join(sorted(missing))}; add it, or leave claim out",
        )


def _by_name(suite: Suite) -> dict[str, dict[str, str]]:
    """Return the sizes of each threat of the union, each with a category that has it."""
    found: dict[str, dict[str, str]] = {}
    for label in suite.seen:
        threat = suite.categories[label].attack.threat()
        found.setdefault(threat.name, {}).setdefault(threat.size, label)
    return found
