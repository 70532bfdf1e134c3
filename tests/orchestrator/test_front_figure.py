"""The front's picture: its geometry exactly, its artists as they are, its files byte for byte."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Polygon

from orchestrator.extraction import Front, extract_front
from orchestrator.figures.front import WIDTH, compose, draw_front, staircase
from orchestrator.figures.labels import setting_text
from orchestrator.figures.style import (
    DPI,
    KNOWN_METHODS,
    method_styles,
    signed_exp,
    signed_log,
    signed_log_ticks,
)
from orchestrator.objectives import DEFAULT_OBJECTIVES, default_reference_point, parse_objectives

OBJECTIVES = parse_objectives(DEFAULT_OBJECTIVES)

CELLS = [
    # method, rho, pgd.epsilon, score, sacrifice
    ("standard", np.nan, np.nan, 0.0, 0.0),
    ("pgd", np.nan, 4 / 255, 0.15, 0.12),
    ("pgd", np.nan, 8 / 255, 0.22, 0.2),
    ("pareto", 0.1, np.nan, 0.12, 0.02),
    ("pareto", 0.4, np.nan, 0.3, 0.06),
    ("pareto", 0.7, np.nan, 0.34, 0.2),
    ("mine_$x$", np.nan, np.nan, 0.1, 0.1),
]


def trials(seeds: int) -> pd.DataFrame:
    """Each cell at `seeds` seeds that lie on a diagonal around its mean; one trial failed."""
    rows = [
        {
            "trial_id": f"t{cell}_{seed}",
            "method": method,
            "seed": seed,
            "status": "done",
            "split": "test",
            "robustness_score": score + 0.004 * (seed - (seeds - 1) / 2),
            "sacrificed_accuracy": sacrifice + 0.004 * (seed - (seeds - 1) / 2),
            "on_front": False,
            "rho": rho,
            "pgd.epsilon": epsilon,
        }
        for cell, (method, rho, epsilon, score, sacrifice) in enumerate(CELLS)
        for seed in range(seeds)
    ]
    return pd.DataFrame([*rows, {**rows[-1], "trial_id": "tx", "status": "failed"}])


def front_of(table: pd.DataFrame) -> Front:
    reference = default_reference_point(OBJECTIVES)
    return extract_front(
        table, objectives=OBJECTIVES, reference_point=reference, keep_collapsed=False
    )


def drawn_trials(axes: Axes) -> np.ndarray:
    marks = [c for c in axes.collections if str(c.get_gid()).startswith("trials-")]
    return np.vstack([np.asarray(c.get_offsets()) for c in marks]) if marks else np.empty((0, 2))


def texts(figure: Figure, panel: int) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts]


# --- the transformation


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_signed_log_is_odd_monotone_and_invertible(u: float, v: float) -> None:
    assert signed_log(-u) == -signed_log(u)
    assert signed_exp(signed_log(u)) == pytest.approx(u, rel=1e-12, abs=1e-12)
    if u < v:
        assert signed_log(u) <= signed_log(v)


def test_signed_log_at_known_values() -> None:
    values = [0.0, np.e - 1, 1 - np.e, 99.0]
    assert signed_log(values) == pytest.approx([0.0, 1.0, -1.0, np.log(100.0)], abs=1e-15)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-1.5, 12, [-1, 0, 1, 2, 3, 5, 10]),
        (-3, 120, [-2, -1, 0, 1, 2, 5, 10, 20, 50, 100]),
        (-10, 2e5, [-10, -1, 0, 1, 10, 100, 1e3, 1e4, 1e5]),
        (20.5, 41, [25, 30, 35, 40]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, expected: list[float]) -> None:
    assert signed_log_ticks(low, high) == pytest.approx(expected)


# --- the staircase


@pytest.mark.parametrize(
    ("points", "reference", "expected"),
    [
        ([], (5, 5), []),
        ([(1, 2)], (5, 6), [(1, 6), (1, 2), (5, 2)]),
        (
            [(3, 1), (1, 4), (3, 1), (2, 2)],  # any order, one of them twice
            (5, 6),
            [(1, 6), (1, 4), (2, 4), (2, 2), (3, 2), (3, 1), (5, 1)],
        ),
        ([(1, 9), (8, 1)], (5, 5), [(1, 9), (1, 9), (8, 9), (8, 1), (8, 1)]),  # beyond the end
    ],
)
def test_staircase_vertices(
    points: list[tuple[float, float]],
    reference: tuple[float, float],
    expected: list[tuple[float, float]],
) -> None:
    assert staircase(points, reference).tolist() == [list(vertex) for vertex in expected]


def test_staircase_and_region_in_the_picture() -> None:
    """Score 0.1 at sacrifice 0.02, 0.3 at 0.06: up and to the right in percentage points."""
    table = pd.DataFrame(
        {
            "trial_id": ["t0", "t1", "t2"],
            "robustness_score": [0.1, 0.3, -0.1],
            "sacrificed_accuracy": [0.02, 0.06, 0.0],
        }
    )
    for axes in compose(table, front_of(table), note="").axes:
        (line,) = (artist for artist in axes.lines if artist.get_gid() == "staircase")
        steps = [(0, -10), (0, -10), (2, -10), (2, 10), (6, 10), (6, 30), (100, 30)]
        assert line.get_xydata() == pytest.approx(np.array(steps))
        (region,) = (artist for artist in axes.patches if isinstance(artist, Polygon))
        corners = [(2, 0), (2, 10), (6, 10), (6, 30), (100, 30), (100, 0), (2, 0)]
        assert region.get_xy() == pytest.approx(np.array(corners))


# --- what is drawn


@pytest.mark.parametrize("seeds", [0, 1, 3])
def test_every_done_trial_is_drawn_once_in_both_panels(seeds: int) -> None:
    table = trials(seeds) if seeds else trials(1).head(0)
    figure = compose(table, front_of(table), note="")
    done = table[table["status"] == "done"]
    expected = 100 * done[["sacrificed_accuracy", "robustness_score"]].to_numpy()
    for axes in figure.axes:
        points = drawn_trials(axes)
        assert len(points) == seeds * len(CELLS)
        assert np.sort(points, axis=0) == pytest.approx(np.sort(expected, axis=0))
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert ((points > (left, bottom)) & (points < (right, top))).all()


def test_knee_is_ringed_and_named_and_pareto_cells_have_their_setting() -> None:
    table = trials(3)
    front = front_of(table)
    figure = compose(table, front, note="digits")
    knee = table[table["trial_id"] == front.knee].iloc[0]
    assert knee["rho"] == 0.4
    for panel, axes in enumerate(figure.axes):
        (ring,) = (artist for artist in axes.collections if artist.get_gid() == "knee")
        assert np.asarray(ring.get_offsets())[0].tolist() == pytest.approx(
            [100 * knee["sacrificed_accuracy"], 100 * knee["robustness_score"]]
        )
        labels = texts(figure, panel)
        assert "knee: ρ = 0.4" in labels
        assert "ρ = 0.1" in labels
        assert "ρ = 0.4" not in labels
    (small_print,) = figure.texts
    assert small_print.get_text() == "21 trials, 3 seeds · test images · digits"


def test_small_print_of_any_length_has_rows_of_its_own() -> None:
    table = trials(1)
    front = front_of(table)
    short = compose(table, front, note="digits")
    long = compose(table, front, note="digits, " * 60 + "\nthe last line")
    (text,) = long.texts
    assert text.get_text().splitlines()[-1] == "the last line"
    assert len(text.get_text().splitlines()) == 5
    box = text.get_window_extent()
    assert long.bbox.x0 <= box.x0 and long.bbox.y0 <= box.y0 and box.x1 <= long.bbox.x1
    assert not any(box.overlaps(legend.get_window_extent()) for legend in long.legends)
    heights = [figure.axes[0].get_window_extent().height for figure in (short, long)]
    assert heights[0] == pytest.approx(heights[1])


def test_labels_stay_within_the_axes_and_cover_nothing() -> None:
    """Trials are strewn around the Pareto cells, so that the first places are often taken."""
    table = trials(2)
    around = table[table["method"] == "pareto"].sample(40, replace=True, random_state=0)
    random = np.random.default_rng(0)
    around = around.assign(
        trial_id=[f"a{k}" for k in range(40)],
        method="flow",
        robustness_score=around["robustness_score"] - 0.01 + random.normal(0, 0.02, 40),
        sacrificed_accuracy=around["sacrificed_accuracy"] + random.normal(0, 0.02, 40),
    )
    table = pd.concat([table, around], ignore_index=True)
    figure = compose(table, front_of(table), note="")
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts]
        for k, box in enumerate(boxes):
            assert box.count_overlaps(boxes[:k]) == 0
            assert not any(box.contains(*at) for at in axes.transData.transform(drawn_trials(axes)))
            assert axes.get_window_extent().containsx(box.x0)
            assert axes.get_window_extent().containsy(box.y1)


def test_no_label_stands_by_another_cell() -> None:
    """Cells so near to each other that their labels cannot all be placed."""
    table = trials(1)
    crowd = [{**table.iloc[4], "trial_id": f"c{k}", "rho": 0.5 + k / 100} for k in range(6)]
    crowd = [{**row, "sacrificed_accuracy": 0.07 + k / 200} for k, row in enumerate(crowd)]
    table = pd.concat([table, pd.DataFrame(crowd)], ignore_index=True)
    cells_at = table[(table["method"] == "pareto") & (table["status"] == "done")]
    figure = compose(table, front_of(table), note="")
    for axes in figure.axes:
        at = 100 * cells_at[["sacrificed_accuracy", "robustness_score"]].to_numpy()
        pixels = axes.transData.transform(at)
        labels = [text for text in axes.texts if text.get_text().startswith("ρ")]
        assert 0 < len(labels) < len(cells_at)
        for label in labels:
            box = label.get_window_extent()
            gaps = np.maximum([box.x0, box.y0] - pixels, pixels - [box.x1, box.y1]).clip(min=0)
            nearest = cells_at["rho"].iloc[int(np.hypot(*gaps.T).argmin())]
            assert label.get_text() == f"ρ = {nearest:g}"


def test_up_and_left_are_better_whatever_the_direction() -> None:
    table = trials(1).assign(seconds=range(8), natural_accuracy=np.linspace(0.9, 0.5, 8))
    objectives = parse_objectives(["seconds", "natural_accuracy"])
    front = extract_front(
        table, objectives=objectives, reference_point=(9.0, 0.0), keep_collapsed=False
    )
    for axes in compose(table, front, note="").axes:
        assert axes.xaxis.get_inverted()
        assert axes.yaxis.get_inverted()
        assert axes.get_xlabel() == "natural accuracy (%)"
        assert axes.get_ylabel() == "seconds"


def test_three_objectives_are_drawn_without_a_staircase() -> None:
    table = trials(1).assign(seconds=1.0)
    objectives = parse_objectives([*DEFAULT_OBJECTIVES, "seconds"])
    front = extract_front(
        table, objectives=objectives, reference_point=(0.0, 1.0, 2.0), keep_collapsed=False
    )
    figure = compose(table, front, note="")
    assert len(drawn_trials(figure.axes[0])) == len(CELLS)
    assert all(np.size(line.get_xydata()) == 0 for line in figure.axes[0].lines if line.get_gid())


def test_methods_keep_their_looks() -> None:
    assert method_styles(["mine", "pareto", "yours"])["pareto"] == KNOWN_METHODS["pareto"]
    assert list(method_styles(["zeta", "pgd", "standard", "alpha"])) == [
        "standard",
        "pgd",
        "alpha",
        "zeta",
    ]
    many = method_styles([*KNOWN_METHODS, *(f"method_{k:02}" for k in range(12))])
    assert len(set(many.values())) == len(KNOWN_METHODS) + 12


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"rho": 0.4}, "ρ = 0.4"),
        ({"pgd.epsilon": 8 / 255, "natural_weight": 0.25}, "pgd ε = 8/255, natural weight = 0.25"),
        ({"flow.epsilon": 0.2, "padding": "zeros"}, "flow ε = 0.2, padding = zeros"),
        ({"num_steps": 10}, "num steps = 10"),
    ],
)
def test_settings_in_a_few_characters(settings: dict[str, object], expected: str) -> None:
    assert setting_text(settings) == expected


# --- the files


@pytest.mark.slow
def test_files_are_what_they_should_be(tmp_path: Path) -> None:
    table = trials(2)
    for k in range(2):
        png, svg = tmp_path / f"{k}.png", tmp_path / f"{k}.svg"
        draw_front(table, front_of(table), png, svg, note=r"no formula: $\frac$")
    height, width, _ = imread(tmp_path / "0.png").shape
    assert width == WIDTH * DPI
    assert 0.4 < height / width < 0.6
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes()
    root = ElementTree.parse(tmp_path / "0.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_degenerate_fronts_are_drawn(tmp_path: Path) -> None:
    one = trials(1).head(1)
    equal = pd.concat([one] * 4, ignore_index=True).assign(trial_id=["a", "b", "c", "d"])
    for table, points in ((one.head(0), 0), (one, 1), (equal, 4)):
        figure = compose(table, front_of(table), note="")
        figure.savefig(tmp_path / "front.png")
        assert len(drawn_trials(figure.axes[0])) == points
        assert ("no trial is done" in texts(figure, 0)) is (points == 0)
