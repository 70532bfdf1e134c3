"""Comparisons of a sweep's methods as files and in lines: what differs, by how much, and what it
stands on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.pareto.contrasts import (
    FRONTS,
    Contrast,
    Contrasts,
    Difference,
    contrasted,
    split_of,
)
from orchestrator.pareto.sign_flips import MOST_SEEDS, smallest_p
from orchestrator.pareto.surroundings import Surroundings, surroundings
from orchestrator.pareto.verdicts import LEAST_SEEDS, SIGNIFICANCE
from orchestrator.results.reevaluation import Coverage
from orchestrator.results.table_files import write_csv
from orchestrator.table.best_weights import standing_on
from orchestrator.table.columns import WeightsName
from trainer.terminal.json_text import json_text

CONTRAST_FILES = ("contrasts.json", "contrasts.csv")

UNIT = "accuracy: the hypervolume over the largest acceptable sacrifice"
MODELS = "the sweep's own models, by which settings were also chosen"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A sweep's methods beside each other, and what that stands on."""

    contrasts: Contrasts
    surroundings: tuple[tuple[str, Surroundings], ...]  # by front, of the first pair's method
    suite: str  # under which the models were attacked, in words
    is_claim_suite: bool
    models: str  # that the numbers are of, in words
    is_confirmed: bool  # whether they were trained after their cells were chosen, all of them
    split: str  # images that the numbers stand on
    is_exploratory: bool  # whether test numbers were shown before the contrasts were named
    is_complete: bool  # whether nothing is left to do of the models' trials
    weights: WeightsName = "last"  # of the models

    @property
    def doubts(self) -> list[str]:
        """Why no claim is made; nothing where one is."""
        found = [] if self.is_claim_suite else ["the suite is no claim suite"]
        found += [] if self.is_confirmed else ["the models are not confirmed"]
        found += ["test numbers were shown before"] if self.is_exploratory else []
        is_tested = any(contrast.judgement is not None for contrast in self.contrasts.primary)
        return found if is_tested else [*found, self.untested]

    @property
    def untested(self) -> str:
        """Why no difference is tested, where none is."""
        if self.split == "test" and not self.is_complete:
            return "nothing is tested until no trial is left to do"
        return f"nothing is tested on {self.split or 'no'} images"

    def record(self) -> dict[str, Any]:
        """Return all of it as values of JSON, as `contrasts.json` has it."""
        found = self.contrasts
        best = {"method": found.best_other, "chosen_on": found.chosen_on}
        return {
            "unit": UNIT,
            "margin": found.margin,
            "largest_sacrifice": found.largest_sacrifice,
            "stands_on": {
                "models": self.models,
                "is_confirmed": self.is_confirmed,
                "weights": self.weights,
                "images": self.split,
                "suite": self.suite,
                "is_claim_suite": self.is_claim_suite,
                "is_exploratory": self.is_exploratory,
                "is_complete": self.is_complete,
                "is_claim": not self.doubts,
            },
            "best_other": best if found.best_other is not None else None,
            "without_best_other": list(found.without_best_other),
            "primary": [_tested(contrast, self.untested) for contrast in found.primary],
            "others": [difference_record(difference) for difference in found.others],
            "surroundings": [
                {
                    "front": front,
                    "method": it.method,
                    "dominated": it.dominated,
                    "dominating": it.dominating,
                    "beside": it.beside,
                    "left_out": it.left_out,
                    "own_front": it.own,
                    "all_dominated": it.all_dominated,
                }
                for front, it in self.surroundings
            ],
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the primary contrasts for people, and what they stand on: titles and sentences,
        none where no contrast is named."""
        found = self.contrasts
        for contrast in found.primary:
            yield "contrast", self._sentence(contrast)
        for method in found.without_best_other:
            why = f"no other has all trials of a seed on {found.chosen_on or 'its'} images"
            yield "contrast", f"{method} against the best other: not known, for {why}"
        if not found.primary:
            return
        sacrifice = f"{100 * found.largest_sacrifice:g}"
        yield "", f"in points of union accuracy, the mean over sacrifices up to {sacrifice} points"
        best = " (their best weights)" if self.weights == "best" else ""
        yield "", f"under {self.suite}, on {self.split or 'unnamed'} images and {self.models}{best}"
        doubts = ", ".join(self.doubts)
        yield "", f"so no claim is made: {doubts}" if doubts else "so the verdicts are claims"
        for front, it in self.surroundings:
            if of_all := it.dominated + it.dominating + it.beside:
                said = (
                    f"{it.dominated} of {of_all} are dominated by {it.method}'s, {it.dominating} "
                    f"dominate one of its front, {it.beside} lie beside it"
                    if it.own
                    else f"there are {of_all}, and none of {it.method}"
                )
                more = f"; {it.left_out} more lack a seed or hold nothing" if it.left_out else ""
                yield "other cells", f"on the {front} front {said}{more}"

    def _sentence(self, contrast: Contrast) -> str:
        """Write `pareto - average: +1.2 points (95 %: 0.4 to 2.0), 8 seeds, p ...: better`."""
        it = contrast.difference
        second = it.methods[1]
        if second == self.contrasts.best_other:
            second = f"{second}, the best other on {self.contrasts.chosen_on or 'its'} images"
        said = [f"{it.methods[0]} against {second}: {difference_text(it)}"]
        if contrast.p is not None and contrast.adjusted_p is not None:
            said.append(f"p {contrast.p:.3g}, {contrast.adjusted_p:.3g} after Holm")
        verdict = contrast.judgement
        if verdict is None:
            return f"{', '.join(said)}; {self.untested}"
        return f"{', '.join(said)}: {verdict.verdict} ({verdict.why})"


def compared(
    table: pd.DataFrame,
    *,
    pairs: Sequence[tuple[str, str | None]],
    margin: float,
    largest_sacrifice: float,
    choosing: pd.DataFrame,
    controls: Collection[str],
    reference: str,
    covered: Coverage | None,
    models: str = MODELS,
    is_confirmed: bool = False,
    is_claim_suite: bool,
    is_exploratory: bool,
    is_complete: bool,
    weights: WeightsName = "last",
) -> Comparison:
    """Compare the methods of a sweep's table, the primary pairs with tests.

    Args:
        pairs, margin, largest_sacrifice, choosing, controls, reference: as
            `orchestrator.pareto.contrasts.contrasted` takes them.
        covered: what is covered under another suite than the sweep's own; None under its own.
        models: what the table's are, in words.
        is_confirmed: whether all of them were trained after their cells were chosen.
        is_claim_suite: whether the suite says that it is strong enough for claims.
        is_exploratory: whether test numbers were shown before the contrasts were named.
        is_complete: whether nothing is left to do of the table's trials; nothing is tested before.
        weights: those whose columns of both tables are compared.
    """
    table, choosing = standing_on(table, weights), standing_on(choosing, weights)
    found = contrasted(
        table,
        pairs=pairs,
        margin=margin,
        largest_sacrifice=largest_sacrifice,
        choosing=choosing,
        controls=controls,
        reference=reference,
        is_complete=is_complete,
    )
    subjects = [first for first, _ in pairs[:1]]
    around = [
        (front, surroundings(table, subject, objectives, reference=reference))
        for subject in subjects
        for front, objectives in FRONTS.items()
    ]
    kind = "claim suite" if is_claim_suite else "suite"
    suite = f"the sweep's own {kind}" if covered is None else f"the {kind} {covered.suite_file}"
    if not is_claim_suite:
        suite += ", which is no claim suite"
    return Comparison(
        contrasts=found,
        surroundings=tuple(around),
        suite=suite,
        models=models,
        is_confirmed=is_confirmed,
        is_claim_suite=is_claim_suite,
        split=split_of(table),
        is_exploratory=is_exploratory,
        is_complete=is_complete,
        weights=weights,
    )


def write_contrasts(found: Comparison, directory: Path) -> list[Path]:
    """Write `CONTRAST_FILES` into a folder that is there, and return their paths."""
    paths = [directory / name for name in CONTRAST_FILES]
    paths[0].write_text(f"{json_text(found.record())}\n", encoding="utf-8")
    rows = [_tested(contrast, found.untested) for contrast in found.contrasts.primary]
    rows += map(difference_record, found.contrasts.others)
    write_csv(pd.DataFrame(list(map(_row, rows)), columns=_COLUMNS), paths[1])
    return paths


def difference_text(difference: Difference) -> str:
    """Write a difference in points, with its interval, seeds and cells."""
    it = difference
    if it.mean is None:
        return "no seed of which both have all trials"
    said = f"{100 * it.mean:+.2f} points"
    if it.is_empty:
        said = "both hold nothing"
    elif (interval := it.interval(0.95)) is not None:
        low, high = (f"{100 * end:+.2f}" for end in interval)
        said += f" (95 %: {low} to {high})"
    elif len(it.seeds) > 1:
        said += f" (by seed {', '.join(f'{100 * each:+.2f}' for each in it.by_seed)})"
    said += f", {len(it.seeds)} seed{'s' * (len(it.seeds) != 1)}"
    if it.cells[0] != it.cells[1]:
        said += f", {it.chosen} random of {it.cells[0]} and {it.cells[1]} cells"
    for method, failed in zip(it.methods, it.failed, strict=True):
        if failed:
            said += (
                f", in {len(failed)} of which a trial of {method} failed (it holds nothing there)"
            )
    return said


def reach_record(pairs: Sequence[tuple[str, str | None]], seeds: int) -> dict[str, Any]:
    """Say what the exact test of primary contrasts can reach with so many seeds, before any is
    trained.

    `smallest_adjusted_p` is the smallest p after Holm, where every contrast has the smallest;
    `seeds_needed` the fewest seeds with which it could make a claim.
    """
    family = max(1, len(pairs))
    needed = LEAST_SEEDS
    while family * smallest_p(needed) >= SIGNIFICANCE:
        needed += 1
    reached = smallest_p(seeds) if seeds <= MOST_SEEDS else 1.0
    return {
        "pairs": [[first, second] for first, second in pairs],
        "seeds": seeds,
        "smallest_p": reached,
        "smallest_adjusted_p": min(1.0, family * reached),
        "seeds_needed": needed,
    }


def reach_text(pairs: Sequence[tuple[str, str | None]], seeds: int) -> str:
    """Say the same for people; empty where no contrast is named."""
    if not pairs:
        return ""
    named = ", ".join(f"{a} against {'the best other' if b is None else b}" for a, b in pairs)
    reach = reach_record(pairs, seeds)
    said = (
        f"{named}; with {seeds} seed{'s' * (seeds != 1)} p can reach {reach['smallest_p']:.3g}, "
        f"{reach['smallest_adjusted_p']:.3g} after Holm"
    )
    if seeds > MOST_SEEDS:
        return f"{named}; with {seeds} seeds nothing is tested, which takes {MOST_SEEDS} at most"
    if seeds >= reach["seeds_needed"]:
        return said
    return f"{said}: never a claim that one is better, which takes {reach['seeds_needed']} seeds"


_COLUMNS = [
    *("front", "method", "other", "is_primary", "cells", "other_cells", "random_cells", "seeds"),
    *(
        "left_out",
        "failed",
        "other_failed",
        "mean",
        "low_90",
        "high_90",
        "low_95",
        "high_95",
        "p",
        "adjusted_p",
    ),
    *("verdict", "why"),
]


def difference_record(difference: Difference) -> dict[str, Any]:
    """Return a difference as values of JSON."""
    it = difference
    return {
        "front": it.front,
        "objectives": [objective.name for objective in FRONTS[it.front]],
        "methods": list(it.methods),
        "cells": list(it.cells),
        "random_cells": it.chosen,
        "seeds": list(it.seeds),
        "seeds_left_out": list(it.left_out),
        "seeds_with_failures": [list(failed) for failed in it.failed],
        "heights": [list(heights) for heights in it.heights],
        "differences": it.by_seed.tolist(),
        "mean": it.mean,
        "interval_90": it.interval(0.9),
        "interval_95": it.interval(0.95),
    }


def _tested(contrast: Contrast, untested: str) -> dict[str, Any]:
    found = contrast.judgement
    return {
        **difference_record(contrast.difference),
        "p": contrast.p,
        "adjusted_p": contrast.adjusted_p,
        "verdict": None if found is None else str(found.verdict),
        "why": untested if found is None else found.why,
    }


def _row(record: dict[str, Any]) -> dict[str, Any]:
    """Return a row of `contrasts.csv`."""
    low_90, high_90 = record["interval_90"] or (None, None)
    low_95, high_95 = record["interval_95"] or (None, None)
    return {
        "front": record["front"],
        "method": record["methods"][0],
        "other": record["methods"][1],
        "is_primary": "verdict" in record,
        "cells": record["cells"][0],
        "other_cells": record["cells"][1],
        "random_cells": record["random_cells"],
        "seeds": len(record["seeds"]),
        "left_out": len(record["seeds_left_out"]),
        "failed": len(record["seeds_with_failures"][0]),
        "other_failed": len(record["seeds_with_failures"][1]),
        "mean": record["mean"],
        "low_90": low_90,
        "high_90": high_90,
        "low_95": low_95,
        "high_95": high_95,
        "p": record.get("p"),
        "adjusted_p": record.get("adjusted_p"),
        "verdict": record.get("verdict"),
        "why": record.get("why"),
    }
