"""A model that was picked, for people and as values of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.results.choice import SHOWN_LATER
from orchestrator.results.images import FEWEST_TO_PICK_BY
from orchestrator.results.model_numbers import Numbers, Spread
from orchestrator.results.picked import RESAMPLES, Picked
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.table.columns import is_fraction
from trainer.card import WEIGHTS
from trainer.evaluation.intervals import LEVEL
from trainer.terminal.table import Column


def rule_words(picked: Picked) -> str:
    """Say by what a cell was picked: the preference, then the limits."""
    rule = picked.rule
    if rule.shares is None:
        said = "the knee of the front" if not rule.limits else "the knee's rule"
    else:
        shares = zip(picked.values, rule.shares, strict=True)
        said = "the shares " + ", ".join(f"{name}={share:g}" for name, share in shares)
    limits = " and ".join(map(str, rule.limits))
    return f"{said}, with {limits}" if limits else said


def lines(spec: SweepSpec, picked: Picked) -> Iterator[tuple[str, str]]:
    """Yield what was picked, for people: what each line is about, and what it says. The numbers
    are a table of their own."""
    yield "model", f"{picked.planned.id}: {picked.cell} seed={picked.planned.trial.seed}"
    yield "picked", _picked(picked)
    yield "sure", sureness_words(picked)
    if picked.runner_up is not None:
        yield "runner-up", f"{picked.runner_up}: {_values(picked.runner_up_values)}"
    yield "training", _training(picked)
    yield from _standing(picked)
    yield from _weights(spec, picked)


def _picked(picked: Picked) -> str:
    images = "" if picked.chosen.images is None else f"{picked.chosen.images:,} "
    kind = "images that pick" if picked.chosen.selection == "validation" else "images"
    of_all = "" if picked.among == picked.cells else f" of {picked.cells}"
    within = f", {picked.within} within the limits" if picked.rule.limits else ""
    return (
        f"by {rule_words(picked)}, on {images}{picked.chosen.selection} {kind}, among "
        f"{picked.among}{of_all} cells{within}: {_values({**picked.values, **picked.limited})}"
    )


def sureness_words(picked: Picked) -> str:
    """Say how often resampling makes the same choice."""
    it = picked.sureness
    if it.share is None:
        return f"not known: {it.why}"
    said = f"the same cell in {_share(it.share)} of {RESAMPLES:,} resamples of {it.over}"
    said += f", the runner-up in {_share(it.runner_up)}" if it.runner_up is not None else ""
    said += f", none in {_share(it.none)}" if it.none else ""
    return f"{said} ({it.why})" if it.why else said


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _training(picked: Picked) -> str:
    its = "its fresh trainings" if picked.is_fresh else "its trainings"
    said = (
        f"the median of {picked.trainings} of {its} on the images that pick, not the luckiest"
        if picked.trainings > 1
        else f"the only one of {its} that can be taken"
    )
    if picked.collapsed:
        said += f"; {picked.collapsed} more collapsed"
    if picked.fresh_collapsed:
        said += "; of its fresh trainings all have collapsed: do not rely on it"
    elif picked.confirmed is not None and not picked.is_fresh:
        is_over = picked.confirmed.is_complete
        why = "its cell was not kept" if is_over else picked.confirmed.progress
        said += f"; not confirmed by fresh seeds: {why}"
    return said


def _standing(picked: Picked) -> Iterator[tuple[str, str]]:
    """Yield what the numbers stand on, and how far to believe them."""
    it = picked.numbers
    said = f"of {it.images:,} {it.split} images"
    if it.split == picked.chosen.selection:
        said += ", which also chose: optimistic"
    if picked.is_held_back:
        said += f"; {SHOWN_LATER}"
    yield "numbers", said
    level = f"{100 * LEVEL:g} %"
    over = f"{level}, of the mean over {it.over}" if it.over else "of the mean none"
    yield "intervals", f"{over}{f' ({it.why})' if it.why else ''}; of this model over images alone"
    if not picked.chosen.is_reliable:
        yield "", f"picks by fewer than {FEWEST_TO_PICK_BY:,} images are unreliable"
    chosen = picked.confirmed if picked.is_fresh else picked.chosen
    if chosen is not None and chosen.shown_before is not None:
        yield "exploratory", f"test numbers were shown on {chosen.shown_before}, before this choice"


def _weights(spec: SweepSpec, picked: Picked) -> Iterator[tuple[str, str]]:
    it, path = picked.weights, picked.weights.path(spec)
    which = "" if it.best_epoch is None else f" (the best, of epoch {it.best_epoch})"
    if path is None:
        yield "weights", f"were given up to save room; {it.remedy(spec)}"
        return
    yield "weights", f"{path}{which}"
    if (line := loading_line(spec, picked)) is not None:
        yield "load", line
    else:
        yield "load", "copy it first: --copy FOLDER"


def loading_line(spec: SweepSpec, picked: Picked) -> str | None:
    """Write the line of Python that loads the model; None where its file is in no folder here."""
    path = picked.weights.path(spec)
    if path is None or "://" in path:
        return None
    return f"import trainer; model = trainer.load({path.removesuffix(f'/{WEIGHTS}')!r})"


def numbers_table(numbers: Numbers) -> list[Column]:
    """Lay out the numbers of the model and of its cell as a table for people."""
    several = len(numbers.seeds) > 1
    names = list(numbers.model)
    columns = [
        Column(name="per cent", cells=names, importance=9, is_label=True, stays=True),
        _column("this model", [numbers.model[it] for it in names], importance=8),
    ]
    if several:
        title = f"mean over {len(numbers.seeds)} seeds"
        columns.append(_column(title, [numbers.cell[it] for it in names], importance=7))
    return columns


def _column(name: str, numbers: list[Spread], *, importance: int) -> Column:
    return Column(name=name, cells=list(map(_percent, numbers)), importance=importance, stays=True)


def _percent(it: Spread) -> str:
    if it.low is None or it.high is None:
        return f"{100 * it.value:.1f}"
    return f"{100 * it.value:.1f} ({100 * it.low:.1f} to {100 * it.high:.1f})"


def _values(values: Mapping[str, float]) -> str:
    return ", ".join(
        f"{name} {100 * value:.1f} %" if is_fraction(name) else f"{name} {value:.6g}"
        for name, value in values.items()
    )


def picked_record(spec: SweepSpec, picked: Picked) -> dict[str, Any]:
    """Return all of it as values of JSON."""
    rule, it = picked.rule, picked.sureness
    other = picked.runner_up
    return {
        "trial_id": picked.planned.id,
        "seed": picked.planned.trial.seed,
        "cell": picked.cell.record()
        | {"objectives": dict(picked.values), "limited": dict(picked.limited)},
        "rule": {
            "words": rule_words(picked),
            "preference": "knee"
            if rule.shares is None
            else dict(zip(picked.values, rule.shares, strict=True)),
            "limits": [
                {"column": each.column, "at_most" if each.is_at_most else "at_least": each.bound}
                for each in rule.limits
            ],
        },
        "chosen": {
            **picked.chosen.record(),
            "cells": picked.cells,
            "among": picked.among,
            "within": picked.within,
        },
        "sureness": {
            "share": it.share,
            "runner_up": it.runner_up,
            "none": it.none,
            "resamples": None if it.share is None else RESAMPLES,
            "over": it.over or None,
            "lacking": it.why or None,
        },
        "runner_up": None
        if other is None
        else other.record() | {"objectives": dict(picked.runner_up_values)},
        "training": {
            "median_of": picked.trainings,
            "collapsed": picked.collapsed,
            "is_fresh": picked.is_fresh,
            "all_fresh_collapsed": picked.fresh_collapsed,
        },
        "confirmation": None if picked.confirmed is None else picked.confirmed.record(),
        "numbers": picked.numbers.record() | {"is_held_back": picked.is_held_back},
        "weights": {
            "file": picked.weights.path(spec),
            "of": picked.weights.weights,
            "best_epoch": picked.weights.best_epoch,
            "load": loading_line(spec, picked),
            "remedy": None if picked.weights.name is not None else picked.weights.remedy(spec),
        },
    }
