"""Methods of a table compared, seed by seed, by the hypervolume of their cells.

Two fronts: the strict one, union accuracy against natural accuracy, carries the claims; the paper's
has the robustness score. Either way natural accuracy is counted as what is sacrificed of the
standard trials', and the hypervolume is bounded by 0 and the largest acceptable sacrifice. Divided
by that it is an accuracy: the mean height of the front over the sacrifices that one accepts. One
point more is what a model has on every image's worst case, or score, at each sacrifice alike. A
model that sacrifices less than nothing counts as one that sacrifices nothing: the mean is over the
sacrifices from 0 on.

Of methods with unequally many cells the mean over random subsets is taken (see
`orchestrator.pareto.random_cells`). A cell that failed, was pruned, collapsed, or is at the
constant classifier's floor counts as a cell and holds nothing. A seed takes part where every trial
that the table has of it, of both methods, has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestrator.pareto.eligibility import is_measured, takes_part
from orchestrator.pareto.random_cells import covered_by_random, volume_by_count
from orchestrator.pareto.sign_flips import MOST_SEEDS, holm, sign_flip_p
from orchestrator.pareto.verdicts import LEAST_SEEDS, Judgement, Verdict, judged, mean_interval
from orchestrator.table.objectives import Objective, minimised, parse_objectives

STRICT = "strict"
PAPER = "paper"
FRONTS: dict[str, tuple[Objective, ...]] = {
    STRICT: parse_objectives(["union_accuracy", "sacrificed_accuracy"]),
    PAPER: parse_objectives(["robustness_score", "sacrificed_accuracy"]),
}
"""Objectives by front, the strict one first."""

PRUNED = "pruned"
"""Status of trials that a rule ended by how they trained, which says something of their method."""

FAILED = "failed"
"""Status of trials that ended without a result, by whatever it was that failed."""

WITHOUT_RESULT = frozenset({FAILED, PRUNED})
"""Statuses of trials that have ended and left nothing to measure."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One method beside another on one front, seed by seed."""

    front: str
    methods: tuple[str, str]
    cells: tuple[int, int]  # of each; of the seed with fewest, where seeds differ
    chosen: int  # cells that a random subset has; the smaller number of cells
    seeds: tuple[int, ...]  # that take part
    left_out: tuple[int, ...]  # seeds of either that do not: trials missing or under way
    heights: tuple[tuple[float, ...], tuple[float, ...]]
    """Mean of what each method attains over the acceptable sacrifices, by seed."""

    without_result: tuple[str, ...]  # methods all of whose trials that take part failed
    failed: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    """Seeds that take part in which a trial of each method failed: its cell holds nothing there."""

    @property
    def by_seed(self) -> npt.NDArray[np.float64]:
        """Differences (seeds,) of the heights, above 0 where the first method is better."""
        return np.subtract(*self.heights)

    @property
    def mean(self) -> float | None:
        """Mean difference; None without a seed."""
        return float(self.by_seed.mean()) if self.seeds else None

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return the t interval of the mean difference; None with fewer than `LEAST_SEEDS`, whose
        differences are points and no more, and where nothing is held that could differ, or all
        trials of one failed."""
        if len(self.seeds) < LEAST_SEEDS or self.is_empty or self.without_result:
            return None
        return mean_interval(self.by_seed, level)

    @property
    def is_empty(self) -> bool:
        """Whether neither method holds anything in any seed."""
        return not np.any(self.heights)


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A primary contrast: a difference that was named beforehand, with its test."""

    difference: Difference
    p: float | None  # None: not tested, as with no seed
    adjusted_p: float | None  # after Holm over all primary contrasts
    judgement: Judgement | None  # None: nothing is tested, as on other images than test ones


@dataclass(frozen=True, kw_only=True)
class Contrasts:
    """What is said of a table's methods beside each other."""

    margin: float
    largest_sacrifice: float
    primary: tuple[Contrast, ...]  # on the strict front
    others: tuple[Difference, ...]  # all else, on both fronts: intervals, and no test
    best_other: str | None  # the method that was the best other; None: not asked for, or not known
    without_best_other: tuple[str, ...]  # methods whose best other is asked for and not known
    chosen_on: str  # images on which the best other was chosen, such as `test`


class Heights:
    """Hypervolumes over the largest acceptable sacrifice, of the methods of a table by seed."""

    def __init__(self, table: pd.DataFrame, front: str, *, largest_sacrifice: float) -> None:
        """Measure each method's cells, on one of `FRONTS`; every seed once for all subsets.

        Args:
            table: with `method`, `seed`, `status` and the front's objectives.
        """
        objectives = FRONTS[front]
        reference = minimised([0.0, largest_sacrifice], objectives)
        has_part = takes_part(table, objectives, keep_collapsed=False).to_numpy()
        has_result = is_measured(table, objectives).to_numpy()
        has_ended = has_result
        has_failed = np.zeros(len(table), dtype=bool)
        if "status" in table:
            has_ended = has_result | table["status"].isin(WITHOUT_RESULT).to_numpy()
            has_result = has_result | (table["status"] == PRUNED).to_numpy()
            has_failed = (table["status"] == FAILED).to_numpy()
        points = minimised(table, objectives)
        sacrifice = [objective.name for objective in objectives].index("sacrificed_accuracy")
        points[:, sacrifice] = np.maximum(points[:, sacrifice], 0.0)
        self.front = front
        self._by_method: dict[str, dict[int, npt.NDArray[np.float64]]] = {}
        self._all_seeds: dict[str, set[int]] = {}
        self._measured: dict[str, set[int]] = {}  # of which a trial has a result, or was pruned
        self._failed: dict[str, set[int]] = {}  # seeds of which a trial failed
        places: dict[tuple[str, int], list[int]] = {}
        named = zip(table["method"], table["seed"], strict=True)
        for at, (method, seed) in enumerate(named):
            if not (pd.isna(method) or pd.isna(seed)):
                places.setdefault((str(method), int(seed)), []).append(at)
        for (method, seed), rows in places.items():
            self._all_seeds.setdefault(method, set()).add(seed)
            if has_result[rows].any():
                self._measured.setdefault(method, set()).add(seed)
            if has_failed[rows].any():
                self._failed.setdefault(method, set()).add(seed)
            if not has_ended[rows].all():
                continue
            inside = points[rows][has_part[rows]]
            volumes = np.zeros(len(rows) + 1)  # a cell without a point is a cell
            volumes[: len(inside) + 1] = volume_by_count(inside, reference) / largest_sacrifice
            self._by_method.setdefault(method, {})[seed] = volumes

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in alphabetical order."""
        return sorted(self._all_seeds)

    def seeds(self, method: str) -> set[int]:
        """Return the seeds of which all trials of a method have ended."""
        return set(self._by_method.get(method, {}))

    def cells(self, method: str, seeds: Iterable[int]) -> int:
        """Return a method's number of cells, in the seed that has fewest; 0 without a seed."""
        return min((len(self._by_method[method][seed]) - 1 for seed in seeds), default=0)

    def of(self, method: str, seeds: Iterable[int], *, chosen: int) -> tuple[float, ...]:
        """Return the mean height of `chosen` random cells of a method, by seed."""
        found = (self._by_method[method][seed] for seed in seeds)
        return tuple(float(each @ covered_by_random(len(each) - 1, chosen)) for each in found)

    def difference(self, first: str, second: str, other: Heights | None = None) -> Difference:
        """Compare two methods over the seeds that both have, the second one's from another table
        where it is given."""
        theirs = self if other is None else other
        seeds = sorted(self.seeds(first) & theirs.seeds(second))
        every = self._all_seeds.get(first, set()) | theirs._all_seeds.get(second, set())
        cells = self.cells(first, seeds), theirs.cells(second, seeds)
        chosen = min(cells)
        return Difference(
            front=self.front,
            methods=(first, second),
            cells=cells,
            chosen=chosen,
            seeds=tuple(seeds),
            left_out=tuple(sorted(every - set(seeds))),
            heights=(
                self.of(first, seeds, chosen=chosen),
                theirs.of(second, seeds, chosen=chosen),
            ),
            failed=(self._failed_among(first, seeds), theirs._failed_among(second, seeds)),
            without_result=tuple(
                method
                for method, heights in ((first, self), (second, theirs))
                if seeds and not heights._measured.get(method, set()) & set(seeds)
            ),
        )

    def _failed_among(self, method: str, seeds: Iterable[int]) -> tuple[int, ...]:
        return tuple(sorted(self._failed.get(method, set()) & set(seeds)))

    def best(self, methods: Iterable[str]) -> str | None:
        """Return the method of the greatest mean height, all with as many random cells as the one
        with fewest; None where no seed is whole in any."""
        known = [method for method in methods if self.seeds(method)]
        if not known:
            return None
        chosen = min(self.cells(method, self.seeds(method)) for method in known)

        def height(method: str) -> float:
            return float(np.mean(self.of(method, self.seeds(method), chosen=chosen)))

        return max(known, key=height)


def contrasted(
    table: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str | None]],
    margin: float,
    largest_sacrifice: float,
    choosing: pd.DataFrame,
    controls: Collection[str],
    reference: str,
    is_complete: bool,
) -> Contrasts:
    """Test the primary contrasts of a table of trials, and measure all other differences.

    Numbers of other images than test ones are those that choices are made by: their differences are
    measured, and nothing is tested. Nor is it while trials are left to do, however far their table
    shows test numbers: whoever looks again and again finds a difference in the end.

    Args:
        pairs: the primary ones by methods' labels; the second is None for the method that does
            best of those that are in no pair.
        margin: accuracy within which a difference does not matter, stated beforehand.
        choosing: table of the same trials on the images by which the best other is chosen.
        controls: methods that the best other is not chosen among.
        reference: the method that scores are taken against, which is compared only if named.
        is_complete: whether nothing is left to do of these trials.
    """
    heights = {
        front: Heights(table, front, largest_sacrifice=largest_sacrifice) for front in FRONTS
    }
    named = {method for pair in pairs for method in pair}
    best = None
    if None in named:
        others = [it for it in heights[STRICT].methods if it not in {*named, *controls, reference}]
        measured = Heights(choosing, STRICT, largest_sacrifice=largest_sacrifice)
        best = measured.best(others)
    known = [(first, best if second is None else second) for first, second in pairs]
    resolved = [(first, second) for first, second in known if second is not None]
    differences = [heights[STRICT].difference(first, second) for first, second in resolved]
    is_tested = is_complete and split_of(table) == "test"
    p_values = [_p(it) if is_tested else None for it in differences]
    tried = [1.0 if p is None else p for p in p_values]
    tried += [1.0] * (len(pairs) - len(tried))  # the family is as it was named
    primary = tuple(
        Contrast(
            difference=it,
            p=p,
            adjusted_p=None if p is None else adjusted,
            judgement=_judged(it, p, adjusted, margin=margin) if is_tested else None,
        )
        for it, p, adjusted in zip(differences, p_values, holm(tried), strict=False)
    )
    rest = _all_pairs(heights, resolved, reference=reference)
    return Contrasts(
        margin=margin,
        largest_sacrifice=largest_sacrifice,
        primary=primary,
        others=tuple(rest),
        best_other=best,
        without_best_other=tuple(first for first, second in known if second is None),
        chosen_on=split_of(choosing),
    )


def split_of(table: pd.DataFrame) -> str:
    """Name the images that a table's numbers stand on, such as `test`; empty: it does not say."""
    if "split" not in table:
        return ""
    return " and ".join(sorted(map(str, table["split"].dropna().unique())))


def _p(difference: Difference) -> float | None:
    is_tested = 1 <= len(difference.seeds) <= MOST_SEEDS
    return sign_flip_p(difference.by_seed) if is_tested else None


def _judged(
    difference: Difference, p: float | None, adjusted: float, *, margin: float
) -> Judgement:
    if p is None and difference.seeds:
        why = f"signs of more than {MOST_SEEDS} seeds are not flipped"
        return Judgement(verdict=Verdict.UNDECIDED, why=why)
    if difference.without_result:
        who = " and ".join(difference.without_result)
        why = f"no trial of {who} came to a result: all failed, which tells nothing of a method"
        return Judgement(verdict=Verdict.UNDECIDED, why=why)
    if difference.seeds and difference.is_empty:
        why = "neither holds anything: no model within the sacrifice beats a constant classifier"
        return Judgement(verdict=Verdict.UNDECIDED, why=why)
    return judged(difference.by_seed, adjusted_p=adjusted, margin=margin)


def _all_pairs(
    heights: Mapping[str, Heights], primary: Iterable[tuple[str, str]], *, reference: str
) -> Iterator[Difference]:
    """Yield the primary pairs on the other fronts, then each pair that is not primary on all."""
    for front, of_front in heights.items():
        if front != STRICT:
            yield from (of_front.difference(*pair) for pair in primary)
    met = [set(pair) for pair in primary]
    for pair in combinations(heights[STRICT].methods, 2):
        if reference not in pair and set(pair) not in met:
            yield from (of_front.difference(*pair) for of_front in heights.values())
