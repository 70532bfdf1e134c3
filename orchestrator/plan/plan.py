"""The plan: the trials that a specification asks for, and what is left to do of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType

from orchestrator.plan.parents import Parents, in_turn, with_parents, within_reach
from orchestrator.plan.planned_trial import (
    NOTHING,
    PlannedTrial,
    Sibling,
)
from orchestrator.plan.proposed import cells_with_seeds, planned_anyway, so_far
from orchestrator.plan.weights_again import with_weights_again
from orchestrator.search.stopping import Pruning, pruning_in_force
from orchestrator.spec.space import Cell
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files, Progress, Store
from orchestrator.store.records.layout import FAMILIES, TRIALS, FileKind
from orchestrator.store.sweeps.records import Proposal
from orchestrator.store.trials.purpose import came_for
from orchestrator.store.trials.records import steering
from orchestrator.table.setting_values import named_value
from trainer.config import Trial
from trainer.data import DataSettings, fingerprint
from trainer.input.document import Document
from trainer.input.own_code import own_code
from trainer.input.settings import content_id, plain

LOOKS_AT_ONCE = 10
"""Parallel reads of a storage behind a server: as many as the client keeps connections."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every trial of a sweep, one seed of every cell before the second seed of any, so that a
    half-done sweep is a balanced one."""

    trials: tuple[PlannedTrial, ...]
    suite_id: str
    validation_id: str | None  # of the suite that choices are made by; None: none are made
    front_before: FrontBefore | None = None  # by which some were left out
    choice_before: ChoiceBefore | None = None  # what was selected under the sweep's own suite
    proposals: tuple[Proposal, ...] = ()  # of the sweep's search, that its trials are of

    def names(self) -> dict[str, str]:
        """Name the trials by id, as briefly as tells a method's apart: `pareto rho=0.4 seed=1`.

        What all trials of a method share is left out, though trials of others have another value
        of it.
        """
        by_method: dict[str, list[PlannedTrial]] = {}
        for planned in self.trials:
            by_method.setdefault(planned.method, []).append(planned)
        return {
            planned.id: name
            for trials in by_method.values()
            for planned, name in zip(trials, _names(trials), strict=True)
        }

    def counts(self) -> dict[str, int]:
        """Count the trials by status."""
        return dict(Counter(planned.status for planned in self.trials))

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
        return tuple(planned for planned in self.trials if planned.left_out is None)


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


def make_plan(
    spec: SweepSpec,
    store: Store,
    *,
    fingerprint_of: Callable[[DataSettings], str] = fingerprint,
    settled: Mapping[str, Progress] = MappingProxyType({}),
) -> Plan:
    """Plan the trials of a sweep by seed, then cell, and read their progress.

    Args:
        fingerprint_of: gives a data set's fingerprint, from its settings.
        settled: trials that are known to be done, by id: the store is not asked about them.

    Raises:
        BadInput: the data are not there, or cannot be read.
    """
    proposals = so_far(spec, store.files)
    cells = [(cell, spec.seeds) for cell in planned_anyway(spec)]
    cells += cells_with_seeds(spec, proposals)
    trials = {trial.id: trial for trial in _named(spec, cells, fingerprint_of)}
    known = (replace(t, progress=settled[t.id]) if t.id in settled else t for t in trials.values())
    plan = Plan(
        trials=in_turn(known),
        suite_id=spec.suite.id,
        validation_id=None if spec.choice_suite is None else spec.choice_suite.id,
        proposals=proposals,
    )
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
    named = _named(spec, cells, lambda data: fingerprints.get(data) or fingerprint_of(data))
    more = {trial.id: trial for trial in named}
    for planned in plan.trials:
        more.pop(planned.id, None)
    added = replace(plan, trials=tuple(more.values()), proposals=())
    added = _with_siblings(_looked_at(added, store, spec), store)
    trials = (*plan.trials, *added.trials)
    in_order = in_turn(sorted(trials, key=lambda planned: spec.seeds.index(planned.trial.seed)))
    larger = replace(plan, trials=with_parents(in_order), proposals=(*plan.proposals, *proposals))
    return _with_weights_again(larger, store)


def _with_weights_again(plan: Plan, store: Store) -> Plan:
    return replace(plan, trials=with_weights_again(plan.trials, store, plan.suite_id))


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
        progress = stored.progress(plan.suite_id, plan.validation_id)
        if progress.trained and not progress.is_evaluated and not progress.is_held:
            purpose = None if planned.trains else plan.suite_id
            attempts = [None, *came_for(stored.past_attempts(), purpose)]
            progress = replace(progress, lease=attempts[-1])
        sibling = None if progress.has_begun else planned.sibling
        pruning = None
        if progress.pruned is not None:
            with blamed_on("stopping", spec.document):
                past = Pruning(**dict(progress.pruned))
                pruning = pruning_in_force(
                    spec.rules, past, stored.rows, lambda: steering(stored.evaluations())
                )
        return replace(planned, progress=progress, sibling=sibling, pruning=pruning, again=None)

    return replace(plan, trials=with_parents(mapped(look, plan.trials, store.files)))


def _with_siblings(plan: Plan, store: Store) -> Plan:
    if all(planned.progress.has_begun for planned in plan.trials):
        return plan
    families = _families(store.files)

    def look(planned: PlannedTrial) -> PlannedTrial:
        if not families or planned.progress.has_begun:
            return planned
        members = families.get(planned.trial.family, ())
        return replace(planned, sibling=_sibling(planned.trial, members, store))

    return replace(plan, trials=with_parents(mapped(look, plan.trials, store.files)))


def _named(
    spec: SweepSpec,
    wanted: Sequence[tuple[Cell, Collection[int]]],
    fingerprint_of: Callable[[DataSettings], str],
) -> Iterator[PlannedTrial]:
    """Yield the trials of cells with seeds, with no progress known yet."""
    fingerprints: dict[DataSettings, str] = {}

    def found(data: DataSettings) -> str:
        if data not in fingerprints:
            with blamed_on("data", spec.document):
                fingerprints[data] = fingerprint_of(data)
        return fingerprints[data]

    parents = Parents(found, seeds=spec.seeds)
    cells = []
    for cell, seeds in wanted:
        trial = cell.trial.model_copy(update={"fingerprint": found(cell.trial.data)})
        cells.append((cell, seeds, trial, trial.content()))
    for seed in spec.seeds:
        for cell, seeds, trial, content in cells:
            if seed not in seeds:
                continue
            own = {"seed": seed, **parents.of(cell, seed)}
            id_ = content_id("t", content | plain(own))  # as `Trial.id`, at a tenth its cost
            planned = trial.model_copy(update=own)
            yield PlannedTrial(
                id=id_,
                trial=planned,
                parents=planned.parents,
                method=cell.method,
                settings=cell.settings,
                is_reference=cell is spec.cells[0],
                progress=NOTHING,
                sibling=None,
                trains=spec.reevaluation is None,
                left_out=None,
            )


def with_republished(plan: Plan, store: Store) -> Plan:
    """Mark the trials without a result whose weights are whole, which a worker would publish again.
    It reads these weights, so it is for showing a plan, not for every look at it."""

    def look(planned: PlannedTrial) -> PlannedTrial:
        if planned.status not in {"pending", "stopped"} or not planned.progress.lease:
            return planned
        stored = store.trial(planned.id)
        is_lost = not planned.progress.trained and planned.trains
        found = stored.unpublished(planned.trial) if is_lost else None
        return replace(planned, is_republished=found is not None)

    return replace(plan, trials=mapped(look, plan.trials, store.files))


def mapped(
    look: Callable[[PlannedTrial], PlannedTrial], trials: Sequence[PlannedTrial], files: Files
) -> tuple[PlannedTrial, ...]:
    """Apply `look` to each trial, several at once where that waits for a server."""
    if "://" not in files.url:
        return tuple(map(look, trials))
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as threads:
        return tuple(threads.map(look, trials))


def _families(files: Files) -> dict[str, list[tuple[int, str]]]:
    """Return (epochs, id) of the trials of every family, the longest first."""
    found: dict[str, list[tuple[int, str]]] = {}
    for it in filter(None, map(FileKind.MEMBER.match, files.sizes(FAMILIES))):
        found.setdefault(it["family"], []).append((int(it["epochs"]), it["trial"]))
    return {family: sorted(members, reverse=True) for family, members in found.items()}


def _sibling(trial: Trial, members: Sequence[tuple[int, str]], store: Store) -> Sibling | None:
    for epochs, trial_id in members:
        if epochs >= trial.training.epochs:
            continue
        progress = store.trial(trial_id).progress("")
        if not progress.has_begun:
            continue
        reason = None
        if not trial.training.optimiser.is_constant:
            reason = f"the learning rates of {trial_id} ({epochs} epochs) differ from the first on"
        elif not progress.epochs_done:
            reason = f"{trial_id} ({epochs} epochs) has no checkpoint any more"
        return Sibling(id=trial_id, epochs=progress.epochs_done, reason=reason)
    return None
