"""Cells that a search has proposed, as a plan takes them in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
            "lowest": spec.space.cell(method, method.lowest).trial.content(),
        }
        for label, method in spec.space.methods.items()
    }
    settings = spec.search.model_dump(exclude={"trials"})
    return content_id("s", {**settings, "seeds": list(spec.seeds), "methods": methods})


def recorded(spec: SweepSpec, files: Files) -> tuple[Proposal, ...]:
    """Read what a sweep's search has proposed, no more of it than the sweep asks for."""
    if spec.search.trials is None:
        return ()
    return wanted(spec, read_proposals(files, spec.name, search_id(spec)).made)


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
    return _of_file(spec) + sum(len(proposal.seeds) for proposal in proposals)


def trials_left(spec: SweepSpec, proposals: Sequence[Proposal]) -> int:
    """Count the trials that are still to be proposed."""
    if spec.search.trials is None:
        return 0
    return max(0, spec.search.trials - trials_proposed(spec, proposals))


def cells_with_seeds(
    spec: SweepSpec, proposals: Sequence[Proposal]
) -> Iterator[tuple[Cell, tuple[int, ...]]]:
    """Yield each proposed cell with the seeds that it is to be tried with."""
    for proposal in proposals:
        method = spec.space.methods[proposal.method]
        yield spec.space.cell(method, dict(proposal.point)), proposal.seeds


def _of_file(spec: SweepSpec) -> int:
    return (len(spec.cells) - 1) * len(spec.seeds)
