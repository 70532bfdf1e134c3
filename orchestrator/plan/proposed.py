"""Cells that a search has proposed, as a plan takes them in.

A plan's cells are the few that are tried whatever a strategy proposes, and those that it does. What
a strategy draws is recorded, so that everybody plans the same; what the grid proposes follows from
the file, and is asked for again by whoever plans: a driver, a dry run, a look at the status.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orchestrator.search.strategies import STRATEGIES
from orchestrator.search.strategies.strategy import Known, KnownTrial
from orchestrator.spec.space import Cell
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files
from orchestrator.store.sweeps.proposals import read_proposals
from orchestrator.store.sweeps.records import Proposal
from trainer.input.settings import content_id


def search_id(spec: SweepSpec) -> str:
    """Name a sweep's search by `s` and 16 hexadecimal digits: by all that its proposals stand on,
    but for how many there are, so that more of them are more of the same."""
    methods = {
        label: {
            "axes": {key: axis.content for key, axis in method.axes.items()},
            "lowest": spec.space.cell(method, method.lowest).content_with_validation,
        }
        for label, method in spec.space.methods.items()
    }
    settings = spec.search.model_dump(exclude={"trials"})
    return content_id("s", {**settings, "seeds": list(spec.seeds), "methods": methods})


def so_far(spec: SweepSpec, files: Files) -> tuple[Proposal, ...]:
    """Return what a sweep's search has proposed, no more of it than the sweep asks for."""
    if spec.search.follows_from_file:
        known = known_of(spec, planned_anyway(spec))
        return tuple(STRATEGIES[spec.search.strategy](known, most=trials_left(spec, ())))
    return wanted(spec, read_proposals(files, spec.name, search_id(spec)).made)


def since(spec: SweepSpec, files: Files, proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Return what a sweep's search has proposed since it had come to these proposals."""
    if not trials_left(spec, proposals):
        return ()
    return so_far(spec, files)[len(proposals) :]


def known_of(spec: SweepSpec, cells: Iterable[Cell], trials: Sequence[KnownTrial] = ()) -> Known:
    """Gather what a strategy may know of a sweep that has these cells, and trials of them."""
    return Known(
        space=spec.space,
        seed=spec.search.seed,
        seeds=spec.seeds,
        objectives=spec.objectives,
        cells=frozenset(cell.id for cell in cells),
        trials=tuple(trials),
    )


def planned_anyway(spec: SweepSpec) -> Sequence[Cell]:
    """Return the cells that are tried whatever is proposed, the standard reference first."""
    return spec.cells[:1] if spec.search.follows_from_file else spec.cells


def wanted(spec: SweepSpec, proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Return the first of some proposals, as many as a sweep asks for."""
    left = trials_left(spec, ())
    kept = []
    for proposal in proposals:
        left -= len(proposal.seeds)
        if left < 0:
            break
        kept.append(proposal)
    return tuple(kept)


def trials_proposed(spec: SweepSpec, proposals: Sequence[Proposal]) -> int:
    """Count a sweep's trials so far, the standard references apart."""
    anyway = (len(planned_anyway(spec)) - 1) * len(spec.seeds)
    return anyway + sum(len(proposal.seeds) for proposal in proposals)


def trials_left(spec: SweepSpec, proposals: Sequence[Proposal]) -> int:
    """Count the trials that are still to be proposed."""
    asked_for = spec.search.trials
    if asked_for is None:
        asked_for = (len(spec.cells) - 1) * len(spec.seeds)
    return max(0, asked_for - trials_proposed(spec, proposals))


def cells_with_seeds(
    spec: SweepSpec, proposals: Sequence[Proposal]
) -> Iterator[tuple[Cell, tuple[int, ...]]]:
    """Yield each proposed cell with the seeds that it is to be tried with."""
    for proposal in proposals:
        method = spec.space.methods[proposal.method]
        yield spec.space.cell(method, dict(proposal.point)), proposal.seeds
