"""Outcome bits of a sweep's trials, from which every accuracy follows without any training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.images import Images
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.looks import mapped

BITS = "bits"
"""Folder of them in a bundle: `bits/<suite id>/<trial id>.npz`."""


def suites_shown(spec: SweepSpec, images: Images) -> list[str]:
    """Return the ids of the suites whose bits may be shown where numbers of `images` are: bits of a
    test set say what its numbers say."""
    shown = [spec.suite] if images == "suite" else []
    choosing = [] if spec.choice_suite is None else [spec.choice_suite]
    return list(dict.fromkeys(suite.id for suite in (*shown, *choosing)))


def bits_of(plan: Plan, store: Store, suites: Iterable[str]) -> dict[str, bytes]:
    """Read the outcome bits of a plan's trials under suites, by their names in a bundle; what is
    missing or damaged is left out. Those of best weights have `-best` in their names."""
    asked = [*suites]

    def read(planned: PlannedTrial) -> list[tuple[str, bytes]]:
        return [*_of_trial(planned, store, asked)]

    done = [planned for planned in plan.every if planned.evaluations]
    return {name: data for found in mapped(read, done, store.files) for name, data in found}


def _of_trial(
    planned: PlannedTrial, store: Store, suites: Iterable[str]
) -> Iterator[tuple[str, bytes]]:
    stored = store.trial(planned.id)
    for suite in suites:
        for best in dict.fromkeys((None, planned.best)):
            try:
                found = stored.outcomes(suite, best=best)
            except ValueError:  # of the right size and checksum, and no outcomes
                found = None
            if found is not None:
                ending = "" if best is None else "-best"
                yield f"{BITS}/{suite}/{planned.id}{ending}.npz", found.to_bytes()
