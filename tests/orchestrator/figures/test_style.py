"""What all pictures share: looks that differ without colours, and files as they were asked for."""

from __future__ import annotations

import re
import struct
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle

from orchestrator.figures.style import (
    FORMATS,
    KNOWN_METHODS,
    OTHER_DASHES,
    OTHER_MARKERS,
    PRINT_DPI,
    RC,
    Marker,
    method_styles,
    save_as,
)

METHODS = [*KNOWN_METHODS, *(f"other{k:02}" for k in range(len(OTHER_MARKERS)))]
"""As many methods as are told apart without colours: twenty."""


def mask(marker: Marker) -> np.ndarray:
    """The marker's pixels on a grid, centred and as large as it."""
    style = MarkerStyle(marker)
    path = style.get_path().transformed(style.get_transform())
    corners = path.to_polygons(closed_only=True)[0]
    low, high = corners.min(axis=0), corners.max(axis=0)
    at = (np.arange(40) + 0.5) / 40 * 1.2 - 0.6
    grid = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
    points = grid * (high - low).max() + (low + high) / 2
    return path.contains_points(points)


def test_up_to_twenty_methods_differ_in_shape_and_in_dashes() -> None:
    """In grey, or for any colour vision: no two markers share 9 tenths of their area."""
    styles = method_styles(METHODS)
    assert len(styles) == 20
    masks = {name: mask(style.marker) for name, style in styles.items()}
    for (first, a), (second, b) in combinations(masks.items(), 2):
        assert (a & b).sum() / (a | b).sum() < 0.9, f"{first} and {second} look alike"
    assert len({style.dashes for style in styles.values()}) == 20
    assert len(OTHER_DASHES) == len(OTHER_MARKERS)


def test_known_methods_look_the_same_beside_any_others() -> None:
    assert method_styles(["pareto"])["pareto"] == method_styles(METHODS)["pareto"]


def drawing(inches: tuple[float, float]) -> Figure:
    with rc_context(RC):
        figure = Figure(figsize=inches)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], marker="o", label="ρ = 0.4")
        axes.set_title("↖ better, − ε ± 1 | é")
        axes.legend()
    return figure


@pytest.mark.slow
@pytest.mark.parametrize("width", [3.25, 7.0])
def test_files_are_as_wide_as_was_asked(tmp_path: Path, width: float) -> None:
    figure = drawing((width, 2.5))
    for suffix in FORMATS:
        save_as(figure, tmp_path / f"a{suffix}")
    svg = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert svg.attrib["width"] == f"{72 * width:g}pt"
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", (tmp_path / "a.pdf").read_bytes())
    assert box is not None
    assert float(box[1]) == pytest.approx(72 * width)
    png = (tmp_path / "a.png").read_bytes()
    assert struct.unpack(">I", png[16:20])[0] == round(width * PRINT_DPI)
    at = png.index(b"pHYs") + 4
    assert struct.unpack(">I", png[at : at + 4])[0] * 0.0254 == pytest.approx(PRINT_DPI, abs=0.1)


@pytest.mark.slow
def test_a_pdf_has_its_fonts_as_truetype_and_no_file_a_date(tmp_path: Path) -> None:
    for name in "ab":
        for suffix in FORMATS:
            save_as(drawing((3.25, 2.5)), tmp_path / f"{name}{suffix}")
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf
    assert not re.search(r"<text|font-family", (tmp_path / "a.svg").read_text())  # outlines
    for suffix in FORMATS:
        first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
        assert first == second, suffix
