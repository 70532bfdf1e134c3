"""Our attacks against other libraries', on trained networks and real images.

The peers' answers lie beside the tests; `python -m tests.peers.remake` asks for them again.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from tests.peers.bench import Bench, Bits, falling, pgd_of
from tests.peers.reference import Answers, Network, Question
from trainer.attacks import PGD, Flow

NAMES = ("mnist", "cifar10")
OTHER_ROUNDING = 2
"""Images, of 1,000. Where a gradient's entry is nearly 0, its sign is as a machine rounds, and the
run goes another way from there: so on another machine ours may find this many errors fewer."""

FEW = 300
"""Images of the comparisons in L2 and L1."""

each_network = pytest.mark.parametrize("name", NAMES)


def questions_of(name: str, norm: str) -> list[Question]:
    """What the peers answered in the ball of a norm."""
    questions = Answers.read(Network.read(name)).questions
    return [question for question in questions if question.get("norm") == norm]


BALLS = [(name, norm) for name in NAMES for norm in ("l2", "l1") if questions_of(name, norm)]
each_ball = pytest.mark.parametrize(("name", "norm"), BALLS)


def chance(ours: Bits, theirs: Bits) -> float:
    """By how many images theirs may lead ours where starts alone differ: of the images that one of
    the two breaks each is as likely to be theirs as ours, so that the lead has a standard deviation
    of the root of their number; twice that."""
    return max(OTHER_ROUNDING, 2 * math.sqrt((ours != theirs).sum()))


# The answers are of these networks


@each_network
def test_answers_are_of_the_committed_network(name: str) -> None:
    answers = Answers.read(Network.read(name))
    assert set(answers.bits) == {question["label"] for question in answers.questions}
    for question in answers.questions:
        bits = answers.bits[question["label"]]
        assert bits.dtype == np.bool_
        assert bits.shape == (question["examples"],)
        assert 0 < bits.sum() < len(bits)  # neither untouched nor all broken: it can be compared


def test_a_changed_network_refuses_the_answers_of_the_old_one() -> None:
    network = Network.read("mnist")
    weight = next(iter(network.state))
    changed = replace(network, state={**network.state, weight: network.state[weight] + 1})
    with pytest.raises(ValueError, match=r"network mnist must be what the peers attacked .*remake"):
        Answers.read(changed)


# Strength


@pytest.fixture(scope="module")
def bench_of() -> Callable[[str], Bench]:
    """The bench of a network; other images than the peers' are refused."""
    root = os.environ.get("PARETO_DATA")
    if not root:
        pytest.skip("PARETO_DATA names no folder of real images")

    @cache
    def bench(name: str) -> Bench:
        return Bench(name, root)

    return bench


@pytest.mark.slow
@each_network
@pytest.mark.parametrize("starts", [1, 5])
def test_pgd_at_the_same_settings_is_as_strong_as_other_libraries(
    name: str, starts: int, bench_of: Callable[[str], Bench]
) -> None:
    """The starts alone differ."""
    bench = bench_of(name)
    question = bench.answers.question(f"torchattacks x{starts}")
    ours = bench.withstood(pgd_of(question), torch.arange(question["examples"]), draw=0)
    for peer in ("torchattacks", "foolbox"):
        theirs = bench.answers.bits[f"{peer} x{starts}"]
        assert ours.sum() - theirs.sum() <= chance(ours, theirs)


@pytest.mark.slow
@each_network
@pytest.mark.parametrize("starts", [1, 5])
def test_pgd_with_a_falling_step_finds_as_many_errors_as_other_libraries(
    name: str, starts: int, bench_of: Callable[[str], Bench]
) -> None:
    """As many gradients, the step ours to choose."""
    bench = bench_of(name)
    question = bench.answers.question(f"torchattacks x{starts}")
    attack = falling(pgd_of(question))
    ours = bench.withstood(attack, torch.arange(question["examples"]), draw=0)
    for peer in ("torchattacks", "foolbox"):
        theirs = bench.answers.bits[f"{peer} x{starts}"]
        assert ours.sum() <= theirs.sum() + OTHER_ROUNDING


@pytest.mark.slow
@each_network
def test_pgd_with_a_falling_step_comes_within_half_a_point_of_apgd(
    name: str, bench_of: Callable[[str], Bench]
) -> None:
    """One start each, as many steps."""
    bench = bench_of(name)
    question = bench.answers.question("apgd_ce x1")
    attack = PGD(epsilon=question["epsilon"], num_steps=question["num_steps"])
    ours = bench.withstood(falling(attack), torch.arange(question["examples"]), draw=0)
    assert ours.mean() <= bench.answers.bits["apgd_ce x1"].mean() + 0.005


@pytest.mark.slow
@each_ball
def test_pgd_in_l2_and_l1_at_the_same_settings_is_as_strong_as_other_libraries(
    name: str, norm: str, bench_of: Callable[[str], Bench]
) -> None:
    """Here too the starts differ, and the steps: in L1 foolbox's go along the hundredth of the
    pixels that rise most."""
    bench = bench_of(name)
    asked = [each for each in questions_of(name, norm) if each["attack"] == "pgd"]
    ours = bench.withstood(pgd_of(asked[0]), torch.arange(FEW), draw=0)
    for question in asked:
        theirs = bench.answers.bits[question["label"]][:FEW]
        assert ours.sum() - theirs.sum() <= chance(ours, theirs), question["label"]


@pytest.mark.slow
@each_ball
def test_pgd_that_comes_from_further_out_is_as_strong_as_the_strongest_library_from_one_start(
    name: str, norm: str, bench_of: Callable[[str], Bench]
) -> None:
    """Of adv-lib's APGD, which in L1 comes from three times the radius as well, of its FMN and of
    the others' PGD, as many gradients each. Without the stages L1 is far weaker than APGD."""
    bench = bench_of(name)
    asked = [each for each in questions_of(name, norm) if each.get("num_restarts", 1) == 1]
    from_further_out = {"radius_decay": "stages", "loss": "margin"}
    attack = falling(pgd_of(asked[0])).model_copy(update=from_further_out)
    ours = bench.withstood(attack, torch.arange(FEW), draw=0)
    for question in asked:
        theirs = bench.answers.bits[question["label"]][:FEW]
        assert ours.sum() - theirs.sum() <= chance(ours, theirs), question["label"]


@pytest.mark.slow
@each_network
def test_flow_finds_as_many_errors_as_stadv_within_its_radius(
    name: str, bench_of: Callable[[str], Bench]
) -> None:
    """One start on stAdv's loss, and as many steps as L-BFGS may take, of a gradient or more."""
    bench = bench_of(name)
    asked = [each for each in bench.answers.questions if each["attack"] == "stadv"]
    attack = Flow(epsilon=asked[0]["epsilon"], num_steps=asked[0]["num_steps"], loss="margin")
    ours = bench.withstood(falling(attack), torch.arange(asked[0]["examples"]), draw=0)
    for question in asked:
        theirs = bench.answers.bits[question["label"]]
        assert (~ours).sum() >= (~theirs).sum()
