"""What a model was trained on, as far as its files say: it is not `unseen` in a suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.attacks import ATTACKS
from trainer.config import read_attacks
from trainer.evaluation.suite import Suite
from trainer.input.document import Document
from trainer.input.kinds import kind_in
from trainer.input.problems import BadInput

if TYPE_CHECKING:
    from trainer.attacks import Attack


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """What a model was trained on."""

    threats: Mapping[str, str]  # by name, with the label of an attack of training that reaches it
    unknown: tuple[str, ...]  # of what else is not known, in words; empty where all is

    def doubt(self, suite: Suite) -> str:
        """Say why categories that a suite marks unseen may be none; empty where it marks none, or
        nothing is unknown."""
        if not suite.unseen or not self.unknown:
            return ""
        return (
            f"that {', '.join(suite.unseen)} {'is' if len(suite.unseen) == 1 else 'are'} unseen is "
            f"the suite's word alone: {'; '.join(self.unknown)}"
        )


def threats_of(attacks: Mapping[str, Attack]) -> dict[str, str]:
    """Name the threats that a training on these attacks meets, each with an attack's label."""
    return {
        name: label
        for label, attack in attacks.items()
        for name in (attack.threat().name, *attack.threat().contains)
    }


def trained_on(
    trial: Document, *, trusts_code: bool, parent: Callable[[str], Document | None]
) -> TrainedOn:
    """Say what a model was trained on by the record of its trial, and by those of the trials whose
    weights it starts from.

    Args:
        trusts_code: whether code that a record names as an attack may be imported.
        parent: finds the record of a trial by its id; None where it is not at hand.
    """
    threats: dict[str, str] = {}
    unknown: list[str] = []
    met: set[str] = set()  # ids; files that were tampered with may name each other
    found: Document | None = trial
    while found is not None:
        _add(found, threats, unknown, trusts_code=trusts_code)
        if "start.trial" not in found:
            break
        start = str(found.section("start.trial").value)
        found = None if start in met else parent(start)
        met.add(start)
        if found is None:
            unknown.append(
                f"it starts from the weights of {start}, and what that was trained on is not known"
            )
    return TrainedOn(threats=threats, unknown=tuple(unknown))


def refuse_trained_on(document: Document, suite: Suite, found: TrainedOn) -> None:
    """Check that a suite marks no threat as unseen on which the model was trained.

    Args:
        document: the suite's.

    Raises:
        BadInput: it does.
    """
    for label in suite.unseen:
        name = suite.categories[label].attack.threat().name
        if name in found.threats:
            raise document.fail(
                f"{label}.unseen",
                f"must be false where the model was trained on the same threat, got true for "
                f"{name}, on which it was trained as {found.threats[name]}; leave unseen out, so "
                f"that the category counts in the union, or take the category away",
            )


def _add(
    trial: Document, threats: dict[str, str], unknown: list[str], *, trusts_code: bool
) -> None:
    """Add what the record of a trial says, or that it does not."""
    attacks = trial.section("training.attacks") if "training.attacks" in trial else None
    if attacks is None or not isinstance(attacks.value, dict):
        unknown.append("its file does not say what it was trained on")
        return
    for label, section in attacks.items():
        try:
            kind = kind_in(section, "attack", label)
            if kind not in ATTACKS and not trusts_code:
                unknown.append(
                    f"it was trained on {label}, an attack of somebody's own ({kind}); "
                    f"--trust-code imports it"
                )
                continue
            threats |= threats_of(read_attacks(attacks.only(label)))
        except BadInput as error:
            unknown.append(f"it was trained on {label}, which cannot be read: {error}")
