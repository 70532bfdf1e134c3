"""Messages that a person can read, and labels that no program takes for more than text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainer.input.problems import MAX_MESSAGE, BadInput, Problem, brief, label_problem, shown


@pytest.mark.parametrize("name", ["pgd", "pareto_2", "ours (ε = 8/255)", "2-norm", "_x", "a=b"])
def test_words_are_labels(name: str) -> None:
    assert label_problem(name) is None


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        *((name, "begins with none of") for name in ("=1+1", "@x", "+1", "-1+1", "'=1")),
        *((name, "printable") for name in ("\x1b[31m", "a\nb", "\u202eabc", " a", "a\t")),
        ("x" * 10_000, "at most 80 characters, got 10000"),
    ],
)
def test_formulas_and_orders_are_no_labels(name: str, rule: str) -> None:
    problem = label_problem(name)
    assert problem is not None
    assert rule in problem
    assert problem.endswith("rename it")
    assert len(problem) < 200


def test_a_value_of_any_length_leaves_a_message_that_can_be_read() -> None:
    text = str(BadInput(Problem("f.yaml:1", "data.name", f"must be one, got '{'x' * 10_000}'")))
    assert text.startswith("f.yaml:1: data.name: must be one, got 'xxx")
    assert len(text) < 200
    assert len(brief("word " * 10_000)) == MAX_MESSAGE
    path = "/a/b" * 60
    assert brief(f"{path}: must be a file") == f"{path}: must be a file"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.True_, "true"),
        (np.float64(2.5), "2.5"),
        (np.float32("nan"), "nan"),
        (np.int64(3), "3"),
        (np.str_("a"), "'a'"),
        (np.array(7), "7"),
        ((np.int64(3), 4), "a list of length 2"),
        (None, "null"),
    ],
)
def test_a_number_of_numpys_is_shown_as_a_plain_one(value: Any, text: str) -> None:
    assert shown(value) == text
