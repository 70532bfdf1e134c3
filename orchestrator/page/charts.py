"""The page's two charts as Vega-Lite specifications: the front, and the training curves.

What a reader switches (table, front, axes, methods) are parameters of the charts, which the page's
HTML controls set. Altair is imported where a chart is made, for it takes a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.page.view import Axis, CellView, CurveView, Mark, Page

if TYPE_CHECKING:
    import altair as alt

DIGITS = 5
"""Significant digits of a number on the page; no interval here needs more."""

MEMBERS = {"yes": "y", "possible": "p", "no": "n"}
"""Memberships in a letter, for there are as many as cells."""

HEIGHT, CURVE_HEIGHT = 370, 260
"""Pixels."""

PADDING = {"left": 8, "right": 14, "top": 10, "bottom": 6}
"""Pixels around the front's chart, whose axes' titles are marks within it."""

TICKS = 8
"""About how many an axis has."""

POINT, RING = 110, 430
"""Square pixels of a cell's mark, and of the ring around the knee."""


def rounded(value: float | None) -> float | None:
    """Round to the digits that are shown; whole numbers stay whole."""
    if value is None:
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() else short


def cell_rows(page: Page) -> list[dict[str, Any]]:
    """Return a row for every cell of every table, under short names.

    `t` and `i` are the places of table and cell, `m` the method, `n` the settings, `v0` the mean on
    axis 0, `l0` and `h0` the ends of its interval; `o0` says that it is on front 0, `k0` that it is
    its knee, `b0` its membership (`y`, `p`, `n`), or `x` where it takes no part.
    """
    return [
        _cell_row(table, place, cell)
        for table, its in enumerate(page.tables)
        for place, cell in enumerate(its.cells)
    ]


def _cell_row(table: int, place: int, cell: CellView) -> dict[str, Any]:
    row: dict[str, Any] = {"t": table, "i": place, "m": cell.method, "n": cell.settings}
    for axis, spot in enumerate(cell.spots):
        numbers = (("v", spot.mean), ("l", spot.low), ("h", spot.high))
        row |= {f"{key}{axis}": rounded(it) for key, it in numbers if it is not None}
    for front, mark in enumerate(cell.marks):
        row |= dict(_mark(front, mark))
    return row


def _mark(front: int, mark: Mark) -> Iterator[tuple[str, Any]]:
    if mark.is_on_front:
        yield f"o{front}", 1
    if mark.is_knee:
        yield f"k{front}", 1
    member = MEMBERS.get(mark.membership, "") if mark.takes_part else "x"
    if member:
        yield f"b{front}", member


def front_chart(page: Page) -> dict[str, Any]:
    """Draw the cells of a table over two axes, with their intervals and the line of a front."""
    import altair as alt  # noqa: PLC0415

    front = page.tables[0].fronts[0]
    parameters = {
        "p_table": 0,
        "p_front": 0,
        "p_x": front.x,
        "p_y": front.y,
        "p_line": front.line,
        "p_xtitle": title_of(page.axes[front.x], is_vertical=False),
        "p_ytitle": title_of(page.axes[front.y], is_vertical=True),
        "p_methods": [method.name for method in page.methods],
        "p_bars": True,
        "p_pick": -1,
    }
    cells = (
        alt.Chart(alt.NamedData("cells"))
        .transform_filter(
            "datum.t === p_table && indexof(p_methods, datum.m) >= 0"
            " && isValid(datum['v' + p_x]) && isValid(datum['v' + p_y])"
        )
        .transform_calculate(
            x="datum['v' + p_x]",
            y="datum['v' + p_y]",
            x_low="datum['l' + p_x]",
            x_high="datum['h' + p_x]",
            y_low="datum['l' + p_y]",
            y_high="datum['h' + p_y]",
            name="datum.m + ' ' + datum.n",
            on="p_front >= 0 && datum['o' + p_front] === 1",
            knee="p_front >= 0 && datum['k' + p_front] === 1",
            member="p_front >= 0 && isValid(datum['b' + p_front]) ? datum['b' + p_front] : ''",
        )
    )
    scale = alt.Scale(zero=False, nice=True, padding=12)
    x = alt.X("x:Q", title=None, scale=scale, axis=alt.Axis(tickCount=TICKS))
    y = alt.Y("y:Q", title=None, scale=scale, axis=alt.Axis(tickCount=TICKS))
    layers = [
        *_interval_rules(cells, x, y, page),
        cells.transform_filter("datum.on && p_line !== ''")
        .mark_line(strokeWidth=1.4, interpolate=alt.ExprRef("p_line"))
        .encode(x=x, y=y, order="x:Q")
        .properties(name="front_line"),
        # Rings lie below the points, which a pointer must reach.
        cells.transform_filter("datum.knee")
        .mark_point(size=RING, strokeWidth=1.5, filled=False)
        .encode(x=x, y=y)
        .properties(name="knee"),
        cells.transform_filter("datum.i === p_pick")
        .mark_point(size=RING * 1.5, strokeWidth=2.5, filled=False)
        .encode(x=x, y=y)
        .properties(name="picked"),
        _points(cells, x, y, page),
        *_axis_titles(),
    ]
    chart = alt.layer(*layers).properties(width="container", height=HEIGHT, padding=PADDING)
    spec = _with_look(chart, parameters)
    return {**spec, "datasets": {**spec.get("datasets", {}), "cells": cell_rows(page)}}


def title_of(axis: Axis, *, is_vertical: bool) -> str:
    """Write an axis' title with the direction that is better."""
    arrows = {"max": "↑", "min": "↓"} if is_vertical else {"max": "→", "min": "←"}
    arrow = arrows.get(axis.direction)
    return f"{axis.words}, {arrow} better" if arrow else axis.words


def _interval_rules(cells: alt.Chart, x: alt.X, y: alt.Y, page: Page) -> Iterator[alt.Chart]:
    import altair as alt  # noqa: PLC0415

    for name, has, encodings in (
        ("x_bars", "x", {"x": alt.X("x_low:Q"), "x2": "x_high:Q", "y": y}),
        ("y_bars", "y", {"y": alt.Y("y_low:Q"), "y2": "y_high:Q", "x": x}),
    ):
        yield (
            cells.transform_filter(f"p_bars && isValid(datum.{has}_low)")
            .mark_rule(strokeWidth=1.2, opacity=0.5)
            .encode(color=_color(page), **encodings)
            .properties(name=name)
        )


def _points(cells: alt.Chart, x: alt.X, y: alt.Y, page: Page) -> alt.Chart:
    import altair as alt  # noqa: PLC0415

    names = [method.name for method in page.methods]
    shapes = alt.Scale(domain=names, range=[method.shape for method in page.methods])
    points: alt.Chart = (
        cells.mark_point(size=POINT, strokeWidth=1.6, tooltip={"content": "data"})
        .encode(
            x=x,
            y=y,
            description="name:N",
            color=_color(page),
            fill=_color(page),
            shape=alt.Shape("m:N", scale=shapes, legend=None),
            fillOpacity=alt.condition("datum.member === 'p'", alt.value(0.12), alt.value(0.9)),
            opacity=alt.condition(
                "datum.member === 'n' || datum.member === 'x'", alt.value(0.35), alt.value(1)
            ),
        )
        .properties(name="points")
    )
    return points


def _color(page: Page) -> alt.Color:
    import altair as alt  # noqa: PLC0415

    scale = alt.Scale(
        domain=[method.name for method in page.methods],
        range=[method.color for method in page.methods],
    )
    return alt.Color("m:N", scale=scale, legend=None)


def _axis_titles() -> Iterator[alt.Chart]:
    """Yield the axes' titles as marks, since those of axes cannot be switched."""
    import altair as alt  # noqa: PLC0415

    one = alt.Chart(alt.InlineData(values=[{}]))
    yield one.mark_text(
        text=alt.ExprRef("p_ytitle"), x=0, y=-16, align="left", fontSize=12
    ).properties(name="y_title")
    yield one.mark_text(
        text=alt.ExprRef("p_xtitle"),
        x=alt.ExprRef("width"),
        y=alt.ExprRef("height + 36"),
        align="right",
        fontSize=12,
    ).properties(name="x_title")


def curve_rows(curves: Sequence[CurveView], quantities: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each epoch of each curve: `q0` is the first quantity."""
    return [
        {"c": place, "n": curve.cell, "m": curve.method, "e": epoch}
        | {
            f"q{number}": rounded(value)
            for number, name in enumerate(quantities)
            if name in curve.values and (value := curve.values[name][at]) is not None
        }
        for place, curve in enumerate(curves)
        for at, epoch in enumerate(curve.epochs)
    ]


def quantities_of(page: Page) -> list[str]:
    """Name what there are curves of: what validation measured, then losses, then weights."""
    found = {name for curve in page.curves for name in curve.values}
    order = ("validation/", "loss/", "weight/")
    return [name for start in order for name in sorted(found) if name.startswith(start)]


def curve_chart(page: Page) -> dict[str, Any]:
    """Draw a quantity over epochs, a line for each cell."""
    import altair as alt  # noqa: PLC0415

    quantities = quantities_of(page)
    names = [curve.cell for curve in page.curves]
    lines = (
        alt.Chart(alt.NamedData("epochs"))
        .transform_filter("isValid(datum['q' + p_q]) && indexof(p_methods, datum.m) >= 0")
        .transform_calculate(q="datum['q' + p_q]")
        .encode(
            x=alt.X(
                "e:Q",
                title="epoch",
                scale=alt.Scale(nice=False),
                axis=alt.Axis(tickMinStep=1, format="d"),
            ),
            y=alt.Y("q:Q", title=None, scale=alt.Scale(zero=False)),
            color=_color(page),
            detail="c:N",
            strokeDash=alt.StrokeDash(
                "n:N", scale=alt.Scale(domain=names, range=_dashes(page.curves)), legend=None
            ),
            tooltip=[
                alt.Tooltip("n:N", title="cell"),
                alt.Tooltip("e:Q", title="epoch"),
                alt.Tooltip("q:Q", title="value", format=".4~g"),
            ],
        )
    )
    parameters = {"p_q": 0, "p_methods": [method.name for method in page.methods]}
    chart = alt.layer(
        lines.mark_line(strokeWidth=1.8), lines.mark_point(size=60, opacity=0, strokeWidth=0)
    ).properties(width="container", height=CURVE_HEIGHT)
    spec = _with_look(chart, parameters)
    return {**spec, "datasets": {"epochs": curve_rows(page.curves, quantities)}}


def _dashes(curves: Sequence[CurveView]) -> list[list[int]]:
    """Give each of a method's cells a dash of its own; a method's first is drawn whole."""
    kinds = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4]]
    found, count = [], dict.fromkeys((curve.method for curve in curves), 0)
    for curve in curves:
        found.append(kinds[count[curve.method] % len(kinds)])
        count[curve.method] += 1
    return found


def _with_look(
    chart: alt.LayerChart | alt.FacetChart, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return the specification with what controls set, and a look that the page's style sheet
    colours."""
    import altair as alt  # noqa: PLC0415

    spec: dict[str, Any] = (
        chart.configure(background="transparent", font="inherit")
        .configure_view(stroke=None)
        .configure_axis(domain=False, ticks=False, labelPadding=6, labelFontSize=11, gridWidth=1)
        .add_params(*(alt.param(name=name, value=value) for name, value in parameters.items()))
        .to_dict()
    )
    return spec
