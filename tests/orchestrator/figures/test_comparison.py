"""The picture of two sides: what is drawn, where it ends, and its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from orchestrator.figures.comparison import STYLES, compose, draw_comparison
from orchestrator.pareto.contrasts import PAPER, STRICT
from orchestrator.pareto.front import Front
from orchestrator.pareto.sides import side
from tests.orchestrator.pareto.test_contrasts import Cells, changed, table_of

CELLS: Cells = {
    "pareto": [(0.4, 0.05), (0.2, 0.0), (0.15, 0.04), (0.5, 0.9)],
    "average": [(0.3, 0.03)],
}


def fronts(*names: str) -> dict[str, tuple[Front, Front]]:
    table = changed(table_of(CELLS), "tpareto20", collapsed=True)
    ours, theirs = (side(table, it, method=it, reference="standard") for it in CELLS)
    return {
        name: (ours.front(name, largest_sacrifice=0.15), theirs.front(name, largest_sacrifice=0.15))
        for name in names
    }


def composed(*names: str) -> Figure:
    return compose(
        fronts(*names), names=("pareto", "average"), captions={STRICT: "by much"}, note="digits"
    )


def lines_of(figure: Figure, gid: str) -> list[Any]:
    return [line for axes in figure.axes for line in axes.get_lines() if line.get_gid() == gid]


def test_the_lines_bound_what_the_means_attain_up_to_the_end() -> None:
    first, second = lines_of(composed(STRICT), "staircase")
    assert first.get_xydata() == pytest.approx(
        np.array([(0, 0), (0, 20), (5, 20), (5, 40), (15, 40)], dtype=float)
    )
    assert second.get_xydata() == pytest.approx(np.array([(3, 0), (3, 30), (15, 30)], dtype=float))
    assert [line.get_color() for line in (first, second)] == [style.color for style in STYLES]


def test_there_is_a_panel_a_front_with_its_caption() -> None:
    figure = composed(STRICT, PAPER)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "union accuracy (%)",
        "robustness score (percentage points)",
    ]
    assert [axes.get_title(loc="left").strip() for axes in figure.axes] == [
        "strict front, ↖ better",
        "paper front, ↖ better",
    ]
    assert figure.axes[0].texts[0].get_text() == "by much"
    names = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert names[:2] == ["pareto", "average"]
    assert "best constant classifier" in names


def test_what_lies_far_beyond_the_end_is_counted() -> None:
    figure = composed(STRICT)
    assert figure.axes[0].get_xlim()[1] < 30
    assert "2 trials that sacrifice more are not shown" in figure.texts[-1].get_text()


def test_the_floor_is_drawn_where_the_union_is() -> None:
    figure = composed(STRICT, PAPER)
    assert [line.axes for line in lines_of(figure, "floor")] == figure.axes[:1]
    assert lines_of(figure, "floor")[0].get_ydata()[0] == pytest.approx(10)


def test_a_side_without_a_trial_is_drawn_too() -> None:
    table = table_of(CELLS).assign(status="pending")
    none = side(table, "a", method=None, reference="standard").front(STRICT, largest_sacrifice=0.15)
    figure = compose({STRICT: (none, none)}, names=("a", "b"), captions={}, note="")
    assert len(lines_of(figure, "staircase")) == 2


@pytest.mark.slow
def test_the_files_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw_comparison(
            fronts(STRICT, PAPER),
            tmp_path / f"{name}.png",
            tmp_path / f"{name}.svg",
            names=("pareto", "average"),
            captions={},
            note="$ is a dollar",
        )
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
