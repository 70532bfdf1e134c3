"""The model that a person takes home of a sweep: chosen on validation, told with its numbers.

A cell is picked by means over its seeds on the images that pick (`orchestrator.pareto.picking`); of
the cell the training in the middle is taken, by the same rule on the same images, for the best of
several seeds is the luckiest. Once what confirms the sweep is over, the model is one of the cell's
fresh trainings. Only then are its numbers read, on the images that may be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from orchestrator.pareto.crossed import crossed_means
from orchestrator.pareto.eligibility import is_collapsed, is_measured
from orchestrator.pareto.noise import noise_of
from orchestrator.pareto.picking import Rule, Scale
from orchestrator.pareto.scores import scores_of
from orchestrator.pareto.sure_front import ONE_SEED
from orchestrator.plan.manifest import plan_as_stored
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.answers import answers
from orchestrator.results.candidates import Candidates, CellName, Wish
from orchestrator.results.choice import Choice, choice
from orchestrator.results.confirmation import Confirmed, confirmed, confirmed_images
from orchestrator.results.images import Images, is_confirmed, picking_images
from orchestrator.results.model_numbers import Numbers, numbers_of
from orchestrator.results.shown import shown_images
from orchestrator.results.trials_table import choosing_table, table_on
from orchestrator.spec.arguments import command
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.records.read_only import only_read
from orchestrator.store.trials.present_files import PresentFiles
from orchestrator.store.trials.result import published
from orchestrator.table.columns import WeightsName, direction_of
from orchestrator.table.objectives import Objective, minimised

RESAMPLES = 1_000
"""Resamples that tell how sure a choice is: a share of a half is then off by 1.6 points."""


@dataclass(frozen=True, kw_only=True)
class Sureness:
    """How often the same is chosen of resamples of what the choice was made by."""

    share: float | None = None  # of them, in which the same cell is picked; None: not known
    runner_up: float | None = None  # likewise, the runner-up
    none: float | None = None  # likewise, no cell, for want of one within the limits or of a knee
    over: str = ""  # what is drawn anew, in words
    why: str = ""  # why the share is not known, or why images are not drawn anew


@dataclass(frozen=True, kw_only=True)
class KeptWeights:
    """Where the weights of a model are in the storage."""

    name: str | None  # of their file; None: they were given up
    dropped: str  # name of the record which says that they were
    weights: WeightsName
    best_epoch: int | None  # after which the best ones were taken

    def path(self, spec: SweepSpec) -> str | None:
        """Return the path of the file, or its URL; None where there is none."""
        return None if self.name is None else f"{spec.storage}/{self.name}"

    def remedy(self, spec: SweepSpec) -> str:
        """Say how weights that were given up come back."""
        keeping = replace(spec, assignments=(*spec.assignments, "retention.weights=all"))
        return (
            f"to have them trained again, which gives the same up to rounding, delete "
            f"{spec.storage}/{self.dropped} and start the sweep: {command('sweep', keeping)}"
        )


@dataclass(frozen=True, kw_only=True)
class Picked:
    """The model that is taken, and what a person should know of how it was chosen."""

    planned: PlannedTrial
    cell: CellName
    rule: Rule
    among: int  # cells that could be picked
    cells: int  # of the sweep
    within: int  # of those that could be picked, within all limits
    values: Mapping[str, float]  # of the cell, by objective, on the images that pick
    limited: Mapping[str, float]  # likewise, by column of a limit that is no objective
    runner_up: CellName | None
    runner_up_values: Mapping[str, float]
    sureness: Sureness
    chosen: Choice  # what the sweep's numbers stand on, and what picks
    confirmed: Confirmed | None  # how far what confirms it is; None: that is not asked for
    is_fresh: bool  # whether the model is a training that confirms its cell
    fresh_collapsed: bool  # whether there are such, all collapsed
    trainings: int  # of which the model is the median
    collapsed: int  # trainings that were passed over
    is_held_back: bool  # whether test numbers are not shown yet
    numbers: Numbers
    weights: KeptWeights


@dataclass(frozen=True, kw_only=True)
class _Trainings:
    """Trials that are done of some cells, and the images on which their numbers are shown."""

    plan: Plan  # that they and their references are of
    images: Images
    cells: tuple[tuple[PlannedTrial, ...], ...]  # the picked one first


@dataclass(frozen=True, kw_only=True)
class _Median:
    """The training of a cell that is taken."""

    planned: PlannedTrial
    among: int  # of how many it is the median
    collapsed: int  # others that had collapsed


def pick_model(spec: SweepSpec, wish: Wish) -> Picked:
    """Choose a model of a sweep as its storage has it now; nothing is changed.

    Raises:
        PickError: a wish that means nothing, or that no cell meets.
        BadInput: no start found the data and they are not here, so that trials cannot be named.
    """
    with only_read(open_files(spec.storage)) as looked:
        store = Store(looked)
        files = store.files
        plan = plan_as_stored(spec, store)
        images = shown_images(spec, plan, files)
        picks = picking_images(spec, images)
        candidates = Candidates.of(choosing_table(spec, plan, images), spec.objectives)
        rule = candidates.rule(wish, spec.policy.weights)
        points = candidates.points()
        values = candidates.means([it.column for it in rule.limits])
        at = rule.pick(points, values)
        if at is None:
            raise candidates.nothing(rule)
        other = rule.pick(points, values, without=at)
        fresh_images = confirmed_images(spec, plan, files)
        own = _own(plan, candidates, at, images)
        fresh = _fresh(spec, plan, own.cells[0][0], fresh_images)
        scale = Scale.of(points)
        median = None if fresh is None else _median(spec, fresh, rule, scale, "picking")
        trainings = own if fresh is None or median is None else fresh
        if median is None:
            median = _median(spec, own, rule, scale, picks)
        assert median is not None, "some seed of a cell that may be picked has not collapsed"
        return Picked(
            planned=median.planned,
            cell=candidates.name(at),
            rule=rule,
            among=len(candidates),
            cells=candidates.cells,
            within=int(rule.within(values).sum()),
            values=candidates.values(at),
            limited={
                it.column: float(values[at, q])
                for q, it in enumerate(rule.limits)
                if it.column not in candidates.values(at)
            },
            runner_up=None if other is None else candidates.name(other),
            runner_up_values={} if other is None else candidates.values(other),
            sureness=_sureness(spec, plan, candidates, rule, (at, other), store=store, picks=picks),
            chosen=choice(spec, plan, files, images, counts_reads=False),
            confirmed=confirmed(spec, plan, files, fresh_images),
            is_fresh=trainings is fresh,
            fresh_collapsed=fresh is not None and trainings is own,
            trainings=median.among,
            collapsed=median.collapsed,
            is_held_back=trainings.images != "suite" and spec.suite.split == "test",
            numbers=numbers_of(
                spec,
                trainings.plan,
                trainings.cells,
                median.planned,
                store=store,
                images=trainings.images,
            ),
            weights=_kept(median.planned, spec.policy.weights, files),
        )


def _own(plan: Plan, candidates: Candidates, at: int, images: Images) -> _Trainings:
    """Return the sweep's own trials of the picked cell, and of those on the front."""
    on_front = np.flatnonzero(candidates.averages["on_front"])
    places = [at, *(int(it) for it in on_front if it != at)]
    by_id = {planned.id: planned for planned in plan.trials}
    found = tuple(tuple(by_id[it] for it in candidates.trials(place)) for place in places)
    return _Trainings(plan=plan, images=images, cells=found)


def _fresh(spec: SweepSpec, plan: Plan, one: PlannedTrial, images: Images) -> _Trainings | None:
    """Return the trials that confirm the cell of `one`, and other cells; None where nothing does,
    or not all of it is over."""
    if not is_confirmed(spec, plan):
        return None
    fresh = plan.of_confirmation("confirm")
    by_cell: dict[str, list[PlannedTrial]] = {}
    for planned in fresh.trials:
        if planned.status == "done":
            by_cell.setdefault(_key(planned), []).append(planned)
    own = by_cell.pop(_key(one), None)
    if own is None:
        return None
    cells = (tuple(own), *map(tuple, by_cell.values()))
    return _Trainings(plan=fresh, images=images, cells=cells)


def _key(planned: PlannedTrial) -> str:
    return repr((planned.method, dict(planned.settings)))


def _median(
    spec: SweepSpec, trainings: _Trainings, rule: Rule, scale: Scale, picks: Images
) -> _Median | None:
    """Return the training in the middle of the first cell, by the rule's own value on the images
    that pick; None where all have collapsed."""
    table = table_on(spec, trainings.plan, picks)
    own = {planned.id: planned for planned in trainings.cells[0]}
    its = table[table["trial_id"].isin(list(own)) & is_measured(table, spec.objectives)]
    sound = its[~is_collapsed(its, spec.objectives)]
    if sound.empty:
        return None
    row = rule.median(minimised(sound, spec.objectives), scale=scale)
    return _Median(
        planned=own[sound["trial_id"].iloc[row]],
        among=len(sound),
        collapsed=len(its) - len(sound),
    )


def _sureness(
    spec: SweepSpec,
    plan: Plan,
    candidates: Candidates,
    rule: Rule,
    places: tuple[int, int | None],
    *,
    store: Store,
    picks: Images,
) -> Sureness:
    """Choose again, by the same rule, on resamples of the images that pick and of the seeds."""
    limits = [it.column for it in rule.limits]
    names = [it.name for it in candidates.objectives]
    asked = [*candidates.objectives]
    asked += [
        Objective(it, direction)
        for it in dict.fromkeys(limits)
        if it not in names and (direction := direction_of(it)) is not None
    ]
    columns = [it.name for it in asked]
    means = candidates.means(columns)
    if not np.isfinite(means).all():
        missing = columns[int((~np.isfinite(means)).any(axis=0).argmax())]
        return Sureness(why=f"not every cell has a number in {missing}")
    known = answers(spec, plan, store, picks, columns)
    if isinstance(known, str):
        return Sureness(why=known)
    if not (candidates.averages["seeds"] >= 2).any():
        return Sureness(why=ONE_SEED)
    scores = scores_of(candidates.table, asked, known)
    crossed = crossed_means(scores.array)
    chosen = candidates.averages.index.to_numpy(np.int64)
    drawn = means + noise_of(crossed, scores, chosen, count=RESAMPLES) * scores.scale
    signs = np.array([it.sign for it in candidates.objectives])
    shares = rule.recurrence(
        drawn[:, :, : len(names)] * signs, drawn[:, :, [columns.index(it) for it in limits]]
    )
    at, other = places
    return Sureness(
        share=float(shares[at]),
        runner_up=None if other is None else float(shares[other]),
        none=max(0.0, round(1 - float(shares.sum()), 9)),
        over="seeds and images" if crossed.knows_images else "seeds alone",
        why="; ".join(filter(None, (scores.why_no_images, scores.why_no_reference))),
    )


def _kept(planned: PlannedTrial, weights: WeightsName, files: PresentFiles) -> KeptWeights:
    """Find the weights of a model."""
    place = TrialFolder.of(planned.id, planned.best if weights == "best" else None)
    result = published(files, place)
    best = planned.progress.best
    of_best = best.result if weights == "best" and best is not None else None
    return KeptWeights(
        name=None if result is None else files.place(place.attempt(result.attempt).weights),
        dropped=files.place(place.dropped),
        weights=weights,
        best_epoch=None if of_best is None else of_best.best_epoch,
    )
