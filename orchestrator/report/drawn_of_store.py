"""Figures that need what lies in the storage: bits of evaluations, rows of epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from orchestrator.figures.cell_names import cell_names, full_names
from orchestrator.pareto.front import cell_numbers
from orchestrator.report.paper_tables import PaperTable, seeds_text, share_text
from orchestrator.report.sought import Drawn, Sought, stands_on
from orchestrator.table.objectives import weights_of
from trainer.input.problems import InputError

if TYPE_CHECKING:
    from orchestrator.results.as_stored import StoredResults
    from orchestrator.spec.sweep_spec import SweepSpec
    from trainer.evaluation.suite import Rungs, Suite

STEADY = 1e-9
"""Most that a weight may vary over epochs and still be fixed: what rounding of means leaves."""


def _sweep_of(sought: Sought) -> tuple[SweepSpec, StoredResults]:
    assert sought.spec is not None and sought.found is not None, "the door refuses a table"
    return sought.spec, sought.found


def _cells_of(sought: Sought, rows: Sequence[int]) -> dict[str, int]:
    """Return the cell of each trial of some cells, by the trial's id."""
    _, found = _sweep_of(sought)
    numbers = cell_numbers(found.table, sought.front.objectives)
    pairs = zip(found.table["trial_id"], numbers, strict=True)
    return {str(trial_id): int(cell) for trial_id, cell in pairs if cell in set(rows)}


def draw_security(sought: Sought) -> Drawn:
    """Draw security curves, a panel an attack, from the bits of the trials of some cells."""
    from orchestrator.figures.security import compose_security  # noqa: PLC0415
    from orchestrator.figures.style import cell_styles  # noqa: PLC0415
    from orchestrator.results.rungs import rungs_of  # noqa: PLC0415

    spec, found = _sweep_of(sought)
    rows = sought.rows("one")
    cells = _cells_of(sought, rows)
    rungs = rungs_of(spec, found, set(cells), weights_of(sought.front.objectives))
    table = rungs.table.assign(cell=rungs.table["trial_id"].map(cells))
    if table.empty:
        raise InputError(
            f"security must be of models whose answers to images are kept under ladders, got "
            f"{rungs.lacking} trials without answers and {len(rungs.without_ladder)} attacks of "
            f"one strength; run the sweep's evaluation again"
        )
    names = dict(zip(rows, full_names(sought.front, rows, sought.appearance.named), strict=True))
    styles = dict(zip(rows, cell_styles(cell_names(sought.front, rows)[0]), strict=True))
    units = {name: _rung_of(its) for name, its in rungs.suite.categories.items() if its.ladder}
    notes = (
        f"{rungs.images} images a model, clean ones at 0" if rungs.images else "",
        stands_on(sought),
        sought.how_chosen("one"),
        f"answers of {rungs.lacking} trials are missing" if rungs.lacking else "",
        f"of one strength, not drawn: {', '.join(rungs.without_ladder)}"
        if rungs.without_ladder
        else "",
    )
    figure = compose_security(
        table,
        names,
        styles,
        steps=units,
        radii=list(radii_of(rungs.suite)),
        width=sought.appearance.width,
        notes=notes,
    )
    note = " · ".join(filter(None, ("accuracy in per cent, mean over seeds", *notes)))
    return Drawn(figure=figure, table=_security_table(sought, table, rows, note))


def _rung_of(rungs: Rungs) -> str:
    """Return what an attack's ladder counts, for people, such as `steps`."""
    return (rungs.attack.rung or "").removeprefix("num_").replace("_", " ")


def radii_of(suite: Suite) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yield attacks that a suite has at several radii, all else but steps being equal, and some
    number of steps in common: a title, and each category's radius."""
    groups: dict[str, dict[str, float]] = {}
    for name, rungs in suite.categories.items():
        epsilon = getattr(rungs.attack, "epsilon", None)
        if not rungs.ladder or not isinstance(epsilon, float):
            continue
        left_out = {"epsilon", "step_size", rungs.attack.rung or ""}
        rest = rungs.attack.model_dump(mode="json", exclude=left_out)
        groups.setdefault(f"{type(rungs.attack).__name__} {rest}", {})[name] = epsilon
    for radii in groups.values():
        common = set.intersection(*(set(suite.categories[name].ladder) for name in radii))
        if len(set(radii.values())) > 1 and common:
            unit = _rung_of(suite.categories[next(iter(radii))])
            yield f"{', '.join(radii)}: radii, {max(common)} {unit}", radii


def _security_table(
    sought: Sought, table: pd.DataFrame, rows: Sequence[int], note: str
) -> PaperTable:
    grouped = table.groupby(["cell", "category", "steps"])["accuracy"].agg(["mean", "std"])
    by = {key: (row["mean"], row["std"]) for key, row in grouped.iterrows()}
    columns = list(dict.fromkeys(zip(table["category"], table["steps"], strict=True)))
    body = [
        (
            sought.appearance.named(method),
            text,
            seeds_text(sought.front.cells.iloc[row]),
            *(share_text(*by[row, *column]) if (row, *column) in by else "" for column in columns),
        )
        for method, text, row in zip(*cell_names(sought.front, rows), rows, strict=True)
    ]
    return PaperTable(
        columns=(
            "method",
            "setting",
            "seeds",
            *(f"{category} {steps}" for category, steps in columns),
        ),
        rows=tuple(body),
        words=2,
        note=note,
    )


def draw_weights(sought: Sought) -> Drawn:
    """Draw weights and losses over training: of methods whose weights change with the epochs,
    unless methods are named."""
    from orchestrator.figures.weights import compose_weights  # noqa: PLC0415
    from orchestrator.report.results import missing  # noqa: PLC0415
    from orchestrator.results.epochs import epochs_of  # noqa: PLC0415

    spec, found = _sweep_of(sought)
    rows = sought.rows("one")
    cells = _cells_of(sought, rows)
    epochs = epochs_of(spec, found, set(cells))
    epochs = epochs.assign(cell=epochs["trial_id"].map(cells))
    if epochs.empty:
        raise InputError(
            "weights must be of trials with rows of epochs in the storage, got none; those of "
            "damaged attempts are lost"
        )
    steady: list[int] = []
    if not sought.methods:
        spread = epochs.groupby(["cell", "trial_id", "branch"])["weight"].agg(["min", "max"])
        moves = (spread["max"] - spread["min"]).groupby("cell").max() > STEADY
        steady = [row for row in rows if not moves.get(row, False)]
        steady = steady if len(steady) < len(rows) else []
    shown = [row for row in rows if row not in steady and (epochs["cell"] == row).any()]
    named = sought.appearance.named
    whose = dict.fromkeys(named(method) for method in cell_names(sought.front, steady)[0])
    figure = compose_weights(
        epochs[epochs["cell"].isin(shown)],
        dict(zip(shown, full_names(sought.front, shown, named), strict=True)),
        width=sought.appearance.width,
        notes=(
            "means over the steps of an epoch, on training images",
            _counted(epochs, cells, shown),
            found.plan.trials[0].trial.data.name,
            missing(found.plan),
            sought.how_chosen("one"),
            f"fixed weights, left out: {', '.join(whose)}" if whose else "",
        ),
    )
    return Drawn(figure=figure)


def _counted(epochs: pd.DataFrame, cells: Mapping[str, int], shown: Sequence[int]) -> str:
    """Count the trials that are drawn, and those of the same cells that have no rows."""
    drawn = set(epochs["trial_id"][epochs["cell"].isin(shown)])
    lacking = sum(cell in shown and trial_id not in drawn for trial_id, cell in cells.items())
    count = f"{len(drawn)} trial{'s' * (len(drawn) != 1)}"
    return f"{count} ({lacking} more without rows of epochs)" if lacking else count
