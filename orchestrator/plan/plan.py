"""The plan: the trials that a specification asks for, and what is left to do of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from orchestrator.plan.confirmation import Confirmation, Kept, cells_to_confirm, read_kept
from orchestrator.plan.named_trials import blamed_on, named_trials
from orchestrator.plan.parents import in_turn, with_parents, within_reach
from orchestrator.plan.planned_trial import PlannedTrial, Sibling, Stage
from orchestrator.plan.progress import as_settled, progress_of
from orchestrator.plan.proposed import cells_with_seeds, planned_anyway, so_far, trials_left
from orchestrator.plan.pruned import pruning_of
from orchestrator.plan.weights_again import with_weights_again
from orchestrator.spec.space import Cell
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files, Progress, Store
from orchestrator.store.files.looks import mapped
from orchestrator.store.records.layout import FAMILIES, TRIALS, FileKind
from orchestrator.store.sweeps.records import Proposal
from orchestrator.store.trials.purpose import came_for
from orchestrator.table.setting_values import named_value
from trainer.config import Trial
from trainer.data import DataSettings, fingerprint


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every trial of a sweep, one seed of every cell before the second seed of any, so that a
    half-done sweep is a balanced one. What confirms it stands apart: nothing is chosen by that."""

    trials: tuple[PlannedTrial, ...]  # the sweep's own
    suite_id: str
    validation_id: str | None  # of the suite that choices are made by; None: none are made
    front_before: FrontBefore | None = None  # by which some were left out
    choice_before: ChoiceBefore | None = None  # what was selected under the sweep's own suite
    proposals: tuple[Proposal, ...] = ()  # of the sweep's search, that its trials are of
    retries_failed: bool = False  # whether failed trials are to be tried again as well
    confirmation: Confirmation | None = None  # None: not asked for, or nothing is kept yet

    @property
    def every(self) -> tuple[PlannedTrial, ...]:
        """All trials there are to work on: the sweep's own, then those that confirm it."""
        return self.trials if self.confirmation is None else self.trials + self.confirmation.trials

    def with_every(self, trials: Sequence[PlannedTrial]) -> Plan:
        """Return the plan with these in the place of `every`, one for each."""
        count = len(self.trials)
        confirmation = self.confirmation
        if confirmation is not None:
            confirmation = replace(confirmation, trials=tuple(trials[count:]))
        return replace(self, trials=tuple(trials[:count]), confirmation=confirmation)

    def of_confirmation(self, *stages: Stage) -> Plan:
        """Return the plan of those trials alone that confirm the sweep and are of these stages."""
        found = () if self.confirmation is None else self.confirmation.trials
        trials = tuple(planned for planned in found if planned.stage in stages)
        return replace(self, trials=trials, confirmation=None)

    def names(self) -> dict[str, str]:
        """Name the trials by id, as briefly as tells a method's apart: `pareto rho=0.4 seed=1`.

        What all trials of a method share is left out, though trials of others have another value
        of it.
        """
        by_method: dict[str, list[PlannedTrial]] = {}
        for planned in self.every:
            by_method.setdefault(planned.method, []).append(planned)
        return {
            planned.id: name
            for trials in by_method.values()
            for planned, name in zip(trials, _names(trials), strict=True)
        }

    def counts(self) -> dict[str, int]:
        """Count the trials by status."""
        return dict(Counter(planned.status for planned in self.every))

    def pending(self, *, retry_failed: bool) -> tuple[PlannedTrial, ...]:
        """Return the trials to work on, none before its parents; a failed one is tried again only
        on request, or if it failed by no fault of its own (a worker lost, data not there)."""
        return within_reach(
            planned
            for planned in self.asked_for()
            if planned.is_taken_up or (retry_failed and planned.status == "failed")
        )

    def stranded(self, *, retry_failed: bool) -> tuple[PlannedTrial, ...]:
        """Return the trials that wait for parents which are not to be trained: they failed."""
        reached = {planned.id for planned in self.pending(retry_failed=retry_failed)}
        waiting = (planned for planned in self.asked_for() if planned.waits_for)
        return tuple(
            planned
            for planned in waiting
            if planned.id not in reached and planned.status in {"pending", "stopped"}
        )

    def asked_for(self) -> tuple[PlannedTrial, ...]:
        """Return the trials that are not left out."""
        return tuple(planned for planned in self.every if planned.left_out is None)


def _names(trials: Sequence[PlannedTrial]) -> list[str]:
    """Name the trials of one method by the settings in which they differ."""
    facts = [{**planned.settings, "seed": planned.trial.seed} for planned in trials]
    varying = [key for key in facts[0] if len({repr(each[key]) for each in facts}) > 1]
    return [
        " ".join(
            [
                planned.method,
                *(named_value(key, each[key]) for key in varying if each[key] is not None),
            ]
        )
        for planned, each in zip(trials, facts, strict=True)
    ]


@dataclass(frozen=True, kw_only=True)
class FrontBefore:
    """The front under the sweep's own suite, where its trials alone are tried under another."""

    trials: int  # on it
    drawn_of: int  # trials that have a result under that suite


@dataclass(frozen=True, kw_only=True)
class ChoiceBefore:
    """What was selected under the sweep's own suite, where its trials are tried under another."""

    plan: Plan  # the same trials, as they stand under that suite
    selected: frozenset[str]  # ids of the trials of the cells that were
    at_knee: frozenset[str]  # likewise, of the cell at the knee
    by: PickedBy


@dataclass(frozen=True, kw_only=True)
class PickedBy:
    """The images by which cells are selected."""

    images: int | None  # None: no model is evaluated on them
    unpicked: int  # trials that are done and have no numbers on them, so that none can be selected


def make_plan(
    spec: SweepSpec,
    store: Store,
    *,
    fingerprint_of: Callable[[DataSettings], str] = fingerprint,
    settled: Mapping[str, Progress] = MappingProxyType({}),
    retry_failed: bool = False,
) -> Plan:
    """Plan the trials of a sweep by seed, then cell, and read their progress.

    Args:
        fingerprint_of: gives a data set's fingerprint, from its settings.
        settled: trials that are known to be done, by id: the store is not asked about them.
        retry_failed: whether failed trials are to be tried again as well, and so the weights made
            again that they start from.

    Raises:
        BadInput: the data are not there, or cannot be read.
    """
    proposals = so_far(spec, store.files)
    cells = [(cell, spec.seeds) for cell in planned_anyway(spec)]
    cells += cells_with_seeds(spec, proposals)
    named = named_trials(spec, cells, fingerprint_of, seeds=spec.seeds)
    trials = {trial.id: trial for trial in named}
    plan = Plan(
        trials=in_turn(trials.values()),
        suite_id=spec.suite.id,
        validation_id=None if spec.choice_suite is None else spec.choice_suite.id,
        proposals=proposals,
        retries_failed=retry_failed,
    )
    kept = None if trials_left(spec, proposals) else read_kept(spec, trials.values(), store.files)
    if kept is not None:
        plan = _confirmed(plan, spec, kept, fingerprint_of)
    known = (as_settled(planned, settled.get(planned.id)) for planned in plan.every)
    plan = plan.with_every(tuple(known))
    return _with_weights_again(_with_siblings(_looked_at(plan, store, spec), store), store)


def grown(
    plan: Plan,
    spec: SweepSpec,
    store: Store,
    proposals: Sequence[Proposal],
    *,
    fingerprint_of: Callable[[DataSettings], str] = fingerprint,
) -> Plan:
    """Return a plan with the trials of more proposals, and their progress, in the order that the
    plan of all of them has.

    Raises:
        BadInput: their data are not there, or cannot be read.
    """
    if not proposals:
        return plan
    fingerprints = {planned.trial.data: planned.trial.fingerprint for planned in plan.trials}
    cells = list(cells_with_seeds(spec, proposals))
    named = named_trials(
        spec,
        cells,
        lambda data: fingerprints.get(data) or fingerprint_of(data),
        seeds=spec.seeds,
    )
    more = {trial.id: trial for trial in named}
    for planned in plan.trials:
        more.pop(planned.id, None)
    added = replace(plan, trials=tuple(more.values()), proposals=(), confirmation=None)
    added = _with_siblings(_looked_at(added, store, spec), store)
    trials = (*plan.trials, *added.trials)
    in_order = in_turn(sorted(trials, key=lambda planned: spec.seeds.index(planned.trial.seed)))
    larger = replace(plan, trials=with_parents(in_order), proposals=(*plan.proposals, *proposals))
    return _with_weights_again(larger, store)


def with_confirmation(
    plan: Plan,
    spec: SweepSpec,
    store: Store,
    kept: Kept,
    *,
    fingerprint_of: Callable[[DataSettings], str] = fingerprint,
) -> Plan:
    """Return a plan with the trials that confirm the cells that were kept, and their progress.

    Raises:
        BadInput: their data are not there, or cannot be read.
    """
    fingerprints = {planned.trial.data: planned.trial.fingerprint for planned in plan.trials}
    larger = _confirmed(
        plan, spec, kept, lambda data: fingerprints.get(data) or fingerprint_of(data)
    )
    return _with_weights_again(_with_siblings(_looked_at(larger, store, spec), store), store)


def confirmed_by_now(plan: Plan, spec: SweepSpec, store: Store) -> Plan:
    """Return a plan with the trials that confirm what is kept of it by now, as recorded."""
    if plan.confirmation is not None or trials_left(spec, plan.proposals):
        return plan
    kept = read_kept(spec, plan.trials, store.files)
    return plan if kept is None else with_confirmation(plan, spec, store, kept)


def _confirmed(
    plan: Plan, spec: SweepSpec, kept: Kept, fingerprint_of: Callable[[DataSettings], str]
) -> Plan:
    """Add the trials of kept cells with fresh seeds, and of those that these stand on; of whose
    progress nothing is known yet."""
    assert spec.confirm is not None
    seeds = spec.confirm.seeds
    by_stage: dict[Stage, list[tuple[Cell, Collection[int]]]] = {"confirm": [], "parent": []}
    for cell, stage in cells_to_confirm(spec, kept.cells):
        by_stage[stage].append((cell, seeds))
    trials: dict[str, PlannedTrial] = {}
    for stage, cells in by_stage.items():
        named = named_trials(spec, cells, fingerprint_of, seeds=seeds, stage=stage)
        trials |= {planned.id: planned for planned in named}
    by_seed = sorted(trials.values(), key=lambda planned: seeds.index(planned.trial.seed))
    return replace(plan, confirmation=Confirmation(kept=kept, trials=in_turn(by_seed)))


def _with_weights_again(plan: Plan, store: Store) -> Plan:
    every = with_weights_again(plan.every, store, plan.suite_id, retry_failed=plan.retries_failed)
    return plan.with_every(every)


def refreshed(plan: Plan, store: Store, spec: SweepSpec) -> Plan:
    """Read the progress of the same trials again. Those that are done are not read, and siblings
    that came later are not looked for. Of a trial that only waits for its evaluation, attempts that
    came for something else say nothing. A trial that a stopping rule has ended stays so while the
    sweep's rules, as they are now, would end it.

    Raises:
        BadInput: a stopping rule of the user's own raised something.
    """
    return _with_weights_again(_looked_at(plan, store, spec), store)


def _looked_at(plan: Plan, store: Store, spec: SweepSpec) -> Plan:
    """Read the progress of the same trials, as `refreshed` says."""
    begun = set(store.files.names(TRIALS))  # one look for the many of which nothing is there

    def look(planned: PlannedTrial) -> PlannedTrial:
        if planned.progress.is_evaluated or planned.id not in begun:
            return planned
        stored = store.trial(planned.id)
        progress = progress_of(planned, stored, plan.suite_id, plan.validation_id)
        if progress.trained and not progress.is_evaluated and not progress.is_held:
            purpose = None if planned.trains else plan.suite_id
            attempts = [None, *came_for(stored.past_attempts(), purpose)]
            progress = replace(progress, lease=attempts[-1])
        sibling = None if progress.has_begun else planned.sibling
        with blamed_on("stopping", spec.document):
            pruning = pruning_of(spec.rules, stored, progress, planned.trial)
        return replace(
            planned,
            progress=progress,
            sibling=sibling,
            own_pruning=pruning,
            pruning=pruning,
            again=None,
        )

    return plan.with_every(with_parents(mapped(look, plan.every, store.files)))


def _with_siblings(plan: Plan, store: Store) -> Plan:
    if all(planned.progress.has_begun for planned in plan.every):
        return plan
    families = _families(store.files)

    def look(planned: PlannedTrial) -> PlannedTrial:
        if not families or planned.progress.has_begun:
            return planned
        members = families.get(planned.trial.family, ())
        return replace(planned, sibling=_sibling(planned.trial, members, store, planned.best))

    return plan.with_every(with_parents(mapped(look, plan.every, store.files)))


def with_republished(plan: Plan, store: Store) -> Plan:
    """Mark the trials without a result whose weights are whole, which a worker would publish again.
    It reads these weights, so it is for showing a plan, not for every look at it."""

    def look(planned: PlannedTrial) -> PlannedTrial:
        if planned.status not in {"pending", "stopped"} or not planned.progress.lease:
            return planned
        stored = store.trial(planned.id)
        lost: list[str | None] = [] if planned.progress.trained else [None]
        lost += [planned.best] if planned.progress.lacks_best else []
        found = (stored.unpublished(planned.trial, best=best) for best in lost)
        is_republished = planned.trains and bool(lost) and None not in found
        return replace(planned, is_republished=is_republished)

    return plan.with_every(mapped(look, plan.every, store.files))


def _families(files: Files) -> dict[str, list[tuple[int, str]]]:
    """Return (epochs, id) of the trials of every family, the longest first."""
    found: dict[str, list[tuple[int, str]]] = {}
    for it in filter(None, map(FileKind.MEMBER.match, files.sizes(FAMILIES))):
        found.setdefault(it["family"], []).append((int(it["epochs"]), it["trial"]))
    return {family: sorted(members, reverse=True) for family, members in found.items()}


def _sibling(
    trial: Trial, members: Sequence[tuple[int, str]], store: Store, best: str | None
) -> Sibling | None:
    for epochs, trial_id in members:
        if epochs >= trial.training.epochs:
            continue
        progress = store.trial(trial_id).progress("", best=best)
        if not (progress.has_begun or progress.trained):
            continue
        reason = None
        if not trial.training.optimiser.is_constant:
            reason = f"the learning rates of {trial_id} ({epochs} epochs) differ from the first on"
        elif not progress.epochs_done:
            which = "with its best state so far" if best else "any more"
            reason = f"{trial_id} ({epochs} epochs) has no checkpoint {which}"
        return Sibling(id=trial_id, epochs=progress.epochs_done, reason=reason)
    return None
