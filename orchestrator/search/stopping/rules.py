"""The rules of a sweep: read, recorded, and asked together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.search.stopping.collapse import Collapse
from orchestrator.search.stopping.rule import Decision, Evaluations, Rule, Rules
from trainer.config import Trial
from trainer.input.document import Document
from trainer.input.kinds import kind_of, read_kinds
from trainer.input.own_code import own_code
from trainer.input.redaction import redacted

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow

RULES: dict[str, type[Rule]] = {"collapse": Collapse}
"""Stopping rules by name."""


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """The end of a trial by a rule.

    Attributes:
        rule: the rule's label in the sweep file.
        settings: the rule's kind and settings, as `recorded` has them.
        reason: in words.
        numbers: what the decision rests on, by name.
    """

    rule: str
    settings: Mapping[str, Any]
    reason: str
    numbers: Mapping[str, float]

    def __str__(self) -> str:
        return f"{self.rule}: {self.reason}"

    def record(self) -> dict[str, Any]:
        """The pruning as values of JSON."""
        return asdict(self)


def read_rules(document: Document) -> dict[str, Rule]:
    """Read rules by label; a label that is no known rule names its kind under `rule`, and `null` in
    place of a mapping takes a rule away.

    Raises:
        BadInput: a label that cannot be one, no such rule, or its settings' own rules.
    """
    return read_kinds(document, RULES, Rule)


def checked_against(trials: Sequence[Trial], rules: Rules, document: Document) -> list[str]:
    """Check that rules have what they decide by in a sweep's trials, and return what a person
    should hear of them.

    Args:
        document: from which the rules were read.

    Raises:
        BadInput: a rule rests on validations, and no trial has one before its last epoch.
    """
    longest = max(trial.training.epochs for trial in trials)
    validated = any(trial.validation.every <= trial.training.epochs for trial in trials)
    notes = []
    for label, rule in rules.items():
        if rule.needs_validation and not validated:
            every = min(trial.validation.every for trial in trials)
            raise document.fail(
                label,
                f"must have validations to decide by, and of {longest} epochs none is validated "
                f"but the last: validation.every is {every}; lower it, or take the rule away",
            )
        if rule.fewest_epochs > longest:
            notes.append(
                f"stopping.{label} ends no trial: it decides after {rule.fewest_epochs} epochs at "
                f"the earliest, and trials have at most {longest}"
            )
    return notes


def recorded(rules: Rules) -> dict[str, dict[str, Any]]:
    """Return rules as values of JSON, from which they are `restored`."""
    return {
        label: {"rule": kind_of(RULES, rule), **rule.model_dump(mode="json")}
        for label, rule in rules.items()
    }


def restored(records: Mapping[str, Mapping[str, Any]]) -> dict[str, Rule]:
    """Return the rules that were `recorded`, or written so.

    Raises:
        BadInput: as `read_rules`, such as for a module that is not on this machine.
    """
    return read_rules(Document.from_plain(records, "stopping"))


def decide(rules: Rules, rows: Sequence[EpochRow], evaluations: Evaluations) -> Pruning | None:
    """Ask rules in turn whether a trial ends; None where all let it go on, and before it has rows.

    Raises:
        OwnCodeError: the user's own rule raised something.
        ValueError: it decides by numbers that are not finite, or by anything but a `Decision`.
    """
    for label, rule in rules.items() if rows else ():
        with own_code(f"stopping.{label} the code that it names"):
            decision: object = rule.decide(rows, evaluations)
        if isinstance(decision, Decision):
            return _pruning(label, rule, decision)
        if decision is not None:
            raise ValueError(
                f"stopping.{label} must decide by a Decision(reason=..., numbers=...), or None to "
                f"let the trial go on, got {type(decision).__name__}"
            )
    return None


def _pruning(label: str, rule: Rule, decision: Decision) -> Pruning:
    numbers = {name: float(value) for name, value in decision.numbers.items()}
    if not all(map(math.isfinite, numbers.values())):
        raise ValueError(f"stopping.{label} must decide by finite numbers, got {numbers}")
    return Pruning(
        rule=label,
        settings=recorded({label: rule})[label],
        reason=redacted(decision.reason),
        numbers=numbers,
    )


def pruning_in_force(
    rules: Rules,
    past: Pruning,
    read_rows: Callable[[], Sequence[EpochRow]],
    read_evaluations: Callable[[], Evaluations],
) -> Pruning | None:
    """Return by which rule a trial that was once ended by one stays ended under the current rules;
    None where all of them would let it go on.

    Args:
        past: how it was ended.
        read_rows: reads the trial's rows; called where none of the rules is the one that ended it.
        read_evaluations: likewise its evaluations.
    """
    for label, record in recorded(rules).items():
        if record == past.settings:  # it would decide the same on the same rows
            return replace(past, rule=label)
    return decide(rules, read_rows(), read_evaluations()) if rules else None
