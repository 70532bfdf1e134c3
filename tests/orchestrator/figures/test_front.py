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
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Polygon

from orchestrator.figures.appearance import COLUMN, PAGE, WIDTH, Appearance
from orchestrator.figures.front import (
    compose,
    draw_front,
)
from orchestrator.figures.labels import setting_text
from orchestrator.figures.placement import FRONTS, PLACEMENTS, FrontOf, Placement
from orchestrator.figures.spread import staircase
from orchestrator.figures.style import (
    DPI,
    KNOWN_METHODS,
    method_styles,
    signed_exp,
    signed_log,
    signed_log_ticks,
)
from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import Front, extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.table.objectives import (
    DEFAULT_OBJECTIVES,
    Objective,
    default_reference_point,
    parse_objectives,
)
from tests.orchestrator.figures.page import overlaps_in, texts_in

NO_BITS = Answers(why_not="there are none")
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


def legend_texts(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


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
    for axes in compose(front_of(table), placement="score", of="cells", note="").axes:
        (line,) = (artist for artist in axes.lines if artist.get_gid() == "staircase")
        steps = [(0, -10), (0, -10), (2, -10), (2, 10), (6, 10), (6, 30), (100, 30)]
        assert line.get_xydata() == pytest.approx(np.array(steps))
        (region,) = (artist for artist in axes.patches if isinstance(artist, Polygon))
        corners = [(2, 0), (2, 10), (6, 10), (6, 30), (100, 30), (100, 0), (2, 0)]
        assert region.get_xy() == pytest.approx(np.array(corners))


@pytest.mark.parametrize("of", FRONTS)
def test_the_line_is_of_means_unless_it_is_to_be_of_trials(of: FrontOf) -> None:
    """The luckiest seeds lie beyond their means, and lead the front of single trials."""
    table = trials(3)
    table = table[table["status"] == "done"]
    figure = compose(front_of(table), placement="score", of=of, note="")
    name = {"cells": "front of means over seeds", "trials": "front of single trials"}[of]
    assert name in legend_texts(figure)
    for axes in figure.axes:
        (line,) = (artist for artist in axes.lines if artist.get_gid() == "staircase")
        highest = 34 if of == "cells" else 34.4
        assert np.asarray(line.get_ydata()).max() == pytest.approx(highest)


@pytest.mark.parametrize("seeds", [1, 3])
def test_without_means_the_line_is_of_trials(seeds: int) -> None:
    """Where each cell has one seed, and where none has all of its seeds yet."""
    table = trials(seeds).iloc[:-1]
    table.loc[table["seed"] == 1, "status"] = "pending"
    figure = compose(front_of(table), placement="score", of="cells", note="")
    assert "front of single trials" in legend_texts(figure)


# --- what is drawn


@pytest.mark.parametrize("seeds", [0, 1, 3])
def test_every_done_trial_is_drawn_once_in_both_panels(seeds: int) -> None:
    table = trials(seeds) if seeds else trials(1).head(0)
    figure = compose(front_of(table), placement="score", of="cells", note="")
    done = table[table["status"] == "done"]
    expected = 100 * done[["sacrificed_accuracy", "robustness_score"]].to_numpy()
    for axes in figure.axes:
        points = drawn_trials(axes)
        assert len(points) == seeds * len(CELLS)
        assert np.sort(points, axis=0) == pytest.approx(np.sort(expected, axis=0))
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert ((points > (left, bottom)) & (points < (right, top))).all()


@pytest.mark.parametrize("of", FRONTS)
def test_knee_is_ringed_and_named_and_pareto_cells_have_their_setting(of: FrontOf) -> None:
    table = trials(3)
    front = front_of(table)
    figure = compose(front, placement="score", of=of, note="digits")
    knee = table[table["trial_id"] == front.knee].iloc[0]
    assert knee["rho"] == 0.4
    if of == "cells":
        knee = table[table["rho"] == 0.4][["sacrificed_accuracy", "robustness_score"]].mean()
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
    assert small_print.get_text() == (
        "21 trials, 3 seeds, 1 of 7 cells without all their seeds · test images · digits"
    )


def test_small_print_of_any_length_has_rows_of_its_own() -> None:
    table = trials(1)
    front = front_of(table)
    short = compose(front, placement="score", of="cells", note="digits")
    long = compose(front, placement="score", of="cells", note="digits, " * 60 + "\nthe last line")
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
    table = table[table["status"] == "done"]
    around = table[table["method"] == "pareto"].sample(40, replace=True, random_state=0)
    random = np.random.default_rng(0)
    around = around.assign(
        trial_id=[f"a{k}" for k in range(40)],
        method="flow",
        robustness_score=around["robustness_score"] - 0.01 + random.normal(0, 0.02, 40),
        sacrificed_accuracy=around["sacrificed_accuracy"] + random.normal(0, 0.02, 40),
    )
    table = pd.concat([table, around], ignore_index=True)
    figure = compose(front_of(table), placement="score", of="cells", note="")
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
    figure = compose(front_of(table), placement="score", of="cells", note="")
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
    for axes in compose(front, placement="score", of="cells", note="").axes:
        assert axes.xaxis.get_inverted()
        assert axes.yaxis.get_inverted()
        assert axes.get_xlabel().startswith("natural accuracy (%)")
        assert axes.get_ylabel() == "seconds"
    for axes in compose(front, placement="paper", of="cells", note="").axes:
        assert axes.xaxis.get_inverted(), "few seconds are right"
        assert axes.yaxis.get_inverted(), "high accuracies are down"


@pytest.mark.parametrize("of", FRONTS)
@pytest.mark.parametrize("objectives", [OBJECTIVES, OBJECTIVES[::-1]])
def test_axes_of_the_paper_have_the_sacrifice_vertical(
    objectives: tuple[Objective, ...], of: FrontOf
) -> None:
    """It alone is logarithmic, says so, and down and right are better."""
    reference = default_reference_point(objectives)
    front = extract_front(
        trials(2), objectives=objectives, reference_point=reference, keep_collapsed=False
    )
    figure = compose(front, placement="paper", of=of, note="")
    points = 100 * front.measured[["robustness_score", "sacrificed_accuracy"]].to_numpy()
    best = front.means()[front.cells["on_front"]] if of == "cells" else front.points
    corners = 100 * best[["robustness_score", "sacrificed_accuracy"]].to_numpy()
    for axes, is_log in zip(figure.axes, (False, True), strict=True):
        assert np.sort(drawn_trials(axes), axis=0) == pytest.approx(np.sort(points, axis=0))
        assert not axes.xaxis.get_inverted()
        assert not axes.yaxis.get_inverted()
        assert axes.get_xlabel() == "robustness score (percentage points)"
        assert axes.get_ylabel().startswith("sacrificed natural accuracy (percentage points)")
        assert ("sign(v) · log(1 + |v|)" in axes.get_ylabel()) is is_log
        assert axes.get_xscale() == "linear"
        assert axes.get_yscale() == ("function" if is_log else "linear")
        assert axes.get_title(loc="left") == "↘ better"
        (line,) = (artist for artist in axes.lines if artist.get_gid() == "staircase")
        vertices = np.asarray(line.get_xydata())
        assert all(np.isclose(vertices, corner).all(axis=1).any() for corner in corners)
        heights = np.diff(axes.transData.transform([(0, 0), (0, 10), (0, 20)])[:, 1])
        shrinks = np.log(21 / 11) / np.log(11) if is_log else 1
        assert heights[1] / heights[0] == pytest.approx(shrinks)


def test_score_stands_over_the_sacrifice_by_default() -> None:
    raw, log = compose(front_of(trials(2)), placement="score", of="cells", note="").axes
    assert (raw.get_xscale(), raw.get_yscale()) == ("linear", "linear")
    assert (log.get_xscale(), log.get_yscale()) == ("function", "linear")
    assert log.get_xlabel().endswith("as sign(v) · log(1 + |v|)")
    assert log.get_ylabel() == raw.get_ylabel() == "robustness score (percentage points)"
    assert raw.get_title(loc="left") == "↖ better"


def test_what_has_collapsed_is_hollow() -> None:
    """Trials one by one; a mean where all its trials are."""
    table = trials(2)
    is_mine, is_first = table["method"] == "mine_$x$", table["trial_id"] == "t1_0"
    figure = compose(
        front_of(table.assign(collapsed=is_mine | is_first)), placement="score", of="cells", note=""
    )
    for axes in figure.axes:
        drawn = {str(marks.get_gid()): marks for marks in axes.collections}
        assert len(np.asarray(drawn["collapsed-mine_$x$"].get_offsets())) == 2
        assert len(np.asarray(drawn["collapsed-pgd"].get_offsets())) == 1
        assert len(np.asarray(drawn["trials-pgd"].get_offsets())) == 3
        assert not len(drawn["collapsed-pgd"].get_facecolor())
        assert len(drawn["trials-pgd"].get_facecolor())
        assert "trials-mine_$x$" not in drawn
        means = [line for line in axes.lines if line.get_marker() not in {"None", ""}]
        assert [line.get_markerfacecolor() for line in means].count("white") == 1
    assert "collapsed: right on one class" in legend_texts(figure)
    assert "3 collapsed and kept off the front" in figure.texts[0].get_text()
    figure = compose(front_of(table), placement="score", of="cells", note="")
    assert "collapsed: right on one class" not in legend_texts(figure)


def test_cell_that_lacks_seeds_says_so() -> None:
    table = trials(3)
    table.loc[table["trial_id"] == "t5_1", "status"] = "failed"  # pareto, rho 0.7
    table.loc[table["trial_id"] == "t4_0", "status"] = "pending"  # rho 0.4, where the knee is
    figure = compose(front_of(table), placement="score", of="trials", note="")
    for panel in (0, 1):
        labels = texts(figure, panel)
        assert "ρ = 0.7, 2 of 3 seeds" in labels
        assert "knee: ρ = 0.4, 2 of 3 seeds" in labels
        assert "3 of 4 seeds" in labels, "of the method with a trial that failed"
    assert "3 of 7 cells without all their seeds" in figure.texts[0].get_text()
    figure = compose(front_of(table), placement="score", of="cells", note="")
    assert "ρ = 0.4, 2 of 3 seeds" in texts(figure, 0), "no knee, since it is on no front of cells"
    begun = front_of(table.assign(status=["done", "pending", "pending"] * len(CELLS) + ["pending"]))
    figure = compose(begun, placement="score", of="cells", note="")
    assert not any("seeds" in text for text in texts(figure, 0)), "where all do, it is said once"
    assert "7 of 7 cells without all their seeds" in figure.texts[0].get_text()


@pytest.mark.parametrize(
    ("placement", "name"), [("score", "union_accuracy"), ("paper", "worst_pgd")]
)
def test_best_constant_classifier_is_a_line(placement: Placement, name: str) -> None:
    table = trials(1).assign(
        union_accuracy=np.linspace(0.05, 0.25, 8), worst_pgd=0.3, constant_accuracy=0.1
    )

    def figure_of(*names: str, **columns: float) -> Figure:
        front = extract_front(
            table.assign(**columns),
            objectives=parse_objectives(names),
            reference_point=(0.0, 1.0),
            keep_collapsed=False,
        )
        return compose(front, placement=placement, of="cells", note="")

    def floors(axes: Axes) -> list[list[float]]:
        lines = [line for line in axes.lines if line.get_gid() == "floor"]
        is_across = placement == "score"  # the accuracy is vertical
        return [list(line.get_ydata() if is_across else line.get_xdata()) for line in lines]

    figure = figure_of(name, "sacrificed_accuracy")
    for axes in figure.axes:
        assert floors(axes) == [[10, 10]]
        low, high = axes.get_ylim() if placement == "score" else axes.get_xlim()
        assert low < 10 < high
    assert "best constant classifier: 10 %" in legend_texts(figure)
    is_known = {"score": 0.1, "paper": np.nan}[placement]
    names = {"score": DEFAULT_OBJECTIVES, "paper": (name, "sacrificed_accuracy")}[placement]
    figure = figure_of(*names, constant_accuracy=is_known)
    assert not any(map(floors, figure.axes))
    assert not any("constant" in text for text in legend_texts(figure))


def test_evaluation_warnings_are_counted_in_the_small_print() -> None:
    table = trials(2).assign(warnings=["gradients vanish", " ", None] * 5)
    (small_print,) = compose(front_of(table), placement="score", of="cells", note="").texts
    assert small_print.get_text().endswith(" · 5 of 14 models have evaluation warnings")


@pytest.mark.slow
def test_legends_fit_and_cover_nothing() -> None:
    """With every kind of mark there is."""
    table = trials(3).assign(union_accuracy=0.2, constant_accuracy=0.1)
    table["union_accuracy"] += table["robustness_score"]
    table["collapsed"] = table["method"] == "mine_$x$"
    front = extract_front(
        table,
        objectives=parse_objectives(["union_accuracy", "sacrificed_accuracy"]),
        reference_point=(0.0, 1.0),
        keep_collapsed=False,
    )
    drawn = [(front, placement, 4 + 7) for placement in PLACEMENTS]
    sure = with_certainty(front, table, NO_BITS)
    drawn.append((sure, PLACEMENTS[0], 4 + 9))
    for front, placement, kinds in drawn:
        figure = compose(front, placement=placement, of="cells", note="digits")
        assert len(legend_texts(figure)) == kinds
        figure.draw_without_rendering()
        boxes = [legend.get_window_extent() for legend in figure.legends]
        boxes += [text.get_window_extent() for text in figure.texts]
        boxes += [axes.get_tightbbox() for axes in figure.axes]
        for k, box in enumerate(boxes):
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1
            assert box.count_overlaps(boxes[:k]) == 0


@pytest.mark.slow
def test_three_objectives_are_drawn_without_a_staircase() -> None:
    table = trials(1).assign(seconds=1.0)
    objectives = parse_objectives([*DEFAULT_OBJECTIVES, "seconds"])
    front = extract_front(
        table, objectives=objectives, reference_point=(0.0, 1.0, 2.0), keep_collapsed=False
    )
    figure = compose(front, placement="score", of="cells", note="")
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
        ({"weights": "natural=0.333333333333 pgd=0.25"}, "natural .333 pgd .25"),
        ({"weights": "pgd=1"}, "pgd 1"),
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
        draw_front(
            front_of(table), png, svg, placement="score", of="cells", note=r"no formula: $\frac$"
        )
    height, width, _ = imread(tmp_path / "0.png").shape
    assert width == WIDTH * DPI
    assert 0.4 < height / width < 0.6
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes()
    root = ElementTree.parse(tmp_path / "0.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.slow
def test_degenerate_fronts_are_drawn(tmp_path: Path) -> None:
    one = trials(1).head(1)
    equal = pd.concat([one] * 4, ignore_index=True).assign(trial_id=["a", "b", "c", "d"])
    for table, points in ((one.head(0), 0), (one, 1), (equal, 4)):
        figure = compose(front_of(table), placement="score", of="cells", note="")
        figure.savefig(tmp_path / "front.png")
        assert len(drawn_trials(figure.axes[0])) == points
        assert ("no trial is done" in texts(figure, 0)) is (points == 0)


# --- for a page


@pytest.mark.slow
@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("width", [COLUMN, PAGE])
def test_no_text_covers_another_at_the_width_of_a_column_or_a_page(
    width: float, placement: Placement
) -> None:
    """Text keeps its size, and methods have long names; fronts of seeds, an interval, a floor."""
    front = sure_front(strewn(3))
    names = {
        "pareto": "Pareto adversarial training",
        "mine_$x$": "A method of ours, of a name as long as some",
    }
    for scales in (("raw", "log"), ("raw",), ("log",)):
        appearance = Appearance(width=width, scales=scales, names=names)
        note = "digits, pgd 0.2, flow 0.08 (0.32 px, zeros), chosen on 120 images that pick"
        figure = compose(front, placement=placement, of="cells", note=note, appearance=appearance)
        assert figure.get_figwidth() == width
        assert overlaps_in(figure) == []
        assert {it.get_fontsize() for it in texts_in(figure)} <= {7.5, 8.0, 9.0}
        assert len(figure.axes) == len(scales)
        shown = {it.get_gid() for it in figure.axes[0].collections}
        assert "trials-pareto" in shown
        written = {text.replace("\n", " ") for text in legend_texts(figure)}
        assert {*names.values(), "standard", "pgd"} <= written
        assert "pareto" not in legend_texts(figure)


# --- how sure it is


def sure_front(table: pd.DataFrame, answers: Answers | str = NO_BITS) -> Front:
    return with_certainty(front_of(table), table, answers)


def strewn(seeds: int) -> pd.DataFrame:
    table, random = trials(seeds).iloc[:-1], np.random.default_rng(0)
    for name in DEFAULT_OBJECTIVES:
        table[name] += random.normal(0, 0.006, len(table))
    return table


@pytest.mark.slow
def test_means_have_their_intervals_and_look_as_sure_as_they_are() -> None:
    front = sure_front(strewn(5))
    cells = front.cells
    assert set(cells["membership"]) >= {"yes", "no"}
    figure = compose(front, placement="score", of="cells", note="")
    legend = legend_texts(figure)
    assert {"mean, 95 % interval (seeds alone)", "surely on the front", "ruled out"} <= {*legend}
    expected = 100 * cells[["sacrificed_accuracy_low", "sacrificed_accuracy_high"]].to_numpy()
    for axes in figure.axes:
        arms = [it for it in axes.collections if isinstance(it, LineCollection)]
        ends = np.vstack([segment[:, 0] for it in arms for segment in it.get_segments()])
        across = ends[ends[:, 0] < ends[:, 1]]
        assert np.sort(across, axis=0) == pytest.approx(np.sort(expected, axis=0))
        low, high = axes.get_xlim()
        assert low < across.min() < across.max() < high
        means = [line for line in axes.lines if line.get_marker() not in {"None", ""}]
        faded = sum(len(line.get_xdata()) for line in means if line.get_alpha() == 0.3)
        assert faded == (cells["membership"] == "no").sum()


@pytest.mark.slow
def test_of_what_results_chose_there_are_points_alone() -> None:
    front = sure_front(strewn(5), "results chose them")
    figure = compose(front, placement="score", of="cells", note="")
    assert "mean over seeds" in legend_texts(figure)
    assert not any(
        segment[0].tolist() != segment[1].tolist()
        for axes in figure.axes
        for it in axes.collections
        if isinstance(it, LineCollection)
        for segment in it.get_segments()
    )


@pytest.mark.slow
def test_few_seeds_are_lines_of_their_own_and_many_are_surfaces() -> None:
    few = compose(front_of(strewn(3)), placement="score", of="cells", note="")
    many = compose(front_of(strewn(8)), placement="score", of="cells", note="")
    assert "front of each seed: their spread" in legend_texts(few)
    for share in (25, 50, 75):
        assert f"attained by {share} % of seeds" in legend_texts(many)
    single = compose(front_of(strewn(3)), placement="score", of="trials", note="")
    for figure, count in ((few, 3), (many, 3), (single, 0)):
        for axes in figure.axes:
            lines = [line for line in axes.lines if line.get_gid() == "spread"]
            assert len(lines) == count
            assert len({line.get_linestyle() for line in lines}) == (
                3 if figure is many else count > 0
            )
    best = 100 * strewn(3).groupby("seed")["robustness_score"].max()
    heights = [max(it.get_ydata()) for it in few.axes[0].lines if it.get_gid() == "spread"]
    assert heights == pytest.approx(best.tolist())
