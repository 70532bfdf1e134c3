"""How sure a front of cells is: from answers to images, or numbers of a table, to its columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orchestrator.pareto.answers import Answers
from orchestrator.pareto.crossed import crossed_means
from orchestrator.pareto.front import Front, extract_front
from orchestrator.pareto.membership import Membership
from orchestrator.pareto.sure_front import ONE_SEED, with_certainty
from orchestrator.table.objectives import Objective, parse_objectives

PAPER = parse_objectives(["robustness_score", "sacrificed_accuracy"])
STRICT = parse_objectives(["union_accuracy", "natural_accuracy"])
NO_BITS = Answers(why_not="there are none")

TRUTH = {"standard": (0.95, 0.05), "far": (0.9, 0.6), "near": (0.9, 0.58), "worse": (0.6, 0.2)}
"""Natural accuracy and union of each method's one cell."""

SEEDS, IMAGES = 5, 300


def drawn(seed: int = 1) -> tuple[pd.DataFrame, Answers]:
    """A table of the methods above under five seeds, and the bits that its numbers are means of."""
    random = np.random.default_rng(seed)
    hardness = random.normal(size=(2, IMAGES))
    rows, marks = [], {}
    for method, shares in TRUTH.items():
        for number in range(SEEDS):
            luck = 0.1 * random.normal(size=(2, 1)) + random.normal(size=(2, IMAGES))
            limits = np.sqrt(2) * np.array([_quantile(share) for share in shares])[:, None]
            bits = (hardness + luck < limits).astype(np.uint8)
            natural, union = bits.mean(axis=1)
            trial_id = f"t-{method}-{number}"
            rows.append((trial_id, method, number, "done", natural, union))
            marks[trial_id] = np.stack([bits[1], bits[0], bits[1], bits[0]])
    names = ["trial_id", "method", "seed", "status", "natural_accuracy", "union_accuracy"]
    table = pd.DataFrame(rows, columns=names)
    own = table[table["method"] == "standard"]
    table["robustness_score"] = table["union_accuracy"] - own["union_accuracy"].mean()
    table["sacrificed_accuracy"] = own["natural_accuracy"].mean() - table["natural_accuracy"]
    table["on_front"] = False
    return table, Answers(
        references=frozenset(own["trial_id"]),
        columns=("union_accuracy", "natural_accuracy", "robustness_score", "sacrificed_accuracy"),
        full=(1, 1, 1, 1),
        signs=(1, 1, 1, -1),
        marks=marks,
    )


def _quantile(share: float) -> float:
    from scipy.special import ndtri  # noqa: PLC0415

    return float(ndtri(share))


def front_of(
    table: pd.DataFrame, answers: Answers | str, objectives: tuple[Objective, ...] = PAPER
) -> Front:
    ends = [max(0.0, objective.sign) for objective in objectives]
    front = extract_front(table, objectives=objectives, reference_point=ends, keep_collapsed=False)
    return with_certainty(front, table, answers)


def reaches(front: Front, name: str) -> np.ndarray:
    cells = front.cells
    low, mean, high = (cells[f"{name}_{end}"].to_numpy() for end in ("low", "mean", "high"))
    np.testing.assert_allclose(high - mean, mean - low, atol=1e-9)
    return np.asarray(high - mean)


@pytest.mark.slow
def test_intervals_are_those_of_crossed_means_and_count_the_references_noise() -> None:
    table, answers = drawn()
    scores = np.array(
        [[answers.marks[f"t-{it}-{s}"][:2] for s in range(SEEDS)] for it in TRUTH], dtype=np.float32
    )
    crossed = crossed_means(scores)
    _, low, high = crossed.intervals(np.eye(4), 0.95)
    strict = front_of(table, answers, STRICT)
    assert strict.certainty is not None
    assert (strict.certainty.images, strict.certainty.why_no_images) == (IMAGES, "")
    np.testing.assert_allclose(reaches(strict, "union_accuracy"), (high - low)[:, 0] / 2, rtol=1e-5)

    from_standard = np.eye(4) - np.eye(4)[0]
    _, low, high = crossed.intervals(from_standard, 0.95)
    paper = front_of(table, answers)
    np.testing.assert_allclose(
        reaches(paper, "robustness_score"), (high - low)[:, 0] / 2, rtol=1e-4, atol=1e-7
    )
    np.testing.assert_allclose(
        reaches(paper, "sacrificed_accuracy"), (high - low)[:, 1] / 2, rtol=1e-4, atol=1e-7
    )
    assert reaches(paper, "sacrificed_accuracy")[0] == 0, "it is 0 by what it is"


def test_cells_are_ruled_out_where_another_is_better_beyond_the_noise() -> None:
    front = front_of(*drawn(), STRICT)
    found = dict(zip(front.cells["method"], front.cells["membership"], strict=True))
    assert found == {"standard": "possible", "far": "possible", "near": "possible", "worse": "no"}
    assert front.certainty is not None
    assert front.certainty.members == {
        Membership.YES: 0,
        Membership.POSSIBLE: 3,
        Membership.NO: 1,
    }
    recurrence = front.cells.set_index("method")["recurrence"]
    assert recurrence["worse"] == 0
    assert recurrence["far"] > 0.4
    volume = front.certainty.hypervolume
    assert volume is not None
    assert volume.seen == pytest.approx(front.hypervolume_of_cells)
    assert volume.low < volume.value < volume.high
    names = list(front.cells)
    at = names.index("union_accuracy_std")
    assert names[at + 1 : at + 3] == ["union_accuracy_low", "union_accuracy_high"]
    at = names.index("on_front")
    assert names[at - 2 : at] == ["recurrence", "membership"]


def test_a_table_alone_has_noise_of_seeds_and_finds_its_reference() -> None:
    table, _ = drawn()
    front = front_of(table, NO_BITS)
    assert front.certainty is not None
    assert (front.certainty.noise, front.certainty.why_no_images) == (
        "seeds alone",
        "there are none",
    )
    assert front.certainty.why_no_reference == ""
    assert reaches(front, "sacrificed_accuracy")[0] == 0
    moved = table.assign(robustness_score=table["robustness_score"] + 0.1)
    unknown = front_of(moved, NO_BITS).certainty
    assert unknown is not None
    assert unknown.why_no_reference == "the table does not have it"
    large = table.assign(
        seconds=1e12 + 1e6 * table["seed"], robustness_score=1e40 * table["robustness_score"]
    )
    both = parse_objectives(["robustness_score", "min:seconds"])
    front = front_of(large, NO_BITS, both)
    assert np.isfinite(front.cells[["robustness_score_low", "seconds_high"]]).all(axis=None)
    assert reaches(front, "seconds") == pytest.approx(
        np.std([0, 1e6, 2e6, 3e6, 4e6], ddof=1) / 5**0.5 * 2.776, rel=0.3
    )


def test_why_answers_are_not_used_is_said() -> None:
    table, answers = drawn()
    marks = dict(answers.marks)
    first = table["trial_id"][7]
    others = {**marks, first: marks[first][:, 1:]}
    odd = {**marks, first: 1 - marks[first]}
    without = {key: value for key, value in marks.items() if key != first}
    for these, why in (
        (without, f"{first} has no answers to single images"),
        (others, "models answered 299 to 300 images"),
        (odd, f"the answers of {first} give another union_accuracy than the table has"),
    ):
        found = front_of(table, replace(answers, marks=these), STRICT).certainty
        assert found is not None
        assert (found.images, found.why_no_images) == (0, why)
        assert found.members is not None


def test_without_two_seeds_or_on_chosen_models_there_are_points_and_why() -> None:
    table, answers = drawn()
    for rows, said, why in (
        (table[table["seed"] == 0], answers, ONE_SEED),
        (table, "results chose them", "results chose them"),
        (table.assign(status="failed"), answers, ONE_SEED),
    ):
        front = front_of(rows, said)
        assert front.certainty is not None
        assert front.certainty.left_out == why
        assert (
            front.cells[["robustness_score_low", "recurrence", "membership"]].isna().all(axis=None)
        )


def test_cells_that_may_not_be_on_the_front_have_intervals_alone() -> None:
    table, answers = drawn()
    table.loc[table["trial_id"] == "t-far-0", "status"] = "failed"
    table["collapsed"] = table["method"] == "worse"
    front = front_of(table, answers)
    cells = front.cells.set_index("method")
    assert cells["robustness_score_low"].notna().all()
    assert cells["membership"].isna().tolist() == [False, True, False, True]
    assert front.certainty is not None
    assert front.certainty.seeds == (5, 5)


def test_the_best_weights_are_counted_from_the_references_last_ones() -> None:
    table, answers = drawn()
    best = {f"best_{it}": table[it] for it in ("robustness_score", "sacrificed_accuracy")}
    table = table.assign(**best)
    of_best = replace(
        answers,
        columns=tuple(best),
        full=(1, 1),
        signs=(1, -1),
        marks={key: it[2:] for key, it in answers.marks.items()},
        of_reference={key: answers.marks[key][2:] for key in answers.references},
    )
    objectives = parse_objectives(list(best))
    front = front_of(table, of_best, objectives)
    assert front.certainty is not None
    assert (front.certainty.why_no_reference, front.certainty.images) == ("", IMAGES)
    usual = reaches(front_of(table, answers), "robustness_score")
    assert reaches(front, "best_robustness_score")[1:] == pytest.approx(usual[1:], rel=0.3)


def test_two_seeds_say_nothing_of_the_hypervolume() -> None:
    table, answers = drawn()
    found = front_of(table[table["seed"] < 2], answers).certainty
    assert found is not None
    assert found.members is not None
    assert found.hypervolume is None
    assert found.why_no_hypervolume.startswith("two seeds")


def test_a_setting_that_varies_alone_is_measured_for_how_evenly_it_spaces() -> None:
    rows = [
        (f"t{at}{seed}", "pareto", seed, 0.1 * at + 0.01 * seed, 0.02 * at, False, at / 10)
        for at in range(4)
        for seed in range(2)
    ]
    names = ["trial_id", "method", "seed", *(it.name for it in PAPER), "on_front", "rho"]
    found = front_of(pd.DataFrame(rows, columns=names), NO_BITS).certainty
    assert found is not None
    spacing = found.spacing["pareto"]
    assert (spacing.setting, spacing.steps.settings) == ("rho", (0.0, 0.1, 0.2, 0.3))
    assert spacing.steps.unevenness == pytest.approx(0, abs=1e-9)
    assert spacing.steps.largest_gap == pytest.approx(1 / 3)
