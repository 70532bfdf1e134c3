"""A model's card: read as it was written, and legible."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trainer.card import Card
from trainer.input.problems import BadInput

PLAIN: dict[str, Any] = {
    "version": 1,
    "name": "pareto rho=0.5",
    "trial": "t0123456789abcdef",
    "seed": 3,
    "data": {"name": "digits", "fingerprint": "abc", "training_images": 1078},
    "image_shape": [1, 8, 8],
    "num_classes": 10,
    "model": {"name": "cnn", "channels": [16, 32]},
    "method": {"method": "pareto", "rho": 0.5},
    "training": {"epochs": 4, "ema": None, "attacks": {"pgd": {"attack": "pgd", "epsilon": 0.2}}},
    "suite": {"split": "test", "pgd": {"attack": "pgd", "epsilon": 0.3}},
    "reach": {"pgd": "0.3"},
    "measured": {
        "split": "test",
        "images": 359,
        "level": 0.95,
        "model": {"union_accuracy": {"value": 0.5, "low": 0.45, "high": 0.55}},
        "cell": {"union_accuracy": {"value": 0.48, "low": None, "high": None}},
        "seeds": [2, 3, 4],
        "intervals_of_cell_over": None,
    },
    "chosen": {
        "by": "validation",
        "images": 90,
        "rule": "the knee of the front",
        "cells": 13,
        "trainings": 3,
        "sureness": 0.66,
        "confirmed": True,
        "exploratory": False,
    },
    "weights": "last",
    "weights_sha256": "00ff",
    "made_with": {"torch": "2.13.0"},
}


def card(**changed: Any) -> Card:
    return Card.from_json(json.dumps(PLAIN | changed).encode(), where="card.json")


def test_a_card_is_read_as_it_was_written() -> None:
    assert json.loads(card().to_json()) == PLAIN
    assert Card.from_json(card().to_json(), where="card.json") == card()
    assert card(of_a_later_version=1) == card()


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"version": 1}'])
def test_what_is_no_card_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"home/card\.json: .*must be a model's card"):
        Card.from_json(data, where="home/card.json")
    with pytest.raises(BadInput, match=r"measured\.images"):
        card(measured=PLAIN["measured"] | {"images": "many"})


def test_people_read_the_same() -> None:
    said = card().markdown()
    assert "# pareto rho=0.5" in said
    assert "A network for digits (1,078 training images)" in said
    assert "| union_accuracy | 50.0 % (45.0 to 55.0) | 48.0 % |" in said
    assert "the knee of the front, on 90 validation images, among 13 cells" in said
    assert "Of the cell's 3 trainings it is the median." in said
    assert "the same cell is chosen in 66 %" in said
    assert "trained with a fresh seed" in said
    assert "- pgd: 0.3" in said
    assert "- pgd: attack pgd, epsilon 0.2" in said
    assert "exploratory" not in said
    assert "optimistic" not in said
    measured = PLAIN["measured"] | {"split": "validation", "seeds": [2]}
    chosen = PLAIN["chosen"] | {"exploratory": True, "confirmed": False, "trainings": 1}
    other = card(name="a|b\n# c", measured=measured, chosen=chosen).markdown()
    assert "optimistic" in other
    assert "exploratory" in other
    assert "only training of its cell" in other
    assert "# a\\|b\\\\n\\# c" in other, "a name makes no heading of its own"
