"""What confirms a sweep: the cells that are kept of it, and their trials with fresh seeds.

What was kept is recorded in the store before any of these trials begins, under an id of all that
decides it, so that everybody plans the same, and nothing that comes of them can change it. Of
another sweep, with other trials or other rules, it is another record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.plan.planned_trial import PlannedTrial, Stage
from orchestrator.plan.proposed import cells_with_seeds
from orchestrator.spec.space import Cell
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files
from orchestrator.store.sweeps.proposals import read_proposals, record_proposals
from orchestrator.store.sweeps.records import Proposal
from trainer.input.settings import content_id


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The cells that are to be confirmed, beside the standard reference."""

    id: str  # of the confirmation
    cells: tuple[Proposal, ...]  # with the fresh seeds
    passed_over: Mapping[str, int]  # cells that could not be kept, by reason


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """Trials of the kept cells with fresh seeds, and of the cells that these stand on."""

    kept: Kept
    trials: tuple[PlannedTrial, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The fresh seeds."""
        return tuple(dict.fromkeys(planned.trial.seed for planned in self.trials))

    def __str__(self) -> str:
        trials = [planned for planned in self.trials if planned.stage == "confirm"]
        said = f"{len(trials)} trials with fresh seeds of the cells kept"
        return f"{said}; their test numbers are shown once all are done"


def confirmation_id(spec: SweepSpec, trials: Iterable[PlannedTrial]) -> str:
    """Name a confirmation by `confirm-` and 16 hexadecimal digits: by all that decides which cells
    are kept, and how often each is trained. What validation looks at is among it.

    Args:
        trials: the sweep's own.
    """
    assert spec.confirm is not None
    own = spec if spec.reevaluation is None else spec.reevaluation.sweep
    content = {
        "trials": sorted(planned.earlier_id for planned in trials),
        "suite": own.suite.on(spec.confirm.by).id,
        "weights": spec.policy.weights,
        "per_method": spec.confirm.per_method,
        "seeds": list(spec.confirm.seeds),
        "largest_sacrifice": spec.contrasts.largest_sacrifice,
    }
    return content_id("confirm-", content)


def read_kept(spec: SweepSpec, trials: Iterable[PlannedTrial], files: Files) -> Kept | None:
    """Return what is kept of a sweep with these trials, as recorded; None where nothing is."""
    if spec.confirm is None:
        return None
    name = confirmation_id(spec, trials)
    found = read_proposals(files, spec.name, name)
    if not found.records:
        return None
    return Kept(id=name, cells=found.made, passed_over=found.passed_over)


def record_kept(spec: SweepSpec, kept: Kept, files: Files) -> Kept:
    """Record what is kept of a sweep, and return that; or what another start has meanwhile."""
    record_proposals(files, spec.name, kept.id, 1, kept.cells, passed_over=kept.passed_over)
    found = read_proposals(files, spec.name, kept.id)
    return Kept(id=kept.id, cells=found.made, passed_over=found.passed_over)


def cells_to_confirm(spec: SweepSpec, cells: Iterable[Proposal]) -> Iterator[tuple[Cell, Stage]]:
    """Yield each cell that is trained with fresh seeds once, and what for: the standard reference
    first, then those that are kept, then those that these stand on, each after its own parents."""
    kept = [spec.cells[0], *(cell for cell, _ in cells_with_seeds(spec, tuple(cells)))]
    known = {cell.id for cell in kept}
    yield from ((cell, "confirm") for cell in {cell.id: cell for cell in kept}.values())
    for cell in kept:
        for parent in cell.ancestors:
            if parent.id not in known:
                known.add(parent.id)
                yield parent, "parent"
