"""The columns of a table of trials (`trials.csv`, `front.csv`), each declared once, in their order.

A column is added by a declaration here, in its place, and by its value in
`orchestrator.results.trials_table` (an accuracy that evaluations keep under the same name needs no
more). All else follows from what is said here: how its cells are read, typed and checked, whether
it may be an objective and which way it is better, what MLflow is told, how a picture names its
axis, and the README's list. The settings that vary follow the last of these columns, under names
of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

BEST = "best_"
"""Begin of the names of columns that say of the weights that did best in validation what the column
without it says of the last epoch's."""

CATEGORY = "{category}"
"""Part of a column's name for which each attack category of the suite stands in turn."""

UNION = "union_accuracy"
CONSTANT = "constant_accuracy"
COLLAPSED = "collapsed"
WARNINGS = "warnings"
SELECTED, AT_KNEE = "selected", "at_knee"


WeightsName = Literal["last", "best"]
"""Weights of a trial: those of the last epoch, or of the one that did best in validation."""


class Direction(StrEnum):
    """The direction in which a number is better, spelled as in `min:NAME`."""

    MINIMISE = "min"
    MAXIMISE = "max"


class ColumnKind(StrEnum):
    """What stands in a column's cells; each may be empty too."""

    WORD = "word"  # spaces around it do not count
    TEXT = "text"  # as it was written
    FRACTION = "fraction"  # of 1, or a difference of two; shown to people times 100
    NUMBER = "number"
    WHOLE = "whole number"
    YES_OR_NO = "yes or no"


NUMBERS = frozenset({ColumnKind.FRACTION, ColumnKind.NUMBER, ColumnKind.WHOLE})


@dataclass(frozen=True, kw_only=True)
class TrialColumn:
    """What is known of a column, beside its cells."""

    name: str
    """Name of the column; one with `CATEGORY` in it stands for as many as there are categories."""

    kind: ColumnKind
    says: str
    """What a cell says, for the README: a phrase that goes on from the name."""

    is_measured: bool = True
    """Whether the cells are what training and evaluation came to; else they say what the row is."""

    direction: Direction | None = None
    """Direction in which the number is better; None: it is no objective by itself."""

    reference: float | None = None
    """Where the hypervolume ends by default, in the column's own numbers; None: nowhere."""

    unit: str = ""
    """Unit of what people are shown; empty: the number has none."""

    words: str = ""
    """Name for people, where it is not the column's own with spaces."""

    is_unseen: bool = False
    """Whether its categories are those of the suite that are unseen, which stand beside the score
    and the union; else they are the others."""

    is_of_best: bool = False
    """Whether it is of the best weights, which a sweep under `weights: best` has beside the last
    epoch's."""

    is_under_attack: bool = False
    """Whether it is an accuracy under attack, of which a constant classifier keeps all that it has
    on clean images."""

    is_relative: bool = False
    """Whether it is counted from the standard trials' mean, and so has the noise of that too."""

    @property
    def is_number(self) -> bool:
        """Whether the cells are numbers of any kind."""
        return self.kind in NUMBERS

    @property
    def pattern(self) -> str:
        """The name, with `*` for the category."""
        return self.name.replace(CATEGORY, "*")

    def names(self, categories: Iterable[str]) -> list[str]:
        """Return the names of the column under a suite of these attack categories."""
        if CATEGORY not in self.name:
            return [self.name]
        return [self.name.replace(CATEGORY, category) for category in categories]

    def has(self, name: str) -> bool:
        """Whether `name` is the column's, under some suite."""
        start, category, end = self.name.partition(CATEGORY)
        if not category:
            return name == start
        is_long = len(name) >= len(start) + len(end)
        return is_long and name.startswith(start) and name.endswith(end)


WORST = TrialColumn(
    name=f"worst_{CATEGORY}",
    kind=ColumnKind.FRACTION,
    direction=Direction.MAXIMISE,
    reference=0.0,
    unit="%",
    is_under_attack=True,
    says="share of images that withstand all of the category's ladder",
)


def _of_best(column: TrialColumn) -> TrialColumn:
    """Return the column of the best weights that stands beside one of the last epoch's."""
    words = column.words or column.name.replace("_", " ")
    return replace(
        column,
        name=f"{BEST}{column.name}",
        words="" if CATEGORY in column.name else f"{words} of the best weights",
        says=f"as `{column.pattern}`, of the best weights",
        is_of_best=True,
    )


_LAST = (
    TrialColumn(
        name="trial_id",
        kind=ColumnKind.WORD,
        is_measured=False,
        says="of the trial: begins with `t`, so that no reader takes it for a number",
    ),
    TrialColumn(
        name="method", kind=ColumnKind.WORD, is_measured=False, says="its label in the sweep file"
    ),
    TrialColumn(
        name="seed",
        kind=ColumnKind.WHOLE,
        is_measured=False,
        says="of start, batch order and attacks",
    ),
    TrialColumn(
        name="status",
        kind=ColumnKind.WORD,
        is_measured=False,
        says="`pending`, `running`, `done`, `failed`, `stopped` or `pruned`",
    ),
    TrialColumn(
        name="split",
        kind=ColumnKind.WORD,
        is_measured=False,
        says="images that the row's numbers stand on: `validation` or `test`",
    ),
    TrialColumn(
        name="natural_accuracy",
        kind=ColumnKind.FRACTION,
        direction=Direction.MAXIMISE,
        reference=0.0,
        unit="%",
        says="of clean images",
    ),
    TrialColumn(
        name=f"robust_accuracy_{CATEGORY}",
        kind=ColumnKind.FRACTION,
        direction=Direction.MAXIMISE,
        reference=0.0,
        unit="%",
        is_under_attack=True,
        says="under the category's attack, the mean over its ladder",
    ),
    WORST,
    TrialColumn(
        name=UNION,
        kind=ColumnKind.FRACTION,
        direction=Direction.MAXIMISE,
        reference=0.0,
        unit="%",
        is_under_attack=True,
        says="share of images that withstand every attack of the suite",
    ),
    TrialColumn(
        name="robustness_score",
        kind=ColumnKind.FRACTION,
        direction=Direction.MAXIMISE,
        reference=0.0,
        unit="percentage points",
        is_relative=True,
        says="mean of `robust_accuracy_*`, minus that of the standard trials over their seeds",
    ),
    TrialColumn(
        name="sacrificed_accuracy",
        kind=ColumnKind.FRACTION,
        direction=Direction.MINIMISE,
        reference=1.0,
        unit="percentage points",
        is_relative=True,
        words="sacrificed natural accuracy",
        says="`natural_accuracy` of the standard trials, minus this one's",
    ),
    TrialColumn(
        name=f"unseen_accuracy_{CATEGORY}",
        kind=ColumnKind.FRACTION,
        direction=Direction.MAXIMISE,
        reference=0.0,
        unit="%",
        is_unseen=True,
        is_under_attack=True,
        says="as `robust_accuracy_*`, under an attack that is marked `unseen`: in no score",
    ),
    TrialColumn(
        name=f"unseen_worst_{CATEGORY}",
        kind=ColumnKind.FRACTION,
        direction=Direction.MAXIMISE,
        reference=0.0,
        unit="%",
        is_unseen=True,
        is_under_attack=True,
        says="as `worst_*`, likewise: in no union",
    ),
)
"""Columns of what a trial is and of its last epoch's weights."""

_REST = (
    TrialColumn(
        name="seconds",
        kind=ColumnKind.NUMBER,
        direction=Direction.MINIMISE,
        unit="s",
        says="of training",
    ),
    TrialColumn(
        name="training_passes",
        kind=ColumnKind.WHOLE,
        direction=Direction.MINIMISE,
        unit="passes",
        says="of one image through the network, in the trial's whole training",
    ),
    TrialColumn(
        name="max_passes",
        kind=ColumnKind.WHOLE,
        is_measured=False,
        unit="passes",
        says="cap of `training_passes` with its parents' (`training.max_passes`); empty: none",
    ),
    TrialColumn(
        name="evaluation_passes",
        kind=ColumnKind.WHOLE,
        direction=Direction.MINIMISE,
        unit="passes",
        says="likewise, in its evaluation",
    ),
    TrialColumn(
        name=CONSTANT,
        kind=ColumnKind.FRACTION,
        unit="%",
        says="of the best constant classifier on the same images",
    ),
    TrialColumn(
        name=COLLAPSED,
        kind=ColumnKind.YES_OR_NO,
        says="whether the model is right on one class at most",
    ),
    TrialColumn(
        name="degraded",
        kind=ColumnKind.YES_OR_NO,
        says="whether it was trained in part batches, for want of memory",
    ),
    TrialColumn(
        name=WARNINGS,
        kind=ColumnKind.TEXT,
        is_measured=False,
        says="of its evaluation, see [Commands](#commands)",
    ),
    TrialColumn(
        name="failure", kind=ColumnKind.TEXT, is_measured=False, says="why a trial that failed did"
    ),
    TrialColumn(
        name="pruned",
        kind=ColumnKind.TEXT,
        is_measured=False,
        says="by which stopping rule a trial was ended, and why",
    ),
    TrialColumn(
        name=SELECTED,
        kind=ColumnKind.YES_OR_NO,
        says="whether its cell is on the front of cells (means over seeds) on the images that pick",
    ),
    TrialColumn(
        name=AT_KNEE, kind=ColumnKind.YES_OR_NO, says="whether its cell is the knee of that front"
    ),
    TrialColumn(
        name="on_front",
        kind=ColumnKind.YES_OR_NO,
        is_measured=False,
        says="whether it is non-dominated among the single trials that are done, on the row's own "
        "images: a description, and optimistic",
    ),
)

COLUMNS = (
    *_LAST,
    TrialColumn(
        name=f"{BEST}epoch",
        kind=ColumnKind.WHOLE,
        is_of_best=True,
        says="after which the best weights were taken; it and the next ones under `weights: best`",
    ),
    *(_of_best(column) for column in _LAST if column.direction is not None),
    *(_of_best(column) for column in _REST if column.name == COLLAPSED),
    *_REST,
)
"""Columns in the order of the table; after the last stand the settings that vary."""


def declared(name: str) -> TrialColumn | None:
    """Return what is declared of a column; None for a setting, or a column from elsewhere."""
    return next((column for column in COLUMNS if column.has(name)), None)


def direction_of(name: str) -> Direction | None:
    """Return the direction in which a column is better; None where nothing is declared of it."""
    column = declared(name)
    return None if column is None else column.direction


def is_fraction(name: str) -> bool:
    """Whether a column holds shares, or differences of shares: no seconds, no passes."""
    column = declared(name)
    return column is not None and column.kind is ColumnKind.FRACTION


def is_relative(name: str) -> bool:
    """Whether a column is counted from the standard trials' mean."""
    column = declared(name)
    return column is not None and column.is_relative


def measured_numbers(names: Iterable[str]) -> list[str]:
    """Choose the columns of numbers that training and evaluation came to."""
    known = ((name, declared(name)) for name in names)
    return [name for name, it in known if it is not None and it.is_measured and it.is_number]


def is_of_best(name: str) -> bool:
    """Whether a column says something of the best weights."""
    column = declared(name)
    return column is not None and column.is_of_best


def of_weights(name: str, weights: WeightsName) -> str:
    """Return the column that says of some weights what a column says of the last or the best ones;
    itself where it says nothing of weights."""
    own = name.removeprefix(BEST) if is_of_best(name) else name
    return f"{BEST}{own}" if weights == "best" and is_of_best(f"{BEST}{own}") else own


def columns_under(
    categories: Iterable[str], unseen: Iterable[str] = (), *, has_best: bool = False
) -> dict[str, TrialColumn]:
    """Return the columns of a table under a suite of these attack categories, by name.

    Args:
        categories: those of which score and union are made.
        unseen: those that stand beside them.
        has_best: whether those of the best weights are among them.
    """
    seen, unseen = tuple(categories), tuple(unseen)
    return {
        name: column
        for column in COLUMNS
        if has_best or not column.is_of_best
        for name in column.names(unseen if column.is_unseen else seen)
    }
