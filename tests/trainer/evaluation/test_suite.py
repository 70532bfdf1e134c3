"""Evaluation: bits that depend on the model, the attack and the example, and on nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainer.attacks import PGD, Attack, Flow, Integrated
from trainer.config import preset
from trainer.data import Dataset
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import Suite, constant_accuracy, evaluate, examples_of, read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput
from trainer.randomness import derive_seed, example_keys

CATEGORIES: dict[str, Any] = {
    "pgd": {"epsilon": 0.15, "ladder": [1, 3, 6]},
    "flow": {"epsilon": 0.08, "ladder": [1, 4]},
    "rt": {"epsilon": 0.2, "ladder": [2, 5], "num_restarts": 2},
}
"""Strong enough to break some digits and weak enough to leave some."""


class Dark(Attack):
    """It has one strength, and so no ladder."""

    depth: float = 1.0

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return images * (1 - self.depth)


OWN = f"{__name__}:Dark"


def suite_of(**sections: Any) -> Suite:
    return read_suite(Document.from_plain(sections, "suite.yaml:1"))


def outcomes_of(model: nn.Module, dataset: Dataset, **sections: Any) -> Outcomes:
    return evaluate(model, suite_of(**sections), dataset, progress=None)


@pytest.fixture(scope="module")
def whole(trained: nn.Module, digits: Dataset) -> Outcomes:
    """Of the network of these tests, on every test image."""
    return outcomes_of(trained, digits, **CATEGORIES)


# Bits


def test_a_category_that_a_spreadsheet_would_run_is_refused() -> None:
    rule = r"suite\.yaml:1.*must have a label that begins with none of = \+ - @ ', got '=pgd'"
    with pytest.raises(BadInput, match=rule):
        suite_of(**{"=pgd": {"attack": "pgd", "epsilon": 0.1, "ladder": [1]}})


def test_attack_of_one_strength_has_one_row(trained: nn.Module, digits: Dataset) -> None:
    outcomes = outcomes_of(trained, digits, dark={"attack": OWN})
    assert outcomes.ladders == {"dark": ()}
    with torch.no_grad():
        answer = int(trained(torch.zeros(1, 1, 8, 8)).argmax())
    labels = digits.test.labels.numpy()
    assert (outcomes.robust["dark"] == (outcomes.natural & (labels == answer))).all()
    assert outcomes.robust["dark"].shape == (1, len(labels))
    assert outcomes.worst_accuracy("dark") == outcomes.robust_accuracy("dark")
    again = Outcomes.from_bytes(outcomes.to_bytes())
    assert again.ladders == {"dark": ()}


def test_the_outcomes_have_the_suites_shape(whole: Outcomes, digits: Dataset) -> None:
    count = len(digits.test)
    assert whole.natural.shape == (count,)
    assert {name: rows.shape for name, rows in whole.robust.items()} == {
        "pgd": (3, count),
        "flow": (2, count),
        "rt": (2, count),
    }
    assert whole.ladders == {"pgd": (1, 3, 6), "flow": (1, 4), "rt": (2, 5)}


def test_natural_bits_are_the_networks_own(
    whole: Outcomes, trained: nn.Module, digits: Dataset
) -> None:
    with torch.no_grad():
        logits = trained.eval()(digits.test.images_at(torch.arange(len(digits.test))))
    right = (logits.argmax(1) == digits.test.labels).numpy()
    assert np.array_equal(whole.natural, right)
    assert 0.8 < whole.natural.mean() < 1


def test_the_tests_can_fail(whole: Outcomes) -> None:
    for rows in whole.robust.values():
        assert 0 < rows[-1].sum() < rows[0].sum() < whole.natural.sum()


def test_what_is_wrong_stays_wrong(whole: Outcomes) -> None:
    """On the clean image, then from rung to rung."""
    for rows in whole.robust.values():
        assert (rows <= whole.natural).all()
        assert (rows[1:] <= rows[:-1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 7, 100, 10_000])
def test_bits_do_not_depend_on_the_batch_size(
    batch_size: int, whole: Outcomes, trained: nn.Module, digits: Dataset
) -> None:
    some = {"examples": 60} if batch_size == 1 else {}
    again = outcomes_of(trained, digits, batch_size=batch_size, **some, **CATEGORIES)
    reference = outcomes_of(trained, digits, **some, **CATEGORIES) if some else whole
    assert np.array_equal(again.natural, reference.natural)
    for label, rows in reference.robust.items():
        assert np.array_equal(again.robust[label], rows), label


@pytest.mark.parametrize("label", CATEGORIES)
def test_bits_do_not_depend_on_the_other_attacks(
    label: str, whole: Outcomes, trained: nn.Module, digits: Dataset
) -> None:
    alone = outcomes_of(trained, digits, **{label: CATEGORIES[label]})
    assert np.array_equal(alone.robust[label], whole.robust[label])


def test_bits_do_not_depend_on_the_other_examples(
    whole: Outcomes, trained: nn.Module, digits: Dataset
) -> None:
    some = outcomes_of(trained, digits, examples=50, **CATEGORIES)
    indices = examples_of(suite_of(examples=50, **CATEGORIES), digits.test).numpy()
    assert len(set(indices)) == 50
    assert np.array_equal(some.natural, whole.natural[indices])
    for label, rows in whole.robust.items():
        assert np.array_equal(some.robust[label], rows[:, indices]), label


def test_bits_are_the_attacks_own_on_the_survivors(
    whole: Outcomes, trained: nn.Module, digits: Dataset
) -> None:
    suite = suite_of(**CATEGORIES)
    alive = torch.from_numpy(whole.natural).nonzero().squeeze(1)
    images, labels = digits.test.images_at(alive), digits.test.labels[alive]
    for label, rungs in suite.categories.items():
        keys = example_keys(derive_seed("evaluation", label), alive)
        bits = rungs.attack.correct(trained, images, labels, keys, rungs.ladder)
        assert np.array_equal(whole.robust[label][:, alive], bits.numpy()), label


def test_attacks_that_differ_in_their_label_alone_start_elsewhere(
    trained: nn.Module, digits: Dataset
) -> None:
    weak = {"attack": "pgd", "epsilon": 0.15, "ladder": [1]}
    outcomes = outcomes_of(trained, digits, one=weak, two=weak)
    assert not np.array_equal(outcomes.robust["one"], outcomes.robust["two"])


def test_the_split_is_the_suites(trained: nn.Module, digits: Dataset) -> None:
    held_out = outcomes_of(trained, digits, split="validation", pgd=CATEGORIES["pgd"])
    assert len(held_out.natural) == len(digits.validation) == 180
    swapped = replace(digits, test=digits.validation)
    tested = outcomes_of(trained, swapped, split="test", pgd=CATEGORIES["pgd"])
    assert np.array_equal(held_out.robust["pgd"], tested.robust["pgd"])


def test_a_model_that_is_always_wrong_is_not_attacked(digits: Dataset) -> None:
    class Wrong(nn.Module):
        calls = 0

        def forward(self, images: Tensor) -> Tensor:
            self.calls += 1
            return torch.eye(10)[0].expand(len(images), 10)  # always a zero

    others = (digits.test.labels != 0).nonzero().squeeze(1)
    no_zeros = replace(digits, test=digits.test.select(others))
    model = Wrong()
    outcomes = outcomes_of(model, no_zeros, batch_size=1000, **CATEGORIES)
    assert model.calls == 1
    assert not outcomes.natural.any()
    assert not any(rows.any() for rows in outcomes.robust.values())


def test_the_model_is_left_in_training_mode(trained: nn.Module, digits: Dataset) -> None:
    trained.train()
    try:
        outcomes_of(trained, digits, examples=5, **CATEGORIES)
        assert all(module.training for module in trained.modules())
        assert all(parameter.requires_grad for parameter in trained.parameters())
    finally:
        trained.eval()


def test_progress_is_told_batch_by_batch(trained: nn.Module, digits: Dataset) -> None:
    told: list[tuple[int, int]] = []
    suite = suite_of(examples=10, batch_size=4, pgd={"epsilon": 0, "ladder": [1]})
    evaluate(trained, suite, digits, progress=lambda done, count: told.append((done, count)))
    assert told == [(4, 10), (8, 10), (10, 10)]


# Which examples


class Constant(nn.Module):
    """It gives one answer to all."""

    def __init__(self, answer: int) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, images: Tensor) -> Tensor:
        logits = images.flatten(1)[:, :10] * 0
        logits[:, self.answer] += 1
        return logits


@pytest.mark.parametrize("split", ["test", "validation"])
def test_no_constant_withstands_more_than_the_best(split: str, digits: Dataset) -> None:
    suite = {"split": split, "examples": 50, "pgd": {"epsilon": 0.2, "ladder": [1]}}
    unions = [outcomes_of(Constant(k), digits, **suite).union_accuracy() for k in range(10)]
    assert max(unions) == constant_accuracy(suite_of(**suite), digits) < 1
    assert sum(unions) == pytest.approx(1), "each image has one label"


@pytest.mark.parametrize("examples", [1, 7, 60, 359, 360, 10_000])
def test_some_examples_are_spread_over_the_whole_split(examples: int, digits: Dataset) -> None:
    """A split that is sorted by class must not be cut off after its first classes."""
    count = len(digits.test)
    indices = examples_of(suite_of(examples=examples, **CATEGORIES), digits.test).tolist()
    assert len(indices) == min(examples, count)
    gaps = np.diff([*indices, count])
    assert indices[0] == 0
    assert gaps.max() - gaps.min() <= 1


def test_without_a_number_all_examples(digits: Dataset) -> None:
    indices = examples_of(suite_of(**CATEGORIES), digits.test)
    assert torch.equal(indices, torch.arange(len(digits.test)))


# Suites


def test_a_step_that_is_left_out_is_a_quarter_of_the_radius() -> None:
    suite = suite_of(
        pgd={"epsilon": "8/255", "ladder": [1, 10]},
        slow={"attack": "pgd", "epsilon": 0.3, "step_size": 0.01, "ladder": [1]},
        none={"attack": "flow", "epsilon": 0, "ladder": [2]},
        both={"attack": "integrated", "rt_epsilon": 0.4, "flow_epsilon": 0.1, "ladder": [3]},
    )
    assert {label: rungs.attack for label, rungs in suite.categories.items()} == {
        "pgd": PGD(epsilon=8 / 255, step_size=2 / 255, num_steps=10),
        "slow": PGD(epsilon=0.3, step_size=0.01, num_steps=1),
        "none": Flow(epsilon=0, num_steps=2),
        "both": Integrated(
            rt_epsilon=0.4, flow_epsilon=0.1, rt_step_size=0.1, flow_step_size=0.025, num_steps=3
        ),
    }


def test_the_id_ignores_the_batch_size_and_the_order() -> None:
    base = suite_of(**CATEGORIES)
    assert suite_of(batch_size=3, **CATEGORIES).id == base.id
    assert suite_of(**dict(reversed(CATEGORIES.items()))).id == base.id
    assert suite_of(**CATEGORIES, flow2=None).id == base.id
    explicit = CATEGORIES | {"pgd": {**CATEGORIES["pgd"], "step_size": 0.15 / 4}}
    assert suite_of(**explicit).id == base.id


@pytest.mark.parametrize(
    "change",
    [
        {"pgd": {"epsilon": 0.16, "ladder": [1, 3, 6]}},
        {"pgd": {"epsilon": 0.15, "ladder": [1, 3, 7]}},
        {"pgd": {"epsilon": 0.15, "ladder": [1, 6]}},
        {"pgd": {"epsilon": 0.15, "ladder": [1, 3, 6], "step_size": 0.01}},
        {"pgd": {"epsilon": 0.15, "ladder": [1, 3, 6], "loss": "margin"}},
        {"pgd": {"attack": "flow", "epsilon": 0.15, "ladder": [1, 3, 6]}},
        {"pgd": None},
        {"rt": {"epsilon": 0.2, "ladder": [2, 5]}},
        {"split": "validation"},
        {"examples": 100},
    ],
)
def test_whatever_determines_the_bits_changes_the_id(change: dict[str, Any]) -> None:
    assert suite_of(**(CATEGORIES | change)).id != suite_of(**CATEGORIES).id


def test_golden_id() -> None:
    """Changed, every evaluation in users' stores would be made anew."""
    assert read_suite(preset("cifar10").section("evaluation")).id == "e29bcecce7f3d4228"


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"split": "validation", "examples": 10, "batch_size": 3},
        {"strong": {"attack": "pgd", "epsilon": 1, "ladder": [2], "loss": "margin"}},
        {"none": {"attack": "flow", "epsilon": 0, "ladder": [2]}},
        {"both": {"attack": "integrated", "rt_epsilon": 0.4, "flow_epsilon": 0.1, "ladder": [3]}},
        {"dark": {"attack": OWN, "depth": 0.5}},
    ],
)
def test_a_record_reads_back_as_the_same_suite(sections: dict[str, Any]) -> None:
    suite = suite_of(**CATEGORIES, **sections)
    again = read_suite(Document.from_plain(suite.record(), "record"))
    assert again == suite
    assert again.id == suite.id


@pytest.mark.parametrize(
    ("sections", "pieces"),
    [
        ({}, ["must name at least one attack", "pgd: {epsilon: 8/255}"]),
        ({"pgd": None}, ["must name at least one attack"]),
        ({"pgd": {"epsilon": 0.1}}, ["pgd.ladder", "is required"]),
        ({"pgd": {"epsilon": 0.1, "ladder": []}}, ["pgd.ladder", "at least 1"]),
        ({"pgd": {"epsilon": 0.1, "ladder": [1, 1]}}, ["must rise from rung to rung, got [1, 1]"]),
        ({"pgd": {"epsilon": 0.1, "ladder": [5, 3]}}, ["must rise from rung to rung, got [5, 3]"]),
        ({"pgd": {"epsilon": 0.1, "ladder": [0, 3]}}, ["pgd.ladder", "must be >= 1", "got 0"]),
        ({"pgd": {"epsilon": 0.1, "ladder": [1.5]}}, ["pgd.ladder", "whole number"]),
        ({"pgd": {"epsilon": 0.1, "ladder": [1], "num_steps": 3}}, ["pgd.num_steps", "`ladder`"]),
        ({"pgd": {"ladder": [1]}}, ["pgd.epsilon", "is required"]),
        ({"pgd": {"epsilon": -1, "ladder": [1]}}, ["pgd.epsilon", "must be >= 0", "got -1"]),
        ({"pdg": {"epsilon": 0.1, "ladder": [1]}}, ["pdg.attack", "did you mean 'pgd'"]),
        ({"plain": {"attack": OWN, "ladder": [1]}}, ["plain.ladder", "must be left out"]),
        ({"split": "train", "pgd": CATEGORIES["pgd"]}, ["split", "'test' or 'validation'"]),
        ({"examples": 0, "pgd": CATEGORIES["pgd"]}, ["examples", "must be >= 1"]),
    ],
)
def test_what_is_no_suite_is_refused(sections: dict[str, Any], pieces: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        suite_of(**sections)
    for piece in ["suite.yaml:1", *pieces]:
        assert piece in str(caught.value)
