"""A stopping rule, and what it decides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from trainer.input.settings import Settings

if TYPE_CHECKING:
    from trainer.training.loop import EpochRow


class Evaluated(Protocol):
    """What is known of a trial's evaluation under a suite, as `orchestrator.store` keeps it."""

    @property
    def accuracies(self) -> Mapping[str, float]:
        """Accuracies by the name of their column in a table."""

    @property
    def examples(self) -> int | None:
        """Images that were attacked."""

    @property
    def seconds(self) -> float:
        """Seconds that it took."""


Evaluations = Mapping[str, Evaluated]
"""A trial's evaluations by suite id."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Why a rule ends a trial.

    Attributes:
        reason: in words.
        numbers: what the decision rests on, by name.
    """

    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)


class Rule(Settings, ABC):
    """A rule by which a trial ends early. Your own gives `decide` and `words`."""

    needs_validation: ClassVar[bool] = False
    """Whether the rule rests on rows' `validation/...`, without which it never decides."""

    @abstractmethod
    def decide(self, rows: Sequence[EpochRow], evaluations: Evaluations) -> Decision | None:
        """Decide whether a trial ends after its newest epoch; None where it goes on.

        It is asked after each epoch and again whenever a trial that it ended is looked at, and
        must come to the same decision on the same rows.

        Args:
            rows: facts of the trial's epochs so far, the oldest first and at least one; where
                damage has taken some, without these.
            evaluations: of the trial, on the validation images that steer; none of one that was
                never trained to its end.
        """

    @abstractmethod
    def words(self) -> str:
        """Say what the rule does, as in `ends trials that are right on one class at most`."""

    @property
    def fewest_epochs(self) -> int:
        """Epochs that a trial has at the least when the rule ends it."""
        return 1


Rules = Mapping[str, Rule]
"""Rules by their labels in a sweep file, in its order, in which they are asked."""
