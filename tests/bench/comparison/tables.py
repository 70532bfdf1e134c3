"""What `docs/comparison.md` says in numbers, as Markdown: each part from a recorded sweep alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from orchestrator.pareto.contrasts import FRONTS, PAPER, STRICT, Difference, Heights
from orchestrator.pareto.front import cells, settings_columns, settings_of
from orchestrator.pareto.surroundings import surroundings
from orchestrator.report.contrasts import difference_text
from orchestrator.spec.space import REFERENCE
from orchestrator.table.setting_values import named_value
from tests.bench.comparison.picks import picks
from tests.bench.comparison.replanned import Recorded

SUBJECT = "pareto"

NAMES = {STRICT: "Strict front", PAPER: "Paper's front"}

KEPT = 2
"""Cells of a method that are trained anew."""

CONTROLS = {
    "weighted": "fixed weights: do weights need to adapt?",
    "constant": "the mean of another seed's weights, at every step: does their course matter?",
    "replayed": "another seed's weights, step by step: must they follow the run's own losses?",
    "means": "its own problem without second moments: do these add anything?",
    "average": "equal weights on the attacks, a fixed one on clean images",
}
"""Controls of Pareto training, and what each asks."""


def facts(found: Recorded) -> Iterator[str]:
    """Yield what was run, as items of a list."""
    trials = [it for it in found.recording.trials if it.status == "done"]
    results = [it.result for it in trials if it.result is not None]
    measured = [
        each.record for it in trials for each in (it.on_suite, it.on_validation) if each is not None
    ]
    trial = found.plan.trials[0].trial
    whole = len(found.plan.trials)
    labels = dict.fromkeys(it.method for it in found.plan.trials)
    grid = {(it.method, str(sorted(it.settings.items()))) for it in found.plan.trials}
    seeds = dict.fromkeys(it.trial.seed for it in found.plan.trials)
    missing = ", ".join(f"{count} {status}" for status, count in found.recording.missing.items())
    yield (
        f"{len(trials)} of {whole} trials: {len(labels)} methods and controls, {len(grid)} cells, "
        f"seeds {', '.join(map(str, seeds))}; missing: {missing or 'none'}"
    )
    picking = int((~found.recording.steers).sum())
    tested = next((it.on_suite.record.examples for it in trials if it.on_suite), 0)
    yield (
        f"{trial.data.name}, the `{trial.model.name}` network, {trial.training.epochs} epochs; "
        f"{tested} test images, {picking} validation images that pick"
    )
    trained, attacked = sum(it.seconds for it in results), sum(it.seconds for it in measured)
    yield (
        f"hours of one core: {trained / 3600:.1f} of training, {attacked / 3600:.1f} of "
        f"evaluation; other work ran beside it, so that these are no measure of speed"
    )
    places = dict.fromkeys(
        f"Python {it.provenance.python}, PyTorch {it.provenance.torch}, {it.provenance.device}, "
        f"{it.provenance.threads} thread{'s' * (it.provenance.threads != 1)} a trial"
        for it in results
    )
    yield f"{'; '.join(places)}; commit {found.recording.commit}"


def headline(found: Recorded) -> Iterator[str]:
    """Yield who holds most on each front, where Pareto training stands, and what lies around it."""
    largest = found.spec.contrasts.largest_sacrifice
    for front, objectives in FRONTS.items():
        heights = Heights(found.table, front, largest_sacrifice=largest)
        means = {
            method: _mean(heights, method)
            for method in heights.methods
            if method != REFERENCE and heights.seeds(method)
        }
        ranked = sorted(means, key=lambda method: -means[method])
        first = ", ".join(f"{method} {points(means[method])}" for method in ranked[:3])
        around = surroundings(found.table, SUBJECT, objectives, reference=REFERENCE)
        of_all = around.dominated + around.dominating + around.beside
        yield (
            f"{NAMES[front]}: highest are {first}; {SUBJECT} has {points(means[SUBJECT])}, place "
            f"{ranked.index(SUBJECT) + 1} of {len(ranked)}. Of {of_all} cells of other methods its "
            f"own dominate {around.dominated}, {around.dominating} dominate one of its front, "
            f"{around.beside} lie beside it"
            + (f"; {around.left_out} more lack a seed or hold nothing" if around.left_out else "")
        )


def methods_table(found: Recorded) -> str:
    """One row a method, the highest on the strict front first."""
    largest = found.spec.contrasts.largest_sacrifice
    strict, paper = (Heights(found.table, it, largest_sacrifice=largest) for it in FRONTS)
    every = [it for it in strict.methods if it != REFERENCE and strict.seeds(it)]
    rows = []
    for method in every:
        seeds = sorted(strict.seeds(method))
        chosen = strict.cells(method, seeds)
        heights = strict.of(method, seeds, chosen=chosen)
        mean = sum(heights) / len(heights)
        difference = strict.difference(SUBJECT, method)
        of_it = found.table[found.table["method"] == method]
        rows.append(
            (
                -mean,
                method,
                points(mean),
                _by_seed(heights),
                points(_mean(paper, method)),
                "" if method == SUBJECT else _with_interval(difference),
                f"{of_it['training_passes'].mean() / 1000:.0f}",
            )
        )
    headings = [
        "method",
        "strict height",
        "by seed, or range",
        "paper's height",
        f"{SUBJECT} minus it, strict (95 %)",
        "thousand passes a trial",
    ]
    return markdown(headings, [row[1:] for row in sorted(rows)], words=1)


def controls_table(found: Recorded) -> str:
    """Pareto training against each of its controls, on both fronts."""
    largest = found.spec.contrasts.largest_sacrifice
    strict, paper = (Heights(found.table, it, largest_sacrifice=largest) for it in FRONTS)
    rows = [
        (
            f"{method}: {what}",
            difference_text(strict.difference(SUBJECT, method)),
            difference_text(paper.difference(SUBJECT, method)),
        )
        for method, what in CONTROLS.items()
        if strict.seeds(method)
    ]
    return markdown([f"{SUBJECT} against", "strict front", "paper's front"], rows, words=3)


def contrasts_list(found: Recorded) -> Iterator[str]:
    """Yield the primary contrasts with their verdicts, and where the other cells lie."""
    for title, said in found.comparison().lines():
        if title:
            yield f"{said[0].upper()}{said[1:]}."


def outcome(found: Recorded) -> str:
    """What fresh seeds say: contrasts and heights on the test images once the sweep is complete;
    before that, points on the validation images that pick, and no verdict."""
    if found.is_complete and found.is_on_test:
        verdicts = "\n".join(f"- {said}" for said in contrasts_list(found))
        return f"{verdicts}\n\n{methods_table(found)}"
    by_seed: dict[int, list[str]] = {}
    for it in found.plan.trials:
        by_seed.setdefault(it.trial.seed, []).append(it.status)
    whole = [seed for seed, its in by_seed.items() if set(its) == {"done"}]
    stage = f"seeds whole so far {len(whole)} of {len(by_seed)}"
    if len(whole) == len(by_seed):  # others with fresh seeds are to confirm them
        stage = f"seeds {', '.join(map(str, by_seed))} are whole, fresh ones are not"
    return (
        f"**Under way: {stage}.** Points, on the "
        f"validation images that pick, of the trials that are done; the test images are not "
        f"looked at before all are, and there is no verdict.\n\n{cells_table(found)}"
    )


def picks_table(found: Recorded) -> str:
    """The cells of each method that are trained anew, and what they have of all cells' height."""
    largest = found.spec.contrasts.largest_sacrifice
    rows = []
    for pick in picks(found.validation, keep=KEPT, largest_sacrifice=largest):
        of_method = found.validation[found.validation["method"] == pick.method]
        names = _varying(of_method, list(pick.settings[0]))
        kept = [
            " ".join(named_value(name, each[name]) for name in names) or "the only one"
            for each in pick.settings
        ]
        rows.append((pick.method, "; ".join(kept), points(pick.height), points(pick.of_all)))
    return markdown(["method", "cells kept", "their height", "of all four"], rows, words=2)


def cells_table(found: Recorded) -> str:
    """One row a cell: means over seeds, in the order of the sweep file."""
    strict = cells(found.table, FRONTS[STRICT], keep_collapsed=False)
    paper = cells(found.table, FRONTS[PAPER], keep_collapsed=False)
    settings = settings_columns(found.table, found.spec.objectives)
    varying = {method: _varying(its, settings) for method, its in strict.groupby("method")}
    labels = list(dict.fromkeys(it.method for it in found.recording.trials))
    in_order = sorted(strict.index, key=lambda at: labels.index(strict["method"][at]))
    categories = list(found.spec.suite.categories)
    rows = []
    for at in in_order:
        cell = strict.loc[at]
        known = settings_of(cell, varying[cell["method"]])
        named = [named_value(key, value) for key, value in known.items()]
        is_on = [name for name, of in (("strict", strict), ("paper", paper)) if of["on_front"][at]]
        rows.append(
            (
                " ".join([str(cell["method"]), *named]),
                points(cell["natural_accuracy_mean"]),
                *(points(cell[f"worst_{it}_mean"]) for it in categories),
                _with_spread(cell["union_accuracy_mean"], cell["union_accuracy_std"]),
                points(paper["robustness_score_mean"][at]),
                points(cell["sacrificed_accuracy_mean"]),
                f"{cell['seeds']} of {cell['planned']}",
                ", ".join(is_on),
                "yes" if cell["selected"] else "",
            )
        )
    headings = ["cell", "natural", *categories, "union", "score", "sacrificed", "seeds"]
    return markdown([*headings, "on the front", "selected"], rows, words=1)


def _varying(rows: pd.DataFrame, settings: Sequence[str]) -> list[str]:
    """Name the settings in which a method's cells differ."""
    return [it for it in settings if rows[it].nunique() > 1]


def _with_spread(mean: float, deviation: float) -> str:
    return points(mean) if pd.isna(deviation) else f"{points(mean)} ± {points(deviation)}"


def markdown(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, words: int) -> str:
    """Write a table; its first columns are of words, the others of numbers, to the right."""
    rule = ["---" if at < words else "--:" for at in range(len(headings))]
    lines = [headings, rule, *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def points(fraction: float) -> str:
    """Write a fraction in percentage points; empty where there is none."""
    return "" if pd.isna(fraction) else f"{100 * fraction:.1f}".replace("-0.0", "0.0")


def _mean(heights: Heights, method: str) -> float:
    seeds = sorted(heights.seeds(method))
    found = heights.of(method, seeds, chosen=heights.cells(method, seeds))
    return sum(found) / len(found)


def _by_seed(heights: Sequence[float]) -> str:
    if len(heights) > 2:
        return f"{points(min(heights))} to {points(max(heights))}"
    return ", ".join(map(points, heights))


def _with_interval(difference: Difference) -> str:
    if difference.mean is None:
        return "no seed in common"
    said = f"{100 * difference.mean:+.1f}"
    interval = difference.interval(0.95)
    return said if interval is None else f"{said} ({_ends(interval)})"


def _ends(interval: tuple[float, float]) -> str:
    return " to ".join(f"{100 * end:+.1f}" for end in interval)
