"""Search spaces of a few lines, and what is known in them, without a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.search.strategies.strategy import Known
from orchestrator.spec.search import SearchSettings, read_search
from orchestrator.spec.space import Space
from orchestrator.store.sweeps.records import Proposal
from trainer.config import with_preset
from trainer.input.document import Document

PGD = {"vary": {"pgd.epsilon": {"min": 0.05, "max": 0.3, "log": True}}}
PARETO = {
    "vary": {"rho": {"min": 0.1, "max": 0.9}, "training.epochs": {"min": 5, "max": 20}},
}
AVERAGE = {"vary": {"natural_weight": [0, 0.25, 0.5]}}
METHODS = {"pgd": PGD, "pareto": PARETO, "average": AVERAGE, "flow": {}}


def space_of(methods: Mapping[str, Any]) -> Space:
    """The space of methods on the digits, as it is for drawing."""
    document = with_preset(Document.from_plain({"data": "digits", "methods": methods}, "test"))
    search = SearchSettings(strategy="random", trials=len(methods))
    return read_search(document, search, seeds=(0,), max_trials=10_000)[0]


def known_in(
    space: Space,
    proposals: Iterable[Proposal] = (),
    *,
    seed: int = 0,
    seeds: tuple[int, ...] = (0,),
) -> Known:
    """What is known of a sweep that has some proposals and no result yet."""
    return Known(
        space=space,
        seed=seed,
        seeds=seeds,
        objectives=(),
        cells=frozenset(
            space.cell(space.methods[it.method], dict(it.point)).id for it in proposals
        ),
        trials=(),
    )
