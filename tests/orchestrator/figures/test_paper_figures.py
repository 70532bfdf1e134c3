"""Figures for a paper: what is drawn is what was told, and a page has room for every text."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orchestrator.figures.appearance import COLUMN, PAGE
from orchestrator.figures.attainment import MOST_BANDS, compose_attainment
from orchestrator.figures.curves import MOST_BANDS as MOST_BANDS_OF_CURVES
from orchestrator.figures.heat_map import COLORS, compose_heat_map, luminance
from orchestrator.figures.parallel import CellLine, Coordinate, compose_parallel, scaled
from orchestrator.figures.security import compose_security, over_radii
from orchestrator.figures.spread import staircase
from orchestrator.figures.style import cell_styles, method_styles
from orchestrator.figures.weights import branch_styles, compose_weights
from orchestrator.pareto.attainment import attainment
from tests.orchestrator.figures.page import overlaps_in

NOTES = ("26 trials · test images · digits, pgd 0.2, flow 0.08 (0.32 px, zeros), rt 0.1", "")
NAMES = {
    0: "standard",
    1: "Projected gradient descent, natural weight = 0.2",
    2: "Pareto AT (ours), ρ = 0.2",
    3: "Pareto AT (ours), ρ = 0.8",
}
STYLES = dict(zip(NAMES, cell_styles(["standard", "pgd", "pareto", "pareto"]), strict=True))


def lines(axes: Axes, start: str) -> dict[str, Line2D]:
    found = {str(line.get_gid()): line for line in axes.lines}
    return {gid.removeprefix(start): it for gid, it in found.items() if gid.startswith(start)}


def rungs(cells: int = 4, seeds: int = 2) -> pd.DataFrame:
    random = np.random.default_rng(0)
    rows = []
    for cell in range(cells):
        for seed in range(seeds):
            for category, ladder in (("pgd", (1, 5, 10, 20, 50, 100)), ("pgd_wide", (1, 10))):
                falling = np.sort(random.random(len(ladder) + 1))[::-1]
                rows += [
                    (cell, f"t{cell}{seed}", category, steps, value)
                    for steps, value in zip((0, *ladder), falling, strict=True)
                ]
    return pd.DataFrame(rows, columns=["cell", "trial_id", "category", "steps", "accuracy"])


def security(table: pd.DataFrame, width: float) -> Figure:
    return compose_security(
        table,
        NAMES,
        STYLES,
        steps={"pgd": "steps", "pgd_wide": "steps"},
        radii=[("pgd, pgd_wide: radii, 10 steps", {"pgd": 0.1, "pgd_wide": 0.2})],
        width=width,
        notes=NOTES,
    )


def test_security_curves_are_means_of_the_table_with_their_spread() -> None:
    table = rungs()
    figure = security(table, PAGE)
    first, second, third = figure.axes
    for axes, category in ((first, "pgd"), (second, "pgd_wide")):
        curves = lines(axes, "curve-")
        assert list(curves) == list(NAMES.values())
        for cell, name in NAMES.items():
            its = table[(table["cell"] == cell) & (table["category"] == category)]
            by = its.groupby("steps")["accuracy"]
            x, y = curves[name].get_data()
            assert list(x) == list(by.groups)
            assert y == pytest.approx(100 * by.mean().to_numpy())
            assert all(b <= a for a, b in pairwise(y)), "rungs are prefixes of one run"
            (band,) = (it for it in axes.collections if it.get_gid() == f"band-{name}")
            heights = np.unique(band.get_paths()[0].vertices[:, 1].round(9))
            expected = 100 * np.concatenate([by.min(), by.max()])
            assert np.unique(expected.round(9)) == pytest.approx(heights)
    at = (
        100
        * over_radii(table, {"pgd": 0.1, "pgd_wide": 0.2}).groupby(["cell", "x"])["accuracy"].mean()
    )
    for cell, name in NAMES.items():
        x, y = lines(third, "curve-")[name].get_data()
        assert list(x) == [0.0, 0.1, 0.2]
        assert y == pytest.approx(at[cell].to_numpy())
    ten = table[(table["cell"] == 1) & (table["category"] == "pgd_wide") & (table["steps"] == 10)]
    assert at[1][0.2] == pytest.approx(100 * ten["accuracy"].mean()), "the most steps in common"


def test_one_seed_has_no_band_and_neither_have_too_many_lines() -> None:
    alone = security(rungs(seeds=1), PAGE)
    assert not any(axes.collections for axes in alone.axes)
    assert "bands" not in alone.texts[0].get_text()
    count = MOST_BANDS_OF_CURVES + 1
    names = {cell: f"m{cell}" for cell in range(count)}
    styles = dict(zip(names, cell_styles(list(names.values())), strict=True))
    crowd = compose_security(
        rungs(cells=count), names, styles, steps={"pgd": "steps"}, radii=[], width=PAGE, notes=()
    )
    assert not crowd.axes[0].collections
    assert "no bands" in crowd.texts[0].get_text()


def epochs() -> pd.DataFrame:
    rows = [
        (cell, f"t{cell}{seed}", epoch, branch, (place + 1) / epoch + 0.1 * seed, weight)
        for cell in (2, 3)
        for seed in (0, 1)
        for epoch in range(1, 13)
        for place, branch in enumerate(("natural", "pgd", "flow", "rt"))
        for weight in [0.25 if place else np.nan]
    ]
    columns = ["cell", "trial_id", "epoch", "branch", "loss", "weight"]
    return pd.DataFrame(rows, columns=columns)


def test_weights_and_losses_are_means_over_seeds_by_epoch() -> None:
    names = {cell: NAMES[cell] for cell in (2, 3)}
    figure = compose_weights(epochs(), names, width=PAGE, notes=NOTES)
    assert len(figure.axes) == 4
    weight, loss = figure.axes[:2]
    assert list(lines(weight, "curve-")) == ["pgd", "flow", "rt"], "NaN is not drawn"
    x, y = lines(loss, "curve-")["flow"].get_data()
    assert list(x) == list(range(1, 13))
    assert y == pytest.approx(3 / np.arange(1, 13) + 0.05)
    assert figure.axes[1].get_ylim() == figure.axes[3].get_ylim(), "losses can be compared"
    unweighed = compose_weights(epochs().assign(weight=np.nan), names, width=PAGE, notes=NOTES)
    assert [text.get_text() for text in unweighed.axes[0].texts] == ["not recorded"]
    assert len(lines(unweighed.axes[1], "curve-")) == 4
    styles = branch_styles(["natural", "pgd", "flow", "rt"])
    assert len({style.marker for style in styles.values()}) == 4
    assert len({style.dashes for style in styles.values()}) == 4


VALUES = np.array([[0.986, 0.011, 0.3], [0.962, 0.4, np.nan], [0.5, 1.0, 0.0]])


@pytest.mark.parametrize("width", [COLUMN, PAGE])
def test_a_heat_map_writes_each_number_in_its_square(width: float) -> None:
    figure = compose_heat_map(
        VALUES,
        ["standard", "pgd", "Ours, ρ = 0.2"],
        ["natural", "pgd", "union"],
        width=width,
        notes=NOTES,
    )
    (axes,) = figure.axes
    written = {text.get_position(): text.get_text() for text in axes.texts}
    for (row, column), value in np.ndenumerate(VALUES):
        expected = "–" if np.isnan(value) else f"{100 * value:.1f}"
        assert written[column + 0.5, row + 0.5] == expected
    squares = {patch.get_xy(): patch.get_facecolor() for patch in axes.patches}
    lights = [luminance(squares[column, row]) for row, column in ((0, 1), (0, 2), (1, 1), (0, 0))]
    assert lights == sorted(lights, reverse=True), "darker is more, in grey too"


def test_more_columns_than_a_width_has_room_for_go_on_below() -> None:
    values = np.linspace(0, 1, 2 * 14).reshape(2, 14)
    heads = [f"attack{k}" for k in range(14)]
    figure = compose_heat_map(values, ["pgd", "pareto"], heads, width=COLUMN, notes=())
    assert len(figure.axes) > 1
    shown = [label.get_text() for axes in figure.axes for label in axes.get_xticklabels()]
    assert shown == heads
    assert sum(len(axes.texts) for axes in figure.axes) == values.size


def test_luminance_falls_throughout_so_that_grey_says_the_same() -> None:
    lights = [luminance(COLORS(it)) for it in np.linspace(0, 1, 50)]
    assert all(b < a for a, b in pairwise(lights))


def parallel(width: float) -> Figure:
    values = np.array([[98.0, 40.0, 39.0, 3.0], [97.0, 20.0, 39.0, 5.0], [96.0, 10.0, 39.0, 1.0]])
    cells = [
        CellLine(name=NAMES[k + 1], style=STYLES[k + 1], values=row) for k, row in enumerate(values)
    ]
    titles = ("natural accuracy (%)", "worst pgd (%)", "worst flow (%)", "training passes")
    coordinates = [
        Coordinate(title=title, sign=sign)
        for title, sign in zip(titles, (-1, -1, -1, 1), strict=True)
    ]
    behind = np.array([[90.0, 30.0, 39.0, 9.0]])
    return compose_parallel(coordinates, cells, behind, width=width, notes=NOTES)


def test_parallel_coordinates_have_the_best_above_and_equal_values_in_the_middle() -> None:
    low, high = np.array([0.0, 1.0, 5.0]), np.array([10.0, 3.0, 5.0])
    found = scaled(np.array([[10.0, 1.0, 5.0], [5.0, 3.0, 5.0]]), low, high, (-1, 1, 1))
    assert found.tolist() == [[1.0, 1.0, 0.5], [0.5, 0.0, 0.5]]
    (axes,) = parallel(PAGE).axes
    drawn = lines(axes, "cell-")
    assert list(drawn) == [NAMES[k] for k in (1, 2, 3)]
    assert drawn[NAMES[1]].get_ydata() == pytest.approx([1.0, 1.0, 0.5, 0.75])
    assert drawn[NAMES[3]].get_ydata() == pytest.approx([0.75, 0.0, 0.5, 1.0])
    assert [text.get_text().splitlines()[-1] for text in axes.texts] == [
        *("98", "90", "40", "10", "39", "1", "9"),
    ]
    assert sum(line.get_gid() == "behind" for line in axes.lines) == 1


def strewn(seeds: int, methods: int = 2) -> pd.DataFrame:
    random = np.random.default_rng(1)
    rows = [
        (f"m{method}", seed, float(x), float(x) + 5 + random.normal())
        for method in range(methods)
        for seed in range(seeds)
        for x in random.random(4) * 10
    ]
    return pd.DataFrame(rows, columns=["method", "seed", "x", "y"])


def attained(points: pd.DataFrame, width: float, **more: int) -> Figure:
    """Draw attainment, of methods with so many seeds where that is more than have points."""
    names = {name: f"Method {name}" for name in dict.fromkeys(points["method"])}
    titles = ("sacrificed natural accuracy (percentage points)", "robustness score (%)")
    seeds = {str(name): its.nunique() for name, its in points.groupby("method")["seed"]} | more
    return compose_attainment(
        points,
        titles,
        (1.0, -1.0),
        names,
        method_styles(names),
        seeds=seeds,
        width=width,
        notes=NOTES,
    )


@pytest.mark.slow
def test_attainment_is_the_surface_of_half_of_the_seeds_and_few_have_no_band() -> None:
    points = strewn(8)
    figure = attained(points, PAGE)
    (axes,) = figure.axes
    its = points[points["method"] == "m0"]
    by_seed = [rows[["x", "y"]].to_numpy() * (1, -1) for _, rows in its.groupby("seed")]
    half = attainment(by_seed, (25, 50, 75))[50]
    (line,) = (it for it in axes.lines if it.get_gid() == "line-m0")
    beyond = line.get_xydata()[[0, -1]] * (1, -1)
    vertices = staircase(half, (beyond[1, 0], beyond[0, 1])) * (1, -1)
    assert line.get_xydata() == pytest.approx(vertices)
    assert sum(str(it.get_gid()).startswith("band-") for it in axes.patches) == 2
    few = attained(strewn(3), COLUMN)
    assert len(few.axes[0].lines) == 6, "the line of each seed of each method"
    assert not few.axes[0].patches
    assert "no band" in few.texts[0].get_text().replace("\n", " ")
    crowd = attained(strewn(8, methods=MOST_BANDS + 1), COLUMN)
    assert not crowd.axes[0].patches


@pytest.mark.slow
def test_seeds_that_attain_nothing_are_seeds() -> None:
    """Of 32 seeds the 8 with points are a quarter: a band begins there, and no half attains any."""
    (axes,) = attained(strewn(8), COLUMN, m0=32).axes
    assert [line.get_gid() for line in axes.lines] == ["line-m1"]
    of_all, of_quarter = (
        next(it for it in figure.axes[0].patches if it.get_gid() == "band-m0").get_xy()
        for figure in (attained(strewn(8), COLUMN), attained(strewn(8), COLUMN, m0=32))
    )
    assert len(of_quarter) < len(of_all), "its inner edge is one corner beyond all points"
    (axes,) = attained(strewn(8), COLUMN, m0=40).axes
    assert [it.get_gid() for it in axes.patches] == ["band-m1"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [COLUMN, PAGE])
def test_no_text_covers_another_and_none_leaves_the_page(width: float) -> None:
    names = ["standard", "pgd, natural weight = 0.2", "A long name of a method, ρ = 0.2"]
    heads = ["natural", "pgd", "flow", "rt", "union", "gaussian_noise (unseen)"]
    values = np.linspace(0, 1, 18).reshape(3, 6)
    figures = {
        "security": security(rungs(), width),
        "weights": compose_weights(epochs(), {2: NAMES[2], 3: NAMES[3]}, width=width, notes=NOTES),
        "attacks": compose_heat_map(values, names, heads, width=width, notes=NOTES),
        "parallel": parallel(width),
        "attainment": attained(strewn(8), width),
    }
    for name, figure in figures.items():
        assert figure.get_figwidth() == width
        assert overlaps_in(figure) == [], name


def test_equal_values_of_one_cell_are_drawn_too() -> None:
    rows = [(0, "t0", "pgd", steps, 0.5) for steps in (0, 1)]
    columns = ["cell", "trial_id", "category", "steps", "accuracy"]
    figure = compose_security(
        pd.DataFrame(rows, columns=columns),
        {0: "pgd"},
        {0: STYLES[1]},
        steps={"pgd": "steps"},
        radii=[],
        width=COLUMN,
        notes=(),
    )
    assert lines(figure.axes[0], "curve-")["pgd"].get_ydata().tolist() == [50.0, 50.0]
    one = CellLine(name="pgd", style=STYLES[1], values=np.array([5.0, 5.0]))
    axis = Coordinate(title="a", sign=1)
    (axes,) = compose_parallel([axis, axis], [one], np.empty((0, 2)), width=COLUMN, notes=()).axes
    assert lines(axes, "cell-")["pgd"].get_ydata().tolist() == [0.5, 0.5]
    lone = pd.DataFrame([("pgd", 0, 1.0, 1.0)], columns=["method", "seed", "x", "y"])
    assert len(attained(lone, COLUMN).axes[0].lines) == 1
