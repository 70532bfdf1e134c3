"""Figures that are drawn from a table of trials alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestrator.figures.cell_names import UNNAMED, cell_names, full_names
from orchestrator.pareto.chosen_cells import chosen_cells
from orchestrator.pareto.eligibility import takes_part
from orchestrator.pareto.front import Front
from orchestrator.report.paper_tables import (
    PaperTable,
    cells_table,
    columns_in,
    number_text,
    seeds_text,
    words_of,
)
from orchestrator.report.sought import Drawn, Sought, stands_on
from orchestrator.table.cell_columns import MEAN
from orchestrator.table.columns import declared, is_relative, of_weights
from orchestrator.table.objectives import Objective, weights_of
from orchestrator.table.status import Status
from trainer.input.problems import InputError

UNDER_WAY: tuple[Status, ...] = ("pending", "running", "stopped")
"""Statuses of trials of which it is not known yet what they attain."""


def draw_front(sought: Sought) -> Drawn:
    """Draw the front as `orchestrator.front` does; its table is of all cells."""
    from orchestrator.figures.front import compose  # noqa: PLC0415

    figure = compose(
        sought.front,
        placement=sought.placement,
        of=sought.of,
        note=sought.note,
        appearance=sought.appearance,
        published=sought.published,
    )
    rows = chosen_cells(sought.front, "all", (), None)
    table = cells_table(sought.front, rows, sought.appearance.named, note=stands_on(sought))
    return Drawn(figure=figure, table=table)


def draw_attainment(sought: Sought) -> Drawn:
    """Draw what shares of the seeds attain, a method each: of those with several cells, unless
    methods are named."""
    from orchestrator.figures.attainment import compose_attainment  # noqa: PLC0415
    from orchestrator.figures.front import factor_of, title_of  # noqa: PLC0415
    from orchestrator.figures.style import method_styles  # noqa: PLC0415

    front = sought.front
    if len(front.objectives) != 2:
        names = ", ".join(objective.name for objective in front.objectives)
        raise InputError(
            f"attainment must be of two objectives, got {names}; name two by --objective"
        )
    y, x = front.objectives
    trials = front.measured[
        takes_part(front.measured, front.objectives, keep_collapsed=front.keep_collapsed)
    ]
    lacking = [name for name in ("method", "seed") if name not in trials]
    if lacking:
        raise InputError(f"attainment must be of a table with {' and '.join(lacking)}, got none")
    points = pd.DataFrame(
        {
            "method": trials["method"].astype(object).where(trials["method"].notna(), UNNAMED),
            "seed": trials["seed"],
            "x": factor_of(x) * trials[x.name].astype(float),
            "y": factor_of(y) * trials[y.name].astype(float),
        }
    )
    every = list(dict.fromkeys(points["method"]))
    several = set(_of_several_cells(front))
    methods = list(sought.methods) or [it for it in every if it in several] or every
    points = points[points["method"].isin(methods) & points["seed"].notna()]
    if points.empty:
        raise InputError(
            "attainment must be of at least one trial that takes part and has a seed, got none"
        )
    alone = [] if sought.methods else [it for it in every if it not in methods]
    named = sought.appearance.named
    styles = method_styles(methods)
    left_out = f"methods of one cell left out: {', '.join(map(named, alone))}" if alone else ""
    seeds = {name: count for name, count in _ended_seeds(sought.table).items() if name in styles}
    nowhere = {
        named(name): count - its
        for name, count in seeds.items()
        if 0 < (its := points["seed"][points["method"] == name].nunique()) < count
    }
    less = ", ".join(f"{count} of {name}" for name, count in nowhere.items())
    figure = compose_attainment(
        points,
        (title_of(x), title_of(y)),
        (x.sign, y.sign),
        {name: named(name) for name in styles if (points["method"] == name).any()},
        styles,
        seeds=seeds,
        width=sought.appearance.width,
        notes=(
            stands_on(sought),
            left_out,
            f"seeds that attain nothing, as all their trials failed or collapsed: {less}"
            if less
            else "",
        ),
    )
    return Drawn(figure=figure)


def _ended_seeds(table: pd.DataFrame) -> dict[str, int]:
    """Count the seeds of each method of which some trial has come to an end, whatever that was."""
    ended = table[~table["status"].isin(UNDER_WAY)] if "status" in table else table
    method = ended["method"].astype(object).where(ended["method"].notna(), UNNAMED)
    return {
        str(name): int(count) for name, count in ended["seed"].groupby(method).nunique().items()
    }


def _of_several_cells(front: Front) -> list[str]:
    """Name the methods with more than one cell that is measured."""
    methods = front.cells["method"][front.cells["seeds"] > 0].fillna(UNNAMED)
    return [str(name) for name, count in methods.value_counts().items() if count > 1]


def draw_parallel(sought: Sought) -> Drawn:
    """Draw cells in parallel coordinates: under the objectives, where these are three or more, else
    under the accuracies on clean images and in the worst case of each attack."""
    from orchestrator.figures.front import factor_of, title_of  # noqa: PLC0415
    from orchestrator.figures.parallel import (  # noqa: PLC0415
        CellLine,
        Coordinate,
        compose_parallel,
    )
    from orchestrator.figures.style import cell_styles  # noqa: PLC0415

    front, rows = sought.front, sought.rows("front")
    objectives = front.objectives
    if len(objectives) < 3 and not sought.is_named:
        objectives = _accuracies(sought) or objectives
    columns = [f"{objective.name}{MEAN}" for objective in objectives]
    factors = np.array([factor_of(objective) for objective in objectives])
    values = factors * front.cells[columns].to_numpy(np.float64)
    is_whole = np.isfinite(values).all(axis=1)
    shown = [row for row in rows if is_whole[row]]
    if not shown:
        raise InputError("parallel must be of cells with all these columns, got none")
    off_front = ~front.cells["on_front"].to_numpy(np.bool_)
    is_behind = is_whole & off_front & (sought.cells in {None, "front"})
    lacking = f"cells without all of these numbers, left out: {len(rows) - len(shown)}"
    methods, _ = cell_names(front, shown)
    names = full_names(front, shown, sought.appearance.named)
    lines = [
        CellLine(name=name, style=style, values=values[row])
        for name, style, row in zip(names, cell_styles(methods), shown, strict=True)
    ]
    figure = compose_parallel(
        [Coordinate(title=title_of(it), sign=it.sign) for it in objectives],
        lines,
        values[is_behind],
        width=sought.appearance.width,
        notes=(
            stands_on(sought),
            sought.how_chosen("front"),
            lacking if len(shown) < len(rows) else "",
        ),
    )
    note = " · ".join(filter(None, (stands_on(sought), sought.how_chosen("front"))))
    table = cells_table(front, shown, sought.appearance.named, note=note)
    return Drawn(figure=figure, table=table)


def _accuracies(sought: Sought) -> tuple[Objective, ...]:
    """Return accuracy on clean images and the worst cases of attacks as objectives."""
    own = [name for name in _columns(sought) if name.removeprefix("best_").startswith("worst_")]
    names = [of_weights("natural_accuracy", weights_of(sought.front.objectives)), *own]
    known = [(name, declared(name)) for name in names if f"{name}{MEAN}" in sought.front.cells]
    found = tuple(
        Objective(name, column.direction)
        for name, column in known
        if column is not None and column.direction is not None
    )
    return found if len(found) > 1 else ()


def _columns(sought: Sought) -> list[str]:
    """Name the accuracies of the front's weights: natural, worst cases, union, those unseen."""
    weights = weights_of(sought.front.objectives)
    return [
        name
        for name in columns_in(sought.front)
        if of_weights(name, weights) == name and not is_relative(name)
    ]


def draw_attacks(sought: Sought) -> Drawn:
    """Draw the heat map of cells by attacks: the share that withstands all of an attack's ladder,
    or its mean over the ladder where a table has no worst cases."""
    from orchestrator.figures.heat_map import compose_heat_map  # noqa: PLC0415

    front, rows = sought.front, sought.rows("one")
    there = _columns(sought)
    worst = [name for name in there if "worst_" in name]
    attacks = [
        name
        for name in there
        if name in worst
        or not worst
        or not any(part in name for part in ("robust_accuracy_", "unseen_accuracy_"))
    ]
    if len([name for name in attacks if "natural" not in name]) == 0:
        raise InputError(
            "attacks must be of a table with accuracies under attack, such as worst_pgd, got none"
        )
    values = front.cells.iloc[rows][[f"{name}{MEAN}" for name in attacks]].to_numpy(np.float64)
    heads = [words_of(name).replace(" (worst)", "").replace(", worst)", ")") for name in attacks]
    what = "in the worst case over its ladder" if worst else "the mean over its ladder"
    notes = (
        f"accuracy in per cent, mean over seeds, under an attack {what}",
        stands_on(sought),
        sought.how_chosen("one"),
    )
    figure = compose_heat_map(
        values,
        full_names(front, rows, sought.appearance.named),
        heads,
        width=sought.appearance.width,
        notes=notes,
    )
    body = [
        (
            sought.appearance.named(method),
            text,
            seeds_text(cell),
            *(number_text(cell, name) for name in attacks),
        )
        for method, text, (_, cell) in zip(
            *cell_names(front, rows), front.cells.iloc[rows].iterrows(), strict=True
        )
    ]
    table = PaperTable(
        columns=("method", "setting", "seeds", *heads),
        rows=tuple(body),
        words=2,
        note=f"{notes[0]}, ± one standard deviation. {notes[1]} · {notes[2]}",
    )
    return Drawn(figure=figure, table=table)
