"""Cells with seeds as trials: their ids, and those of the trials that they stand on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from orchestrator.plan.parents import Parents
from orchestrator.plan.planned_trial import NOTHING, PlannedTrial, Stage
from orchestrator.spec.space import Cell
from orchestrator.spec.sweep_spec import SweepSpec
from trainer.data import DataSettings
from trainer.input.document import Document
from trainer.input.own_code import own_code
from trainer.input.settings import content_id, plain


@contextmanager
def blamed_on(section: str, document: Document) -> Iterator[None]:
    """Raise what goes wrong in the block as a `BadInput` of a section of the sweep file, which is
    the document; for the user's own code it gives the line."""
    try:
        with own_code(f"{section}.name the code that it names"):
            yield
    except ValueError as error:  # of ours: begins with the key that it is about
        key, _, message = str(error).partition(" ")
        if not key.startswith(f"{section}."):
            key, message = section, str(error)
        raise document.fail(key, message) from error
    except Exception as error:
        message = f"must be read or made without an error, got {type(error).__name__}: {error}"
        raise document.fail(section, message) from error


def named_trials(
    spec: SweepSpec,
    wanted: Sequence[tuple[Cell, Collection[int]]],
    fingerprint_of: Callable[[DataSettings], str],
    *,
    seeds: Sequence[int],
    stage: Stage = "sweep",
) -> Iterator[PlannedTrial]:
    """Yield the trials of cells with seeds, with no progress known yet, by seed, then cell.

    Args:
        wanted: cells, each with seeds of the list.
        seeds: in which a replayed schedule is that of another one.

    Raises:
        BadInput: the data are not there, or cannot be read.
    """
    fingerprints: dict[DataSettings, str] = {}

    def found(data: DataSettings) -> str:
        if data not in fingerprints:
            with blamed_on("data", spec.document):
                fingerprints[data] = fingerprint_of(data)
        return fingerprints[data]

    parents = Parents(found, seeds=seeds)
    cells = []
    for cell, its_seeds in wanted:
        trial = cell.trial.model_copy(update={"fingerprint": found(cell.trial.data)})
        validation_id = trial.validation_id
        best = validation_id if spec.policy.weights == "best" else None
        contents = trial.content(), trial.content_with_validation()
        cells.append((cell, its_seeds, trial, contents, validation_id, best))
    for seed in seeds:
        for cell, its_seeds, trial, (content, of_before), validation_id, best in cells:
            if seed not in its_seeds:
                continue
            own = {"seed": seed, **parents.of(cell, seed)}
            id_ = content_id("t", content | plain(own))  # as `Trial.id`, at a tenth its cost
            own_before = {"seed": seed, **parents.of(cell, seed, earlier=True)}
            planned = trial.model_copy(update=own)
            yield PlannedTrial(
                id=id_,
                earlier_id=content_id("t", of_before | plain(own_before)),
                trial=planned,
                parents=planned.parents,
                method=cell.method,
                settings=cell.settings,
                is_reference=cell is spec.cells[0],
                progress=NOTHING,
                sibling=None,
                trains=spec.reevaluation is None,
                left_out=None,
                best=best,
                stage=stage,
                max_passes=cell.max_passes,
                validation_id=validation_id,
            )
