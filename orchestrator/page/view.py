"""What a page says, before it is drawn or written: plain values, all in the units that people read.

Fractions are in per cent or percentage points. Nothing here is computed from results anew: numbers,
intervals and verdicts are those of the front, the comparison and the ledger that it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass

Line = tuple[str, str]
"""What a sentence is about, in a word or two, and the sentence; empty words: it goes on."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A column of numbers that cells may be drawn over."""

    name: str  # of the column
    words: str  # for people, with the unit
    says: str  # what its numbers are; empty where it is not declared
    is_fraction: bool
    direction: str  # `min`, `max`, or empty where none is declared


@dataclass(frozen=True, kw_only=True)
class Spot:
    """A cell's number in a column, and its interval where that is known."""

    mean: float | None  # None: no trial has it
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What one front says of a cell."""

    is_on_front: bool
    is_knee: bool
    takes_part: bool  # whether it may be on the front at all
    membership: str  # `yes`, `possible`, `no`; empty: not known
    recurrence: float | None  # share of resamples that have it on the front


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """One trial of a cell, as a row of its details."""

    id: str
    seed: str
    status: str
    why: str  # it failed, was pruned, or is doubtful; else empty
    weights: str  # folder of the model; empty where none is known here


@dataclass(frozen=True, kw_only=True)
class CellView:
    """A method and its settings, with the means over seeds."""

    method: str
    settings: str  # such as `rho=0.4`; empty where nothing varies
    seeds: int
    planned: int
    collapsed: int
    spots: tuple[Spot, ...]  # one an axis of the page
    marks: tuple[Mark, ...]  # one a front of its table
    is_selected: bool
    trials: tuple[TrialView, ...]


@dataclass(frozen=True, kw_only=True)
class FrontView:
    """A front over the cells of a table."""

    title: str
    x: int  # place of the horizontal axis among the page's
    y: int
    line: str  # how its line goes from point to point by x: `step-after`, ...; empty: none is drawn
    lines: tuple[Line, ...]  # how sure it is, its hypervolume, and what was left out of it
    remarks: tuple[Line, ...]  # what a reader must know of its trials
    has_intervals: bool
    has_members: bool
    why_points: str  # why there are no intervals, where there are none


@dataclass(frozen=True, kw_only=True)
class TableView:
    """Models of one kind on images of one kind, with the fronts over them."""

    title: str
    split: str
    fronts: tuple[FrontView, ...]  # at least one
    cells: tuple[CellView, ...]


@dataclass(frozen=True, kw_only=True)
class MethodView:
    """How a method is drawn."""

    name: str
    color: str
    shape: str  # an SVG path within a square of sides 2 around 0


@dataclass(frozen=True, kw_only=True)
class ContrastView:
    """Two methods beside each other."""

    front: str
    first: str
    second: str
    difference: str  # in words, with its interval
    mean: float | None  # points
    low: float | None
    high: float | None
    p: str
    is_primary: bool  # whether the pair was named beforehand
    verdict: str  # one of the four; empty: nothing is tested
    why: str


@dataclass(frozen=True, kw_only=True)
class CurveView:
    """One quantity of a cell after each epoch, the mean over its seeds."""

    cell: str
    method: str
    seeds: int
    epochs: tuple[int, ...]
    values: dict[str, tuple[float | None, ...]]  # by quantity, one an epoch


@dataclass(frozen=True, kw_only=True)
class CostView:
    """What a method's trials took."""

    method: str
    trials: int  # of which a cost is known
    training_passes: float | None
    evaluation_passes: float | None
    hours: float | None  # of training
    passes_a_trial: float | None  # of training, the mean over those that were counted


@dataclass(frozen=True, kw_only=True)
class ReadView:
    """A time at which test numbers were first shown."""

    at: str
    what: str
    data: str
    suite: str
    trials: int


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that a page says."""

    title: str
    facts: tuple[Line, ...]  # below the title: data, images, suite, how far it is
    answer: tuple[str, ...]  # at most three sentences
    belief: tuple[Line, ...]  # how far to believe it, beside what is known of each front
    axes: tuple[Axis, ...]
    words: tuple[Line, ...]  # of the page, and what they mean
    methods: tuple[MethodView, ...]
    tables: tuple[TableView, ...]  # the one shown first is the first
    contrasts: tuple[ContrastView, ...]
    contrast_lines: tuple[Line, ...]  # what the comparison stands on
    curves: tuple[CurveView, ...]
    why_no_curves: str
    costs: tuple[CostView, ...]
    cost_lines: tuple[Line, ...]
    left_out: tuple[Line, ...]
    warnings: tuple[Line, ...]
    reads: tuple[ReadView, ...] | None  # None: a table has no ledger
    environment: tuple[Line, ...]
    commands: tuple[Line, ...]
    specification: str  # as YAML; empty: a table has none
    checklist: tuple[Line, ...]  # questions of a conference, and their answers
    tracking: str  # where MLflow has the runs, without secrets; empty: nowhere
    is_live: bool  # whether it is written anew while the sweep runs
    written: str  # when, in UTC
