"""The search space of a sweep file: its methods, the axes of each, and the cell at a point."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from orchestrator.spec.axes import Range
from orchestrator.spec.method_space import (
    SECTIONS,
    MethodSpace,
    Point,
    Replays,
    path_of,
    read_method,
)
from orchestrator.spec.override import Override
from orchestrator.spec.replay import is_replay, read_replay
from orchestrator.spec.start import START, CellName, find_cell, read_cell_name, value_of_start
from trainer.config import Replay, Start, Trial, read_trial
from trainer.data.published import examples_trained
from trainer.input.document import Document
from trainer.input.problems import BadInput, Problem
from trainer.input.settings import content_id
from trainer.input.yaml_nodes import Plain
from trainer.training.passes_ahead import most_passes_of_training, within_cap

REFERENCE = "standard"
"""The method whose trials scores are taken against; each sweep has one for each seed."""

MAX_PASSES = ("training", "max_passes")
"""Place of the cap on a trial's passes in its document."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point of a method's space: trials that differ in their seed alone."""

    method: str  # label in the sweep file
    trial: Trial  # of the first seed; its fingerprint is not yet known
    settings: Mapping[str, Any]  # by setting that varies anywhere in the sweep; None: not in use
    start: Cell | None = None  # from whose weights it starts, seed by seed; its id is the trial's
    replayed: Cell | None = None  # whose schedules it replays, of other seeds; likewise
    max_passes: int | None = None  # cap by which its epochs were counted, as the file says

    @property
    def parents(self) -> tuple[Cell, ...]:
        """The cells whose trials must be trained before its own."""
        return tuple(cell for cell in (self.start, self.replayed) if cell is not None)

    @property
    def ancestors(self) -> tuple[Cell, ...]:
        """Its parents, and theirs in turn, the eldest first."""
        return tuple(each for parent in self.parents for each in (*parent.ancestors, parent))

    @cached_property
    def id(self) -> str:
        """Name of the cell, equal where all that its trials share is."""
        return self.trial.id

    @cached_property
    def content_with_validation(self) -> dict[str, Any]:
        """All that its trials share, what validation looks at among it, and likewise of its
        parents: by which searches are named."""
        named = {}
        for key, parent in (("start", self.start), ("replay", self.replayed)):
            own = getattr(self.trial, key)
            if parent is not None and own is not None:
                before = content_id("t", parent.content_with_validation)
                named[key] = own.model_copy(update={"trial": before})
        return self.trial.model_copy(update=named).content_with_validation()


@dataclass(frozen=True, kw_only=True)
class Space:
    """All that the trials of a sweep may be, apart from their seeds."""

    base: Document  # what methods set differently
    reference: MethodSpace
    methods: Mapping[str, MethodSpace]  # by label
    paths: Mapping[str, tuple[str, ...]]  # in a trial's document, of each setting that varies
    _read: dict[str, Cell] = field(default_factory=dict, repr=False, compare=False)
    _trials: dict[str, Trial] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_capped(self) -> bool:
        """Whether any trial has a cap on its passes, below which epochs are chosen."""
        key = ".".join(MAX_PASSES)
        if key in self.base and self.base.section(key).value is not None:
            return True
        fixed = [it for method in self.methods.values() for it in method.fixed]
        axes = [axis for method in self.methods.values() for axis in method.axes.values()]
        is_set = any(it.path == MAX_PASSES and it.value.value is not None for it in fixed)
        return is_set or any(axis.path == MAX_PASSES for axis in axes)

    def cell(self, method: MethodSpace, point: Point) -> Cell:
        """Return the cell at a point of a method; its data's folder is absolute, since a worker's
        working folder is another.

        Raises:
            BadInput: the trial's own rules, where the values were written.
        """
        return self._cell(method, point, heirs=())

    def _cell(self, method: MethodSpace, point: Point, heirs: tuple[CellName, ...]) -> Cell:
        """Return the cell at a point, from which the cells that `heirs` name start in turn."""
        place = self._place(method, point)
        if place not in self._read:
            self._read[place] = self._read_cell(method, point, heirs)
        return self._read[place]

    def _place(self, method: MethodSpace, point: Point) -> str:
        """Name a point, to read it once: that is what takes time. A method may have the
        reference's label."""
        return json.dumps([method is self.reference, method.label, point])

    def _read_cell(self, method: MethodSpace, point: Point, heirs: tuple[CellName, ...]) -> Cell:
        trial = self._trial(method, point, ())
        start = self._start(method, point, ())
        parent = None if start is None else self._parent(method, point, trial, start, heirs)
        if parent is not None:
            trial = trial.model_copy(update={"start": Start(trial=parent.id)})
        replayed = None if method.replays is None else self._replayed(method.replays, point, heirs)
        if replayed is not None and method.replays is not None:
            replay = Replay(trial=replayed.id, mean=method.replays.mean)
            trial = trial.model_copy(update={"replay": replay})
        cap = trial.training.max_passes
        is_capped = cap is not None and self._has_cap(method, point)
        trial = self._within_cap(method, point, trial, parent)
        if replayed is not None and method.replays is not None:
            _refuse_shorter(trial, replayed.trial, method, method.replays)
        record = trial.record()
        record["training"]["max_passes"] = cap
        settings = {
            key: value_of_start(start, path) if path[0] == START else value_at(record, path)
            for key, path in self.paths.items()
        }
        return Cell(
            method=method.label,
            trial=trial,
            settings=settings,
            start=parent,
            replayed=replayed,
            max_passes=cap if is_capped else None,
        )

    def _has_cap(self, method: MethodSpace, point: Point) -> bool:
        """Whether a cap on passes is a method's: the reference has its own alone."""
        its_own = any(override.path == MAX_PASSES for override in method.overrides(point))
        return method.label != REFERENCE or its_own

    def _within_cap(
        self, method: MethodSpace, point: Point, trial: Trial, parent: Cell | None
    ) -> Trial:
        """Return a trial of as many epochs as fit under the cap on passes; the reference has none.

        Raises:
            BadInput: not one epoch fits, or its passes are not known beforehand.
        """
        overrides = method.overrides(point)
        if not self._has_cap(method, point):
            training = trial.training.model_copy(update={"max_passes": None})
            return trial.model_copy(update={"training": training})
        if trial.training.max_passes is None:
            return trial
        try:
            before = 0 if parent is None else _most_passes(parent)
            return within_cap(trial, examples=examples_trained(trial.data), before=before)
        except ValueError as error:
            key = method.key_in_sweep(".".join(MAX_PASSES), overrides)
            where = self.base.where(".".join(MAX_PASSES))
            for override in overrides:
                if override.path == MAX_PASSES:
                    where = override.value.where()
            raise BadInput(Problem(where, key, f"{error} ({method.label})")) from error

    def _replayed(self, replays: Replays, point: Point, heirs: tuple[CellName, ...]) -> Cell:
        """Return the cell at a point, whose schedules are replayed.

        Raises:
            BadInput: it has no schedule that weighs all images of a step alike.
        """
        cell = self._cell(replays.of, point, heirs)
        weighting = cell.trial.method.weighting()
        message = None
        if weighting.by_example or weighting.picks is not None:
            message = "must weigh all images of a step alike to be replayed, and weighs each apart"
        elif weighting.objectives is not None:
            message = "must weigh losses to be replayed, and weighs gradients"
        if message is not None:
            raise BadInput(Problem(replays.of.where, f"methods.{replays.of.label}", message))
        return cell

    def _parent(
        self,
        method: MethodSpace,
        point: Point,
        trial: Trial,
        start: Document,
        heirs: tuple[CellName, ...],
    ) -> Cell | None:
        """Return the cell that `start` names, from which the trial at a point starts.

        Raises:
            BadInput: no cell has that name, or several; it starts from this one in turn; or it is
                of another network.
        """
        with method.blamed(method.overrides(point)):
            named = read_cell_name(start)
            if named is None:
                return None
            if named in heirs:
                names = " from ".join(map(str, (*heirs[heirs.index(named) :], named)))
                raise start.fail("from", f"must not lead back to itself, got {names}")
            spaces = (self.reference, *self.methods.values())
            found = find_cell(
                named, start, spaces, partial(path_of, self.base), self._trial_and_start
            )
        parent = self._cell(*found, heirs=(*heirs, named))
        if parent.trial.model != trial.model:
            with method.blamed(method.overrides(point)):
                raise start.fail(
                    "from",
                    f"must name a cell of the same network, whose weights fit, got {named} with "
                    f"{parent.trial.model.content()} where this one has {trial.model.content()}",
                )
        return parent

    def _trial_and_start(
        self, method: MethodSpace, point: Point, more: tuple[Override, ...]
    ) -> tuple[Trial, Plain]:
        """Return the trial at a point, under further settings, and what is said of its start."""
        start = self._start(method, point, more)
        said = None if start is None or start.value == {"from": None} else start.value
        return self._trial(method, point, more), said

    def _start(
        self, method: MethodSpace, point: Point, more: tuple[Override, ...]
    ) -> Document | None:
        """Return what a method's section says of the start at a point, under further settings."""
        document = Document.from_plain({}, method.where)
        for override in (*method.overrides(point), *more):
            if override.path[0] == START:
                document = override.value.under(*override.path).merged_over(document)
        return document.section(START) if START in document else None

    def of_kinds(self) -> Space:
        """Return the space with each range of whole numbers where its setting takes no others.

        Raises:
            BadInput: a trial's rule is broken at a method's lowest point.
        """
        methods = {}
        for label, method in self.methods.items():
            axes = dict(method.axes)
            if any(isinstance(axis, Range) for axis in axes.values()):
                record = self._trial(method, method.lowest, ()).record()
                axes = {
                    key: axis.of_kind(value_at(record, axis.path))
                    if isinstance(axis, Range)
                    else axis
                    for key, axis in axes.items()
                }
            methods[label] = replace(method, axes=axes)
        return replace(self, methods=methods, _read={}, _trials={})

    def _trial(self, method: MethodSpace, point: Point, more: tuple[Override, ...]) -> Trial:
        """Return the trial at a point, under further settings and apart from where it starts."""
        if more:
            return self._read_trial(method, point, more)
        place = self._place(method, point)
        if place not in self._trials:
            self._trials[place] = self._read_trial(method, point, ())
        return self._trials[place]

    def _read_trial(self, method: MethodSpace, point: Point, more: tuple[Override, ...]) -> Trial:
        document, overrides = self.base, (*method.overrides(point), *more)
        for override in overrides:
            if override.path[0] != START:
                document = override.value.under(*override.path).merged_over(document)
        kind = Document.from_plain({"method": {"method": method.kind}}, method.where)
        with method.blamed(overrides):
            trial = read_trial(document.merged_over(kind))
        root = str(trial.data.root_folder).replace("$", "$$")  # which is a text with variables
        return trial.model_copy(update={"data": trial.data.model_copy(update={"root": root})})


def _refuse_shorter(trial: Trial, parent: Trial, method: MethodSpace, replays: Replays) -> None:
    """Check that a replay has an epoch for each of what it replays: the mean of a schedule that
    left attacks out takes more passes than it, of which fewer may fit under a cap.

    Raises:
        BadInput: it has fewer.
    """
    own, its = trial.training.epochs, parent.training.epochs
    if own != its:
        message = (
            f"must be as long as what it replays, {its} epochs, of which {own} fit under "
            f"training.max_passes, since the mean schedule of {replays.of.label} leaves no attack "
            f"out; raise the cap, or set training.epochs in {replays.of.label}"
        )
        raise BadInput(Problem(method.where, f"methods.{method.label}", message))


def _most_passes(cell: Cell) -> int:
    """Most passes that the training of a cell's trials takes, of those that it starts from, too.

    Raises:
        ValueError: they are not known beforehand.
    """
    trial = cell.trial
    examples = examples_trained(trial.data)
    passes = None if examples is None else most_passes_of_training(trial, examples)
    if passes is None:
        raise ValueError(
            f"must be left out where a parent's passes are not known beforehand, as those of "
            f"{cell.method}; set training.epochs"
        )
    return passes.total + (0 if cell.start is None else _most_passes(cell.start))


def value_at(record: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return what a trial's record has at a path; None where it has nothing there."""
    value: Any = record
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def read_space(document: Document, *, seeds: Sequence[int]) -> Space:
    """Read the methods of a sweep file.

    Args:
        seeds: those of the sweep; the first is that of the trials by which cells are described.

    Raises:
        BadInput: what is wrong, where.
    """
    base = document.only(*SECTIONS).merged_over(
        Document.from_plain({"fingerprint": "", "seed": seeds[0]}, document.where())
    )
    sections = dict(document.section("methods").items())
    trained = {
        key: read_method(it, base, key) for key, it in sections.items() if not is_replay(it, key)
    }
    methods = {
        key: trained[key] if key in trained else read_replay(it, key, trained, seeds=seeds)
        for key, it in sections.items()
    }
    if not methods:
        raise document.fail("methods", "must name at least one, such as pareto: {rho: 0.4}")
    reference = MethodSpace(label=REFERENCE, where=document.where("methods"), fixed=(), axes={})
    return Space(
        base=base,
        reference=reference,
        methods=methods,
        paths={key: axis.path for it in methods.values() for key, axis in it.axes.items()},
    )
