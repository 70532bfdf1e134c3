"""The empirical Pareto front in the manner of Figure 7 of Sun, Li and Lin.

Two panels of the same trials: raw axes, and the axis of the sacrificed accuracy (without it, of
the second objective) under `sign(v) * log(1 + |v|)`. The paper names its vertical axis "under the
log transformation along two directions" and defines no more; this one takes v in percentage
points, since on fractions it would be the identity, near enough.

Which axis is which is a choice (`orchestrator.figures.placement`), and an axis runs backwards where
its objective's direction asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import wrap

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from orchestrator.figures.appearance import USUAL, WIDTH, Appearance, wrapped
from orchestrator.figures.crowd import (
    MANY,
    MEANS_ACROSS,
    TRIALS_ACROSS,
    few_methods,
    points_to_draw,
)
from orchestrator.figures.labels import setting_text, short, varying_settings
from orchestrator.figures.legend import draw_legends, kinds_of_marks
from orchestrator.figures.legend_rows import legend_height
from orchestrator.figures.panel import MeanLook, Scene, draw_panel
from orchestrator.figures.placement import FrontOf, Placement
from orchestrator.figures.spread import SpreadLine, spread_lines, staircase
from orchestrator.figures.style import DPI, GREY, RC, method_styles, save
from orchestrator.pareto.eligibility import is_collapsed, is_under_attack
from orchestrator.pareto.front import Front, settings_columns, warned
from orchestrator.pareto.membership import Membership
from orchestrator.table.cell_columns import DEVIATION, HIGH, LOW, MEAN, MEMBERSHIP
from orchestrator.table.columns import declared, is_fraction, of_weights
from orchestrator.table.objectives import Objective, minimised
from trainer.terminal.table import printable

SMALL_PRINT_ROW, TITLE_ROW = 0.13, 0.15
"""Height of a row of small print, and of an axis's title, in inches."""

LEFT, RIGHT, BELOW, ABOVE = 0.66, 0.1, 0.82, 0.25
"""Inches around the panels, of titles and numbers of the axes, the legends left out."""

BETWEEN = {"x": 0.17 * 9.24 / 2.17, "y": 0.84}
"""Inches between two panels beside each other, by the axis that is logarithmic in the second, whose
title has two rows."""

TALLEST, HEIGHT_OF_WIDTH = 4.5 - BELOW - ABOVE, 0.82
"""Inches of the height of a panel, at most, and its share of the width."""

CHARACTERS_AN_INCH = 15.5
"""Characters of small print in an inch."""

MEMBERS = {
    Membership.YES: MeanLook.FULL,
    Membership.POSSIBLE: MeanLook.HOLLOW,
    Membership.NO: MeanLook.FADED,
}
"""How cells look by whether they are on the front."""

SACRIFICE = "sacrificed_accuracy"


def draw_front(
    front: Front,
    path_png: Path,
    path_svg: Path,
    *,
    placement: Placement,
    of: FrontOf,
    note: str,
    appearance: Appearance = USUAL,
    published: pd.DataFrame | None = None,
) -> Figure:
    """Draw `front` over all measured trials and save the picture, which is returned for other
    formats; `note` joins the small print, `published` is as of `compose`."""
    figure = compose(
        front, placement=placement, of=of, note=note, appearance=appearance, published=published
    )
    save(figure, path_png, path_svg)
    return figure


def compose(
    front: Front,
    *,
    placement: Placement,
    of: FrontOf,
    note: str,
    appearance: Appearance = USUAL,
    published: pd.DataFrame | None = None,
) -> Figure:
    """Compose the picture, which is not saved yet.

    The line bounds what the means of `cells` attain, or single `trials`; also these where no cell
    has all its seeds yet, or each has one. With more than two objectives the first two are drawn,
    and no line: what is non-dominated among all need not be so in two.

    Args:
        published: numbers of others that are laid over it, `label` and the objectives of the axes.
    """
    width, scales = appearance.width, appearance.scales
    scene = _scene(front, placement, of, published)
    across = appearance.columns(len(scales))
    down = len(scales) // across
    is_x_logged = scene.log_axis == "x" and "log" in scales  # and says so in a line more
    below = BELOW + SMALL_PRINT_ROW * is_x_logged
    between = BETWEEN[scene.log_axis] * (across - 1)
    panel = (width - LEFT - RIGHT - between) / across
    tall = min(TALLEST - SMALL_PRINT_ROW * is_x_logged, HEIGHT_OF_WIDTH * panel)
    titles = scene.titles
    if width < WIDTH:
        titles = (wrapped(titles[0], panel), wrapped(titles[1], tall))
        scene = replace(scene, titles=titles)
    more_below, more_left = (TITLE_ROW * title.count("\n") for title in titles)
    left = LEFT + more_left
    kinds = kinds_of_marks(scene, front)
    small_print = _small_print(front, note, int(CHARACTERS_AN_INCH * width))
    more_rows = SMALL_PRINT_ROW * (len(small_print) - 1)
    methods = map(appearance.named, scene.styles)
    legends = legend_height(kinds, width) + legend_height(methods, width) + more_rows
    gap = below + more_below - 0.24 + ABOVE  # between panels one above the other
    bottom = below + more_below + legends
    height = bottom + down * tall + (down - 1) * gap + ABOVE
    with rc_context(RC):
        figure = Figure(figsize=(width, height), dpi=DPI)
        figure.subplots_adjust(
            left=left / width,
            right=1 - RIGHT / width,
            bottom=bottom / height,
            top=1 - ABOVE / height,
            wspace=between / panel,
            hspace=gap / tall,
        )
        panels = np.atleast_1d(figure.subplots(down, across)).ravel()
        for axes, scale in zip(panels, scales, strict=True):
            draw_panel(axes, scene, is_log=scale == "log", named=appearance.named)
        draw_legends(figure, scene, kinds, 0.24 + more_rows, named=appearance.named)
        figure.text(
            1 - RIGHT / width,
            0.06 / height,
            "\n".join(small_print),
            ha="right",
            size=7.5,
            color=GREY,
        )
    return figure


def _scene(
    front: Front, placement: Placement, of: FrontOf, published: pd.DataFrame | None
) -> Scene:
    """Gather what both panels show, in the units of the axes."""
    is_of_cells = of == "cells" and front.has_cells()
    first, second = plane = front.objectives[:2]
    cost = next((o for o in plane if of_weights(o.name, "last") == SACRIFICE), second)
    gain = first if cost is second else second
    x, y = (gain, cost) if placement == "paper" else (second, first)
    factors = np.array([factor_of(x), factor_of(y)])
    signs = np.array([x.sign, y.sign])
    settings = settings_columns(front.measured, front.objectives)
    trials = _with_method(front.measured)
    is_knee = np.zeros(len(front.cells), dtype=np.bool_)
    if is_of_cells and front.knee_of_cells is not None:
        is_knee[front.knee_of_cells] = True
    means = front.cells.assign(is_knee=is_knee)
    means = _with_method(means[means["seeds"] > 0])
    if len(means) > MANY:
        means = means[means["on_front"] | means["is_knee"]]
    trials = trials.assign(
        x=trials[x.name] * factors[0],
        y=trials[y.name] * factors[1],
        is_collapsed=is_collapsed(trials, front.objectives),
    )
    means = means.assign(
        x=means[f"{x.name}_mean"] * factors[0],
        y=means[f"{y.name}_mean"] * factors[1],
        is_collapsed=means["collapsed"] == means["seeds"],
        **_arms(front, means, "x", x),
        **_arms(front, means, "y", y),
        look=_looks(front, means),
    )
    drawn, drawn_means = (
        points_to_draw(
            table["x"].to_numpy(np.float64),
            table["y"].to_numpy(np.float64),
            [table["method"], table["is_collapsed"]],
            across,
        )
        for table, across in ((trials, TRIALS_ACROSS), (means, MEANS_ACROSS))
    )
    knee = (trials["trial_id"] == (None if is_of_cells else front.knee)).to_numpy(np.bool_)
    drawn |= knee
    drawn_means |= means["is_knee"].to_numpy(np.bool_)

    line = region = np.empty((0, 2))
    spread: tuple[SpreadLine, ...] = ()
    if len(front.objectives) == len(plane):
        best = front.means()[front.cells["on_front"]] if is_of_cells else front.points
        points = minimised(best, (x, y)) * factors
        ends = dict(zip(front.objectives, front.reference_point, strict=True))
        reference = minimised([ends[x], ends[y]], (x, y)) * factors
        line = staircase(points, reference) * signs
        inside = points[(points < reference).all(axis=1)]
        region = np.vstack([staircase(inside, reference), reference]) * signs
        if is_of_cells and "seed" in front.measured:
            spread = spread_lines(front, (x, y), factors, reference)
    trials = _texts(trials, settings, knee)
    means = _texts(means, settings, drawn_means)
    ringed = means[means["is_knee"]] if is_of_cells else trials[knee]
    return Scene(
        titles=(title_of(x), title_of(y)),
        signs=(x.sign, y.sign),
        better=(1, -1) if placement == "paper" else (-1, 1),
        log_axis="y" if y is cost else "x",
        styles=method_styles(trials["method"]),
        trials=trials[drawn],
        means=means[drawn_means].assign(
            lacking=[
                f"{done} of {planned} seeds" if done < planned else ""
                for done, planned in means.loc[drawn_means, ["seeds", "planned"]].itertuples(
                    index=False
                )
            ]
        ),
        line=line,
        line_name="front of means over seeds" if is_of_cells else "front of single trials",
        region=region,
        spread=spread,
        knee=ringed[["method", "x", "y", "text"]],
        floors=(_floor(front, x), _floor(front, y)),
        published=_placed(published, x, y),
    )


def _placed(published: pd.DataFrame | None, x: Objective, y: Objective) -> pd.DataFrame:
    """Return numbers of others in the units of the axes, as `Scene.published` has them."""
    if published is None:
        return pd.DataFrame({"label": [], "x": [], "y": []})
    at = {axis: published[it.name] * factor_of(it) for axis, it in (("x", x), ("y", y))}
    return published[["label"]].assign(**at)


def _arms(
    front: Front, means: pd.DataFrame, axis: str, objective: Objective
) -> dict[str, pd.Series[float]]:
    """Ends of what is drawn around means along an axis: their intervals where these are known; a
    standard deviation where nobody asked for them; nothing where they are left out."""
    mean = means[f"{objective.name}{MEAN}"]
    if front.certainty is None:
        deviation = means[f"{objective.name}{DEVIATION}"].fillna(0.0)
        low, high = mean - deviation, mean + deviation
    else:
        low, high = (means[f"{objective.name}{end}"].fillna(mean) for end in (LOW, HIGH))
    factor = factor_of(objective)
    return {f"{axis}_low": factor * low, f"{axis}_high": factor * high}


def _looks(front: Front, means: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Say by which look each mean is drawn: see `orchestrator.figures.panel.MeanLook`."""
    looks = np.full(len(means), MeanLook.FULL, dtype=object)
    if front.certainty is not None and front.certainty.members is not None:
        looks[:] = MeanLook.FADED  # what may not be on the front, for want of a seed
        for membership, look in MEMBERS.items():
            looks[(means[MEMBERSHIP] == membership).to_numpy(np.bool_)] = look
    looks[(means["collapsed"] == means["seeds"]).to_numpy(np.bool_)] = MeanLook.COLLAPSED
    return looks


def _floor(front: Front, objective: Objective) -> float | None:
    """Value that the best constant classifier has of `objective`, in the units of its axis."""
    if front.constant_accuracy is None or not is_under_attack(objective):
        return None
    return front.constant_accuracy * factor_of(objective)


def _with_method(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with a name for the method in every row, of not too many names."""
    if "method" not in table:
        return table.assign(method="unnamed")
    methods = few_methods(table["method"].fillna("unnamed"))
    return table.assign(method=methods.map({name: printable(name) for name in methods.unique()}))


def _texts(
    table: pd.DataFrame, settings: Sequence[str], rows: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    """Return `table` with a column `text`: the settings of the chosen rows in short, else empty."""
    texts = np.full(len(table), "", dtype=object)
    texts[rows] = [setting_text(varying) for varying in varying_settings(table, settings, rows)]
    return table.assign(text=texts)


def factor_of(objective: Objective) -> float:
    """Factor from an objective's unit to its axis's: fractions are drawn in per cent."""
    return 100.0 if is_fraction(objective.name) else 1.0


def title_of(objective: Objective) -> str:
    """What people call an objective on its axis, with its unit."""
    column = declared(objective.name)
    words = "" if column is None else column.words
    words = words or short(objective.name.replace("_", " "))
    unit = f" ({column.unit})" if column is not None and is_fraction(objective.name) else ""
    return f"{words}{unit}"


def _small_print(front: Front, note: str, most: int) -> list[str]:
    """Rows of small print, of at most so many characters each, such as
    `48 trials, 3 seeds, 2 collapsed · test images · CIFAR-10`."""
    trials = front.measured
    counted = [_counted(len(trials), "trial")]
    if "seed" in trials:
        counted.append(_counted(trials["seed"].nunique(), "seed"))
    if collapsed := int(is_collapsed(trials, front.objectives).sum()):
        on = "let on the front" if front.keep_collapsed else "kept off the front"
        counted.append(f"{collapsed} collapsed and {on}")
    lacking = int((front.cells["seeds"] < front.cells["planned"]).sum())
    if lacking and "trial_id" not in front.cells:
        counted.append(f"{lacking} of {_counted(len(front.cells), 'cell')} without all their seeds")
    if len(front.cells) > MANY:
        counted.append(f"means of {_counted(len(front.cells), 'cell')} shown on their front alone")
    splits = sorted(map(short, trials["split"].dropna().unique())) if "split" in trials else []
    images = f"{' and '.join(splits)} images" if splits else ""
    doubtful = len(warned(trials))
    odd = f"{doubtful} of {_counted(len(trials), 'model')} have evaluation warnings"
    parts = (", ".join(counted), images, note, odd if doubtful else "")
    text = " · ".join(part for part in parts if part)
    lines = map(printable, text.splitlines())
    return [row for line in lines for row in wrap(line, most)]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
