"""A page as one HTML file: no other file and no network is needed to read it.

All text is escaped by the template. Data and charts are JSON in which no `<` is left, so that no
label ends the script that it stands in. A policy within the file lets the browser run the file's
own two scripts alone, by their SHA-256, and ask no network for anything.
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from orchestrator.page.charts import curve_chart, front_chart, quantities_of, rounded, title_of
from orchestrator.page.view import Mark, Page
from orchestrator.terminal.units import count_text

COSTS = ("seconds", "training_passes")
"""Columns that are said of a cell in brief, beside those that fronts are drawn over."""

LEAST = 0.005
"""Size of numbers below which two decimals would say 0."""

ROUNDING = 1e-9
"""Size of numbers below which they are what rounding leaves of 0."""

FILE = "report.html"
"""Name of the page in the folder of its sweep or table."""


def document(page: Page) -> bytes:
    """Write a page as HTML in UTF-8; an equal page gives equal bytes."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": number_text,
        "quantity": quantity_text,
        "front_words": front_words,
        "count": lambda it: "" if it is None else count_text(it),
    }
    library, script = charting_library(), _part("page.js")
    text = environment.from_string(_part("template.html.j2")).render(
        page=page,
        policy=policy(library, script),
        style=Markup(_part("page.css")),
        library=Markup(library),
        script=Markup(script),
        data=script_json(page_data(page)),
        quantities=[(at, name) for at, name in enumerate(quantities_of(page))],
        is_drawn=is_drawn(page),
        on_front=sum(cell.marks[0].is_on_front for cell in page.tables[0].cells),
    )
    return text.encode(errors="backslashreplace")


def is_drawn(page: Page) -> bool:
    """Whether some cell has numbers on the axes that are shown first."""
    table = page.tables[0]
    x, y = table.fronts[0].x, table.fronts[0].y
    return any(
        cell.spots[x].mean is not None and cell.spots[y].mean is not None for cell in table.cells
    )


def page_data(page: Page) -> dict[str, Any]:
    """Return what the page's script reads: charts, and what its controls and details say."""
    drawn = {at for table in page.tables for it in table.fronts for at in (it.x, it.y)}
    return {
        "front": front_chart(page) if is_drawn(page) else None,
        "curves": curve_chart(page) if page.curves else None,
        "axes": [
            {
                "name": axis.name,
                "words": axis.words,
                "brief": at in drawn or axis.name in COSTS,
                "x_title": title_of(axis, is_vertical=False),
                "y_title": title_of(axis, is_vertical=True),
            }
            for at, axis in enumerate(page.axes)
        ],
        "tables": [
            {
                "fronts": [
                    {
                        "title": front.title,
                        "x": front.x,
                        "y": front.y,
                        "line": front.line,
                        "lines": front.lines,
                        "members": front.has_members,
                        "note": _note(front.has_intervals, front.why_points),
                    }
                    for front in table.fronts
                ],
                "cells": [
                    {
                        "seeds": f"{cell.seeds} of {cell.planned}",
                        "collapsed": cell.collapsed,
                        "often": [rounded(mark.recurrence) for mark in cell.marks],
                        "trials": [
                            [it.id, it.seed, it.status, it.why, it.weights] for it in cell.trials
                        ],
                    }
                    for cell in table.cells
                ],
            }
            for table in page.tables
        ],
        "methods": [method.name for method in page.methods],
        "tracking": page.tracking,
        "live": page.is_live,
    }


def _note(has_intervals: bool, why: str) -> str:
    return "bars: 95 % intervals, each for itself" if has_intervals else f"points alone: {why}"


def script_json(value: Any) -> Markup:
    """Write JSON that may stand in a script of HTML: it has no `<`, which would begin a tag."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


@cache
def charting_library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script; made once a process, for it takes a
    second."""
    import vl_convert  # noqa: PLC0415

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    assert "</script" not in script.lower(), "a script must not end the element that it stands in"
    return script


def policy(*scripts: str) -> str:
    """Write the content security policy under which only these scripts run, and nothing is asked
    of a network."""
    sums = (b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{it}'" for it in sums)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def number_text(value: float | None) -> str:
    """Write a number for people, without digits that nobody needs; nothing where there is none."""
    if value is None:
        return ""
    value = 0.0 if abs(value) < ROUNDING else value
    if 0 < abs(value) < LEAST:
        return f"{value:.2g}"
    return f"{value:.2f}" if abs(value) < 1000 else count_text(value)


def quantity_text(name: str) -> str:
    """Write the name of what was measured after epochs for people."""
    about, _, what = name.partition("/")
    words = what.replace("_", " ")
    return words if about == "validation" else f"{about} of {words}"


def front_words(mark: Mark) -> str:
    """Say whether a cell is on a front, and how sure that is."""
    member = {"yes": "surely", "possible": "possibly", "no": "ruled out"}.get(mark.membership, "")
    seen = "knee" if mark.is_knee else "yes" if mark.is_on_front else ""
    return ", ".join(filter(None, (seen, member if mark.takes_part else "kept off")))


def _part(name: str) -> str:
    return files("orchestrator.page").joinpath(name).read_text(encoding="utf-8")
