"""Pictures of very many points: small files that show what a picture of all would."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from orchestrator.figures.crowd import (
    MANY,
    MOST_METHODS,
    few_methods,
    fewer_vertices,
    points_to_draw,
)
from orchestrator.figures.front import compose, draw_front
from orchestrator.figures.placement import PLACEMENTS
from orchestrator.pareto.front import Front, extract_front
from orchestrator.table.objectives import (
    DEFAULT_OBJECTIVES,
    default_reference_point,
    parse_objectives,
)
from tests.bench.large_tables import random_table

OBJECTIVES = parse_objectives(DEFAULT_OBJECTIVES)
LARGEST_PICTURE = 2e6


def front_of(table: pd.DataFrame) -> Front:
    return extract_front(
        table,
        objectives=OBJECTIVES,
        reference_point=default_reference_point(OBJECTIVES),
        keep_collapsed=False,
    )


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(10, 30, (2, 50_000))


def test_few_points_are_all_drawn(points: np.ndarray) -> None:
    x, y = points[:, :MANY]
    assert points_to_draw(x, y, [np.zeros(MANY)], 4).all()


def test_of_many_each_is_near_one_of_its_looks_that_is_drawn(points: np.ndarray) -> None:
    x, y = points
    method = np.arange(len(x)) % 2
    keep = points_to_draw(x, y, [method], 50)
    assert keep.sum() < len(x) / 5
    squares = [np.floor((v - v.min()) / (np.ptp(v) / 50)) for v in (x, y)]
    places = pd.DataFrame({"x": squares[0], "y": squares[1], "method": method})
    drawn = set(places[keep].itertuples(index=False, name=None))
    assert set(places.itertuples(index=False, name=None)) == drawn
    for axis in points:
        assert keep[axis.argmin()] and keep[axis.argmax()]


def test_equal_points_are_one() -> None:
    keep = points_to_draw(np.full(10_000, 3.0), np.full(10_000, 4.0), [], 10)
    assert keep.sum() == 1


def test_a_line_keeps_where_it_turns() -> None:
    x = np.linspace(0, 100, 100_001)
    steps = np.column_stack([x, np.floor(x / 10)])
    kept = fewer_vertices(steps, steps)
    assert len(kept) < 1000
    assert kept[[0, -1]].tolist() == steps[[0, -1]].tolist()
    assert np.abs(np.interp(x, *kept.T) - steps[:, 1]).max() <= 1
    assert fewer_vertices(steps[:MANY], steps[:MANY]) is not steps
    assert len(fewer_vertices(steps[:MANY], steps[:MANY])) == MANY


def test_methods_beyond_what_a_legend_holds_are_drawn_alike() -> None:
    names = pd.Series([f"m{k}" for k in range(100)] + ["pareto"] * 3)
    few = few_methods(names)
    assert few.nunique() == MOST_METHODS
    assert (few[names == "pareto"] == "pareto").all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cloud", "all on the front", "a method each", "equal"])
def test_pictures_of_crowds_are_small(tmp_path: Path, kind: str) -> None:
    table = random_table(20_000, seed=3)
    if kind == "all on the front":
        table["robustness_score"] = table["sacrificed_accuracy"] = np.linspace(0, 1, len(table))
    if kind == "a method each":
        table["method"] = [f"{'long ' * 100}{k}" for k in range(len(table))]
    if kind == "equal":
        table[["robustness_score", "sacrificed_accuracy"]] = 0.3
    paths = tmp_path / "front.png", tmp_path / "front.svg"
    draw_front(front_of(table), *paths, placement=PLACEMENTS[0], of="cells", note="")
    for path in paths:
        assert path.stat().st_size < LARGEST_PICTURE
    assert ElementTree.parse(paths[1]).getroot().tag.endswith("svg")


def test_text_in_a_picture_is_text(tmp_path: Path) -> None:
    """What XML forbids, formulas, markup and 10,000 characters are in names and settings."""
    odd = ["<script>", "$x^2$ _&_", "\x1b[31m\x00\n", "\u202eabc", "x" * 10_000]
    table = random_table(len(odd), seed=0).assign(method=odd, split="\x07", rho=odd)
    table["=1+1\x08"] = odd
    front = front_of(table)
    figure = compose(front, placement=PLACEMENTS[0], of="cells", note="\x1b]0;title\x07")
    names = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
    assert {"<script>", "$x^2$ _&_", "\\x1b[31m\\x00\\n", "\\u202eabc"} <= names
    assert max(map(len, names)) < 100
    draw_front(
        front,
        tmp_path / "a.png",
        tmp_path / "a.svg",
        placement=PLACEMENTS[0],
        of="cells",
        note="\x00",
    )
    ElementTree.parse(tmp_path / "a.svg")
