"""What a conference's checklist asks of experiments, answered by what a sweep has on record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.costs.budget import Usage
from orchestrator.page.at_hand import AtHand
from orchestrator.page.view import Line
from orchestrator.pareto.sign_flips import MOST_SEEDS
from orchestrator.pareto.verdicts import SIGNIFICANCE
from orchestrator.terminal.units import count_text


def checklist(found: AtHand, used: Usage) -> Iterator[Line]:
    """Yield each question in a few words, and its answer.

    Args:
        used: by all starts of the sweep.
    """
    spec = found.spec
    front = found.tables[0].fronts[0].front
    sure = front.certainty
    yield "Splits", _splits(found)
    if sure is None or sure.left_out:
        why = "" if sure is None else f": {sure.left_out}"
        yield "Error bars", f"none{why}"
    else:
        yield (
            "Error bars",
            f"{100 * sure.level:g} % intervals of means over {sure.noise}, each for itself; "
            f"membership of the front is simultaneous",
        )
    cells, trials = len(front.cells), len(found.tables[0].table)
    seeds = sorted(set(found.tables[0].table["seed"].dropna()))
    yield "Number of runs", f"{trials} trials: {cells} cells, seeds {', '.join(map(str, seeds))}"
    yield "Selection", _in_one(found.chosen.lines())
    if found.confirmed is not None:
        yield "Confirmation", _in_one(found.confirmed.lines(), but="confirm")
    yield (
        "Tests",
        f"{len(spec.contrasts.pairs)} contrasts named beforehand, by exact sign flips over paired "
        f"seeds (at most {MOST_SEEDS}) with Holm's correction, at {SIGNIFICANCE:g}; equivalent "
        f"within {100 * spec.contrasts.margin:g} points by two one-sided t tests",
    )
    yield "Attacks", ", ".join((*spec.suite.seen, *(f"{it} (unseen)" for it in spec.suite.unseen)))
    passes = [
        result.passes.total
        for planned in found.plan.every
        if (result := planned.progress.result) is not None and result.passes is not None
    ]
    yield (
        "Compute",
        f"{used.hours:.3g} hours, {used.core_hours:.3g} core-hours, {used.gpu_hours:.3g} "
        f"GPU-hours over all starts; {count_text(sum(passes))} passes of single images in training",
    )
    yield "Hyperparameters", "every one stands in the specification above, defaults too"
    yield "Code", "versions and commands stand above; equal content has equal trial ids"


def _in_one(lines: Iterable[Line], *, but: str = "") -> str:
    """Write lines as one, each with what it is about, but for what the question says."""
    return "; ".join(text if about in {"", but} else f"{about}: {text}" for about, text in lines)


def _splits(found: AtHand) -> str:
    data = found.plan.trials[0].trial.data
    said = f"{data.name}: {data.validation:,} images held out of training (split seed "
    said += f"{data.split_seed}), of which one half steers and the other picks"
    return f"{said}; numbers here are of {found.tables[0].split} images"
