"""What a sweep must have so that the weights that do best in validation can be known."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.spec.space import Cell
from trainer.input.document import Document


def check_best(document: Document, cells: Sequence[Cell], *, says_weights: bool) -> None:
    """Check that validation tells the epochs of each of these cells apart, and all by one rule.

    Args:
        document: the sweep file.
        says_weights: whether it says `weights: best`, which else follows from a cap on passes.

    Raises:
        BadInput: it does not.
    """
    why = "weights: best" if says_weights else "training.max_passes, under which weights are best,"
    otherwise = "or say weights: last"
    for cell in cells:
        trial = cell.trial
        if not trial.validation_attacks:
            raise document.fail(
                "validation.attacks",
                f"must have some where {why} chooses epochs by worst cases, got none "
                f"({cell.method}); name attacks as training.attacks does, {otherwise}",
            )
        every, epochs = trial.validation.every, trial.training.epochs
        if every > epochs:
            raise document.fail(
                "validation.every",
                f"must be at most the {epochs} epochs of {cell.method} where {why} chooses among "
                f"them, got {every}, by which the last one alone is looked at; lower it, "
                f"{otherwise}",
            )
    first = cells[0]
    for cell in cells:
        if cell.trial.validation_id != first.trial.validation_id:
            raise document.fail(
                "validation",
                f"must be the same for all methods where {why} chooses epochs, by one rule for "
                f"all, and that of {cell.method} is not that of {first.method}; set it once, "
                f"{otherwise}",
            )
