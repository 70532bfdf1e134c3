"""A suite's categories are attacked alike, or the suite says why not; a claim suite says that it is
one. Neither changes what a suite is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from trainer.attacks import PGD, Corruption
from trainer.attacks.ascent import AscentAttack
from trainer.config import preset
from trainer.data import Dataset
from trainer.evaluation.suite import Suite, evaluate, read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput

SUITES = Path(__file__).parents[3] / "sweeps" / "suites"
PRESETS = ("digits", "mnist", "fashion_mnist", "cifar10", "caltech256")
RT, FLOW = {"epsilon": 0.1, "ladder": [1, 10]}, {"epsilon": 0.05, "ladder": [1, 10]}
FASHION = Document.read(SUITES.parent / "comparison_fashion.yaml").section("evaluation")
CLAIMS = {
    "claim_digits": preset("digits").section("evaluation"),
    "claim_mnist": preset("mnist").section("evaluation"),
    "claim_fashion": FASHION.merged_over(preset("fashion_mnist").section("evaluation")),
    "claim_cifar": preset("cifar10").section("evaluation"),
}
"""The section of the sweeps' own suite whose radii each has."""


def suite_of(**sections: Any) -> Suite:
    return read_suite(Document.from_plain(sections, "suite.yaml:1"))


def test_equal_attacks_are_nothing_to_warn_of() -> None:
    assert suite_of(rt=RT, flow=FLOW, rt_grid={"epsilon": 0.1}).oddities((1, 8, 8)) == ()


def test_unequal_starts_and_longest_runs_are_told_each() -> None:
    suite = suite_of(rt=RT | {"num_restarts": 4}, flow=FLOW | {"ladder": [5, 20]})
    starts, runs = suite.oddities((1, 8, 8))
    assert "unequally, starts: rt 4, flow 1; " in starts
    assert "unequally, steps of the longest run: rt 10, flow 20; " in runs
    assert "say why in evaluation.unequal" in starts


def test_rungs_below_the_longest_may_differ() -> None:
    assert suite_of(rt=RT | {"ladder": [10]}, flow=FLOW).oddities((1, 8, 8)) == ()


def test_a_reason_ends_the_warning_and_is_no_content() -> None:
    unequal = {"rt": RT | {"num_restarts": 4}, "flow": FLOW}
    silent = suite_of(unequal="rt climbs badly", **unequal)
    assert silent.oddities((1, 8, 8)) == ()
    assert silent.id == suite_of(**unequal).id
    assert silent.record()["unequal"] == "rt climbs badly"
    assert not {"unequal", "claim"} & suite_of(**unequal).record().keys()
    again = read_suite(Document.from_plain(silent.record(), "record"))
    assert again == silent


@pytest.mark.parametrize("wrong", [{"unequal": ""}, {"unequal": True}, {"claim": "yes"}])
def test_a_wrong_reason_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        suite_of(rt=RT, **wrong)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_say_why(name: str) -> None:
    section = preset(name).section("evaluation")
    suite = read_suite(section)
    assert suite.without_reason_of(section) is suite
    assert suite.unequal is not None
    assert not any("unequally" in line for line in suite.oddities(None))


def test_a_presets_reason_does_not_excuse_other_attacks() -> None:
    own = preset("digits").section("evaluation")
    for assignment, holds in (
        ("pgd.epsilon=0.1", True),
        ("examples=10", True),
        ("rt.num_restarts=40", False),
        ("pgd.ladder=[1]", False),
    ):
        suite = read_suite(own.set(assignment)).without_reason_of(own)
        assert (suite.unequal is not None) == holds, assignment
    said = own.set("pgd.ladder=[1]").set("unequal=for a glance")
    assert read_suite(said).without_reason_of(own).unequal == "for a glance"
    mine = suite_of(unequal="mine", rt=RT | {"num_restarts": 2}, flow=FLOW)
    assert mine.without_reason_of(preset("other").section("evaluation")) is mine


# Suites that come with the project


@pytest.mark.parametrize("path", sorted(SUITES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_suite_that_comes_along_is_nothing_to_warn_of(path: Path) -> None:
    suite = read_suite(Document.read(path))
    assert suite.oddities((1, 8, 8)) == ()
    assert suite.claim == path.stem.startswith("claim_")


@pytest.mark.parametrize("stem", CLAIMS)
def test_a_claim_suite_attacks_hard_at_the_radii_of_its_sweeps(stem: str) -> None:
    suite = read_suite(Document.read(SUITES / f"{stem}.yaml"))
    own = read_suite(CLAIMS[stem])
    radii = {label: rungs.attack.epsilon for label, rungs in own.categories.items()}  # type: ignore[attr-defined]
    losses = set()
    for label in suite.seen:
        attack = suite.categories[label].attack
        kind = label.removesuffix("_margin")
        threat = {"autoattack": "pgd", "rt_grid": "rt"}.get(kind, kind)
        assert attack.epsilon == radii[threat], label  # type: ignore[attr-defined]
        if isinstance(attack, AscentAttack):
            losses.add((kind, attack.loss))
            assert (attack.num_restarts, attack.step_decay) == (5, "cosine")
    assert losses == {(k, loss) for k in radii for loss in ("cross_entropy", "margin")}
    assert {"autoattack", "rt_grid"} <= set(suite.seen)


@pytest.mark.parametrize("stem", CLAIMS)
def test_a_claim_suite_has_what_nobody_trained_on_beside_it(stem: str) -> None:
    suite = read_suite(Document.read(SUITES / f"{stem}.yaml"))
    unseen = {label: suite.categories[label].attack for label in suite.unseen}
    norms = {attack.norm: attack for attack in unseen.values() if isinstance(attack, PGD)}
    corruptions = [attack for attack in unseen.values() if isinstance(attack, Corruption)]
    assert norms.keys() == {"l2", "l1"}
    assert {(norm.num_restarts, norm.step_decay) for norm in norms.values()} == {(5, "cosine")}
    assert len(norms) + len(corruptions) == len(unseen)
    assert all(suite.categories[each.kind].ladder == (1, 2, 3, 4, 5) for each in corruptions)


def test_without_autoattack_a_claim_suite_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trainer.attacks.autoattack.PACKAGE", "no_such_package")
    with pytest.raises(BadInput, match=r"not installed; pip install '.*autoattack"):
        read_suite(Document.read(SUITES / "claim_digits.yaml"))


@pytest.mark.slow
def test_a_claim_suite_is_at_least_as_strong_as_the_presets(
    trained: nn.Module, digits: Dataset
) -> None:
    few = {"examples": 24}
    document = Document.read(SUITES / "claim_digits.yaml")
    if importlib.util.find_spec("pyautoattack") is None:
        document = document.without("autoattack")
    claim = read_suite(document).model_copy(update=few)
    own = read_suite(preset("digits").section("evaluation")).model_copy(update=few)
    hard, usual = (evaluate(trained, suite, digits, progress=None) for suite in (claim, own))
    assert set(hard.robust) == set(claim.categories)
    assert hard.union_accuracy() <= usual.union_accuracy() + 1 / 24
    assert torch.isfinite(torch.tensor(list(hard.accuracies().values()))).all()
