"""A plan that grows while its sweep runs, as a back end that runs out of trials asks for more: by
what its search proposes, and in the end by what confirms it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.driver.listener import RunListener
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import Plan, refreshed
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.plan.proposed import trials_left
from orchestrator.search.growth import grow_to_work
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store


class GrowingPlan:
    """The plan of a start, from which a back end takes trials until nothing more is proposed."""

    def __init__(
        self,
        spec: SweepSpec,
        plan: Plan,
        store: Store,
        listener: RunListener,
        *,
        retry_failed: bool,
    ) -> None:
        """Begin with the plan whose pending trials the back end has.

        Args:
            spec: the whole sweep, from which a strategy proposes and by which the plan grows.
        """
        self._spec = spec
        self._plan = plan
        self._store = store
        self._listener = listener
        self._retry_failed = retry_failed

    def more(self) -> Sequence[PlannedTrial]:
        """Return trials to run beside those given so far, as the strategy chooses them by the
        results of now; nothing where it has none. They are in the manifest before they run."""
        spec = self._spec
        is_asked_for = spec.confirm is not None and spec.reevaluation is None
        is_to_confirm = is_asked_for and self._plan.confirmation is None
        if not (is_to_confirm or trials_left(self._spec, self._plan.proposals)):
            return ()
        known = refreshed(self._plan, self._store, self._spec)
        self._plan = grow_to_work(
            self._spec,
            known,
            self._store,
            retry_failed=self._retry_failed,
            has_retried=True,
        )
        if self._plan is known:
            return ()
        before = {planned.id for planned in known.every}
        pending = self._plan.pending(retry_failed=self._retry_failed)
        fresh = [planned for planned in pending if planned.id not in before]
        write_manifest(self._store.files, self._spec.folder, self._plan)
        self._listener.add(self._plan, fresh)
        return fresh
