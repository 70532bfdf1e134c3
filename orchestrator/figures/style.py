"""What all pictures share: a method's colour and marker, the signed logarithm, saving."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from orchestrator.figures.markers import (
    BAR,
    BOW_TIE,
    CHEVRON,
    HALF_DISC,
    HOURGLASS,
    POLE,
    Marker,
)

Array = npt.NDArray[np.float64]

DPI = 150
PRINT_DPI = 300
"""Pixels an inch of a PNG for a paper, and of what is one image in an SVG or a PDF."""

FORMATS: dict[str, dict[Any, Any]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
"""Formats of pictures by their files' suffix, and what of their facts would differ each time."""

ROUND_STEPS = [1, 2, 5, 10]
INK, GREY, FAINT = "#222222", "#6b6b6b", "#e6e6e6"

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9.0,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "svg.hashsalt": "pareto",  # ids in an SVG are random without it
    "pdf.fonttype": 42,  # TrueType, which publishers take; the default, Type 3, many refuse
}


Dashes = tuple[float, ...]
"""Lengths of a line's strokes and gaps in turn, as multiples of its width; empty: it is solid."""


Fill = Literal["full", "none", "top", "left", "bottom", "right"]
"""Which part of a mark is filled."""

FILLS: tuple[Fill, ...] = ("full", "none", "top", "left", "bottom", "right")
"""How marks of one method's cells are filled in turn, on lines that differ in nothing else."""


@dataclass(frozen=True)
class MethodStyle:
    """How the trials of one training method look: shape and dashes tell it where colours do not."""

    color: str
    marker: Marker
    dashes: Dashes = ()
    fill: Fill = "full"


KNOWN_METHODS = {
    "standard": MethodStyle("#000000", "X", (1, 1.5)),
    "pgd": MethodStyle("#0072B2", "s", (5, 1.5)),
    "flow": MethodStyle("#56B4E9", "^", (3, 1.2)),
    "rt": MethodStyle("#009E73", "v", (6, 1.5, 1, 1.5)),
    "integrated": MethodStyle("#CC79A7", "D", (3, 1.2, 1, 1.2)),
    "average": MethodStyle("#E69F00", "P", (8, 2)),
    "maximum": MethodStyle("#B8A300", "p", (6, 1.5, 1, 1.5, 1, 1.5)),
    "pareto": MethodStyle("#D55E00", "o"),
}
"""Styles of known methods, in Okabe and Ito's palette for any colour vision, its yellow
darkened."""

OTHER_COLORS = ("#332288", "#882255", "#44AA99", "#999933", "#777777")
"""Colours of other methods, from Tol's muted palette, with hues between those of known ones."""

OTHER_MARKERS: tuple[Marker, ...] = (
    *("<", ">", "d", "*", "h", (4, 1, 0)),
    *(BAR, HOURGLASS, CHEVRON, BOW_TIE, POLE, HALF_DISC),
)
"""Shapes of other methods, twelve that known ones do not have."""

OTHER_DASHES: tuple[Dashes, ...] = (
    *((10, 2, 2, 2), (2, 2), (4, 1, 4, 3), (1, 3), (10, 3), (7, 1, 1, 1, 1, 1, 1, 1)),
    *((2, 1, 2, 4), (12, 2, 4, 2), (5, 4), (1, 1, 1, 4), (4, 2, 1, 2, 4, 4), (14, 3)),
)
"""Their lines, which differ from known ones' likewise."""


def method_styles(methods: Iterable[str]) -> dict[str, MethodStyle]:
    """Return a style for each method: its own for a known one, the others' in alphabetical order.

    Known methods come first, in the order of `KNOWN_METHODS`. Up to twelve others differ from each
    other and from these in shape and dashes, so that a picture is read without its colours.
    """
    present = set(methods)
    known = {name: style for name, style in KNOWN_METHODS.items() if name in present}
    others = zip(
        sorted(present - known.keys()),
        map(MethodStyle, cycle(OTHER_COLORS), cycle(OTHER_MARKERS), cycle(OTHER_DASHES)),
        strict=False,
    )
    return known | dict(others)


def cell_styles(methods: Sequence[str]) -> list[MethodStyle]:
    """Return a style for each of some cells, whose methods are given: the method's, and of its
    further cells the same with marks that are filled in another way, on lines of other dashes."""
    styles = method_styles(methods)
    before: Counter[str] = Counter()
    found = []
    for method in methods:
        place, style = before[method], styles[method]
        before[method] += 1
        if place:
            dashes = OTHER_DASHES[(place - 1) % len(OTHER_DASHES)]
            style = replace(style, fill=FILLS[place % len(FILLS)], dashes=dashes)
        found.append(style)
    return found


def signed_log(values: npt.ArrayLike) -> Array:
    """Compute `sign(v) * log(1 + |v|)` elementwise: linear around 0, logarithmic far from it."""
    v = np.asarray(values, dtype=np.float64)
    return np.sign(v) * np.log1p(np.abs(v))


def signed_exp(values: npt.ArrayLike) -> Array:
    """Compute `sign(u) * (exp(|u|) - 1)` elementwise, the inverse of `signed_log`."""
    u = np.asarray(values, dtype=np.float64)
    return np.sign(u) * np.expm1(np.abs(u))


def signed_log_ticks(low: float, high: float) -> list[float]:
    """Return round values in [low, high], spread evenly enough under `signed_log`.

    0 and, with both signs, 1, 2, 3 and 5 times the powers of ten; fewer in a decade where that
    makes more than twelve; evenly spaced values where it makes fewer than four.
    """
    decades = 10.0 ** np.arange(1 + np.log10(max(-low, high, 1.0)) // 1)
    for steps in ([1.0, 2.0, 3.0, 5.0], [1.0, 2.0, 5.0], [1.0]):
        positive = np.outer(decades, steps).ravel()
        ticks = np.concatenate([-positive[::-1], [0.0], positive])
        ticks = ticks[(low <= ticks) & (ticks <= high)]
        if len(ticks) <= 12:
            break
    if len(ticks) < 4:
        ticks = np.asarray(MaxNLocator(5, steps=ROUND_STEPS).tick_values(low, high))
        ticks = ticks[(low <= ticks) & (ticks <= high)]
    return [float(tick) for tick in ticks]


def save(figure: Figure, path_png: Path, path_svg: Path) -> None:
    """Save a figure as PNG and SVG; an equal figure gives an equal SVG, byte for byte."""
    with rc_context(RC):
        figure.savefig(path_png, format="png", dpi=DPI)
        figure.savefig(path_svg, format="svg", metadata={"Date": None})


def save_as(figure: Figure, path: Path) -> None:
    """Save a figure in the format of the path's suffix, one of `FORMATS`, as large as it is: an
    equal figure gives equal bytes. A PDF has its fonts in it, an SVG its letters as outlines.

    Raises:
        KeyError: another suffix.
    """
    with rc_context(RC):
        figure.savefig(
            path, format=path.suffix.removeprefix("."), dpi=PRINT_DPI, metadata=FORMATS[path.suffix]
        )
