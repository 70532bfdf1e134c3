"""A suite says `claim: true` only where its attacks are strong enough for claims."""

from __future__ import annotations

from typing import Any

import pytest

from trainer.evaluation.suite import Suite, read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput

FALLING = {"step_decay": "cosine", "ladder": [10]}
MARGIN = {"attack": "pgd", "epsilon": 0.1, "loss": "margin", **FALLING}
STRONG: dict[str, Any] = {
    "mine": MARGIN,
    "rt": {"epsilon": 0.1, **FALLING},
    "rt_grid": {"epsilon": 0.1},
}


def suite_of(**sections: Any) -> Suite:
    return read_suite(Document.from_plain(sections, "suite.yaml:1"))


def test_a_claim_is_recorded_and_changes_no_id() -> None:
    suite = suite_of(claim=True, **STRONG)
    assert suite.record()["claim"] is True
    assert suite.id == suite_of(**STRONG).id
    assert read_suite(Document.from_plain(suite.record(), "record")) == suite


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mine": MARGIN | {"loss": "cross_entropy"}}, "PGD on the margin (add autoattack"),
        ({"mine": MARGIN | {"unseen": True}}, "PGD on the margin (add autoattack"),
        ({"rt_grid": None}, "add rt_grid"),
        ({"rt_grid": {"epsilon": 0.1, "unseen": True}}, "add rt_grid"),
        ({"rt": {"epsilon": 0.1, "ladder": [10]}}, "steps that fall, in rt (write step_decay"),
        ({"flow": {"epsilon": 0.1, "ladder": [10]}}, "steps that fall, in flow (write"),
        ({"rt_grid": {"epsilon": 0.2}}, "one set for the threat rotation-translation, which is"),
        ({"pgd": {"epsilon": 0.3, **FALLING}}, "is epsilon 0.1 in mine, epsilon 0.3 in pgd (write"),
    ],
)
def test_a_weak_suite_may_not_claim(changes: dict[str, Any], said: str) -> None:
    weak = STRONG | changes
    assert not suite_of(**weak).claim
    with pytest.raises(BadInput) as raised:
        suite_of(claim=True, **weak)
    message = str(raised.value)
    assert "claim" in message
    assert "got true" in message
    assert said in message
    assert message.count("(") == 1
    assert "or leave claim out" in message


def test_all_that_is_lacking_is_told_at_once() -> None:
    with pytest.raises(BadInput) as raised:
        suite_of(claim=True, pgd={"epsilon": 0.1, "ladder": [10]})
    assert str(raised.value).count("(") == 3


@pytest.mark.parametrize("mine", [MARGIN, MARGIN | {"loss": "dlr"}])
def test_either_loss_that_does_not_saturate_will_do(mine: dict[str, Any]) -> None:
    assert suite_of(claim=True, **STRONG | {"mine": mine}).claim


def test_what_stands_beside_the_union_is_not_asked_for_falling_steps() -> None:
    beside = {"flow": {"epsilon": 0.1, "ladder": [10], "unseen": True}}
    assert suite_of(claim=True, **STRONG, **beside).claim
