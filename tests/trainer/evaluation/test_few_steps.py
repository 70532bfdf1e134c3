"""The share of a category's mean that rungs of few steps make, against sums by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainer.evaluation.few_steps import few_steps_text, shares_of_few_steps
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import Suite, read_suite
from trainer.input.document import Document


def suite_of(**ladders: list[int]) -> Suite:
    sections: dict[str, Any] = {
        label: {"epsilon": 0.1, "ladder": ladder} for label, ladder in ladders.items()
    }
    return read_suite(Document.from_plain(sections, "test"))


def outcomes_of(suite: Suite, **counts: list[int]) -> dict[str, tuple[int, ...]]:
    """How many of ten images withstand each rung, from their bits."""
    outcomes = Outcomes(
        natural=np.ones(10, dtype=bool),
        robust={label: np.arange(10) < np.array(its)[:, None] for label, its in counts.items()},
        ladders={label: rungs.ladder for label, rungs in suite.categories.items()},
    )
    return outcomes.withstood()


def test_by_hand() -> None:
    suite = suite_of(pgd=[1, 5, 10, 20], flow=[5, 6])
    first = outcomes_of(suite, pgd=[9, 6, 3, 2], flow=[8, 2])
    assert shares_of_few_steps(suite, [first]) == {"pgd": 15 / 20, "flow": 0.8}
    second = outcomes_of(suite, pgd=[5, 5, 5, 5], flow=[0, 0])
    assert shares_of_few_steps(suite, [first, second]) == {"pgd": 25 / 40, "flow": 0.8}


@pytest.mark.parametrize("ladder", [[5], [1, 5]])
def test_ladders_of_few_steps_alone_are_all_of_them(ladder: list[int]) -> None:
    suite = suite_of(pgd=ladder)
    counts = {"pgd": [9] * len(ladder)}
    assert shares_of_few_steps(suite, [outcomes_of(suite, **counts)]) == {"pgd": 1.0}


@pytest.mark.parametrize("ladder", [[10], [10, 20]])
def test_ladders_that_have_no_share(ladder: list[int]) -> None:
    suite = suite_of(pgd=ladder)
    assert shares_of_few_steps(suite, [outcomes_of(suite, pgd=[9] * len(ladder))]) == {}


def test_what_is_no_number_of_steps_has_no_share() -> None:
    suite = suite_of(rt_worst_of=[1, 10])
    assert shares_of_few_steps(suite, [outcomes_of(suite, rt_worst_of=[9, 8])]) == {}


def test_nothing_left_and_no_model_are_no_share() -> None:
    suite = suite_of(pgd=[1, 10])
    assert shares_of_few_steps(suite, [outcomes_of(suite, pgd=[0, 0])]) == {}
    assert shares_of_few_steps(suite, []) == {}


def test_in_words() -> None:
    assert few_steps_text({}) == ""
    assert few_steps_text({"pgd": 0.756, "flow": 1.0}) == (
        "rungs of at most 5 steps make up this share of a category's mean: pgd 76 %, flow 100 %"
    )
