"""A plan that grows while its sweep runs, as a back end that runs out of trials asks for more."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.driver.listener import RunListener
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import Plan, PlannedTrial, refreshed
from orchestrator.plan.proposed import trials_left
from orchestrator.search.growth import grow
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store


class GrowingPlan:
    """The plan of a start, from which a back end takes trials until nothing more is proposed."""

    def __init__(self, spec: SweepSpec, plan: Plan, store: Store, listener: RunListener) -> None:
        """Begin with the plan whose pending trials the back end has."""
        self._spec = spec
        self._plan = plan
        self._store = store
        self._listener = listener

    def more(self) -> Sequence[PlannedTrial]:
        """Return trials to run beside those given so far, as the strategy chooses them by the
        results of now; nothing where it has none. They are in the manifest before they run."""
        while trials_left(self._spec, self._plan.proposals):
            known = refreshed(self._plan, self._store, self._spec)
            self._plan = grow(self._spec, known, self._store)
            if self._plan is known:
                break
            before = {planned.id for planned in known.trials}
            fresh = [
                planned
                for planned in self._plan.pending(retry_failed=False)
                if planned.id not in before
            ]
            if fresh:  # others may have run all that they proposed
                write_manifest(self._store.files, self._spec, self._plan)
                self._listener.add(self._plan, fresh)
                return fresh
        return ()
