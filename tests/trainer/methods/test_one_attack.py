"""One attack a mini-batch: what is drawn how often, from what it is derived, what is remembered."""

from __future__ import annotations

import json
import math
from collections import Counter

import pytest
import torch
from torch import Tensor

from trainer.methods import ErrorProportional, RandomAttack
from trainer.methods.one_attack import ErrorProportionalWeighting, OneAttackWeighting
from trainer.randomness import derive_seed


def computed(weighting: OneAttackWeighting, K: int) -> list[int]:
    """Places that the step computes."""
    return [place for place in range(K) if place not in weighting.idle()]


def errors_of(place: int, K: int, count: int, *, images: int = 10) -> Tensor:
    """A batch in which the model errs on so many of the images at a place."""
    errors = torch.full((K, images), torch.nan)
    errors[place] = (torch.arange(images) < count).float()
    return errors


def assert_frequencies(chosen: Counter[int], expected: list[float]) -> None:
    """Within five standard deviations of a binomial, of seeds that are fixed."""
    total = sum(chosen.values())
    for place, probability in enumerate(expected):
        spread = math.sqrt(total * probability * (1 - probability))
        assert abs(chosen[place] - total * probability) <= 5 * spread


@pytest.mark.parametrize("names", [("a", "b"), ("pgd", "flow", "rt"), ("a", "b", "c", "d", "e")])
def test_a_random_attack_is_any_with_the_same_probability(names: tuple[str, ...]) -> None:
    weighting = RandomAttack(attack_names=names).weighting()
    assert isinstance(weighting, OneAttackWeighting)
    chosen: Counter[int] = Counter()
    for step in range(4000):
        weighting.begin(derive_seed(3, "method", 0, step))
        (place,) = computed(weighting, len(names))
        chosen[place] += 1
    assert_frequencies(chosen, [1 / len(names)] * len(names))


def test_the_choice_is_of_the_seed_alone() -> None:
    method = RandomAttack()
    one, other = method.weighting(), method.weighting()
    for step in range(20):
        one.begin(derive_seed(0, step))
    seeds = [derive_seed(1, step) for step in range(30)]
    drawn = []
    for weighting in (one, other):
        places = []
        for seed in seeds:
            weighting.begin(seed)
            assert weighting.idle() == weighting.idle()  # of every part alike
            places.append(tuple(weighting.idle()))
        drawn.append(places)
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 3


@pytest.mark.parametrize("seed", [0, 2**62, 2**63 - 1])
def test_every_seed_draws_an_attack(seed: int) -> None:
    weighting = RandomAttack(natural_weight=0.25).weighting()
    weighting.begin(seed)
    places = [place for place in range(4) if place not in weighting.idle()]
    assert places == [0, {0: 1, 2**62: 2, 2**63 - 1: 3}[seed]]
    losses = torch.rand(4, 5)
    weights = weighting.weigh(losses).squeeze(1).tolist()
    assert weights[0] == 0.25
    assert weights[places[1]] == 0.75
    assert sum(weights) == 1


def eat(**settings: object) -> ErrorProportionalWeighting:
    weighting = ErrorProportional.model_validate(settings).weighting()
    assert isinstance(weighting, ErrorProportionalWeighting)
    return weighting


def test_attacks_are_drawn_in_proportion_to_their_errors() -> None:
    """Errors 1, 3 and 6 of 10 images: .1, .3 and .6 of the draws, whatever was drawn before."""
    weighting = eat()
    seen: set[int] = set()
    for step in range(100):  # until each attack has been looked at, each is as likely
        weighting.begin(derive_seed(0, step))
        (place,) = computed(weighting, 3)
        weighting.observe_errors(errors_of(place, 3, (1, 3, 6)[place]))
        seen.add(place)
    assert seen == {0, 1, 2}
    assert weighting.probabilities() == pytest.approx([0.1, 0.3, 0.6])
    chosen: Counter[int] = Counter()
    for step in range(4000):
        weighting.begin(derive_seed(5, step))
        (place,) = computed(weighting, 3)
        chosen[place] += 1
    assert_frequencies(chosen, [0.1, 0.3, 0.6])
    assert weighting.epoch_report() == {
        "training_error/pgd": pytest.approx(0.1),
        "training_error/flow": pytest.approx(0.3),
        "training_error/rt": pytest.approx(0.6),
    }


def test_errors_are_shares_over_all_steps_so_far() -> None:
    weighting = eat(attack_names=("a", "b"), natural_weight=0.5)
    assert weighting.probabilities() == [0.5, 0.5]
    weighting.begin(0)  # the first
    weighting.observe_errors(errors_of(1, 3, 8))
    assert weighting.probabilities() == [0.5, 0.5]  # the second has not been chosen
    weighting.begin(2**63 - 1)
    weighting.observe_errors(errors_of(2, 3, 2))
    weighting.begin(0)
    weighting.observe_errors(errors_of(1, 3, 6, images=30))
    assert weighting.probabilities() == pytest.approx([(8 + 6) / 40, 2 / 10])


def test_an_attack_that_breaks_nothing_is_not_drawn_but_where_none_does() -> None:
    weighting = eat(attack_names=("a", "b"))
    for seed, place, count in ((0, 0, 0), (2**63 - 1, 1, 5)):
        weighting.begin(seed)
        weighting.observe_errors(errors_of(place, 2, count))
    for step in range(50):
        weighting.begin(derive_seed(step))
        assert computed(weighting, 2) == [1]
    weighting = eat(attack_names=("a", "b"))
    for seed, place in ((0, 0), (2**63 - 1, 1)):
        weighting.begin(seed)
        weighting.observe_errors(errors_of(place, 2, 0))
    assert weighting.probabilities() == [0.5, 0.5]


def test_what_is_remembered_goes_on() -> None:
    whole, part = eat(), eat()
    for step in range(60):
        if step in (1, 7, 30):
            state = json.loads(json.dumps(part.state()))
            part = eat()
            part.restore(state)
        for weighting in (whole, part):
            weighting.begin(derive_seed(2, step))
            (place,) = computed(weighting, 3)
            weighting.observe_errors(errors_of(place, 3, step % 7))
        assert whole.idle() == part.idle()
    assert whole.state() == part.state()
    assert whole.epoch_report() == part.epoch_report()


def test_the_state_of_other_attacks_is_refused() -> None:
    with pytest.raises(ValueError, match="errors must be 3 numbers"):
        eat().restore(eat(attack_names=("a", "b")).state())
