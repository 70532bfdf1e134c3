"""The average of weights: its closed form, and a training that keeps one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.course import NORMALISED
from tests.trainer.runs import CPU, Diary, MakeTrial, assert_same_bits, run, run_with_stops, told
from trainer.data import load
from trainer.input.problems import BadInput
from trainer.training.average import WeightAverage
from trainer.training.loop import new_model
from trainer.weights.checkpoint import Checkpoint

EMA: dict[str, Any] = {"model": NORMALISED, "training": {"ema": 0.95}}


class Toy(nn.Module):
    """One weight, a statistic, a count, a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -2.0]))
        self.register_buffer("mean", torch.tensor(4.0))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_the_average_is_the_weighted_sum_of_all_weights_so_far() -> None:
    """a_T = sum_t (1 - d_t) prod_{s > t} d_s w_t, with d_t = min(0.5, (1 + t) / (10 + t)) and the
    first weights' share prod_s d_s; the shares sum to 1."""
    model = Toy()
    average = WeightAverage(model, 0.5)
    decays = [min(0.5, (1 + t) / (10 + t)) for t in range(1, 13)]
    assert decays[0] == 2 / 11
    assert decays[-1] == 0.5
    shares = [float(torch.tensor(decays).prod())]
    weights = [model.weight.detach().clone()]
    for step, decay in enumerate(decays, start=1):
        with torch.no_grad():
            model.weight.copy_(torch.tensor([step**0.5, 1.0 / step]))
            model.get_buffer("mean").fill_(step)
            model.get_buffer("count").fill_(step)
        weights.append(model.weight.detach().clone())
        shares.append((1 - decay) * float(torch.tensor(decays[step:]).prod()))
        average.update(step)
    assert sum(shares) == pytest.approx(1)
    expected = sum(share * weight for share, weight in zip(shares, weights, strict=True))
    torch.testing.assert_close(average.state()["weight"], expected)
    mean = 4 * shares[0] + sum(t * share for t, share in enumerate(shares) if t)
    assert float(average.state()["mean"]) == pytest.approx(mean)
    assert int(average.state()["count"]) == 12
    assert torch.equal(average.state()["mask"], torch.tensor([0.0, -torch.inf]))


def test_the_model_has_the_average_during_the_block_alone() -> None:
    model = Toy()
    average = WeightAverage(model, 0.9)
    first = state(model)
    with torch.no_grad():
        model.weight.add_(1)
    own = state(model)
    with pytest.raises(FloatingPointError), average.in_the_model():
        assert_same_bits(state(model), first)
        raise FloatingPointError
    assert_same_bits(state(model), own)
    assert model.weight.requires_grad
    average.write()
    assert_same_bits(state(model), first)


class StepByStep(Diary):
    """Keeps the model of every step's checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.models: list[dict[str, Tensor]] = []

    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None:
        self.models.append({name: each.clone() for name, each in checkpoint().model.items()})


@pytest.mark.slow
def test_a_training_ends_with_the_average_and_takes_the_steps_of_one_without(
    small_trial: MakeTrial,
) -> None:
    diary, plain = StepByStep(), StepByStep()
    trial = small_trial(**EMA)
    model = told(diary, trial, resume=None, micro_batches=1)
    bare = told(plain, small_trial(model=NORMALISED), resume=None, micro_batches=1)
    for one, other in zip(diary.models, plain.models, strict=True):
        assert_same_bits(one, other)
    assert_same_bits(diary.models[-1], bare.state_dict())

    first = new_model(trial, load(trial.data, CPU), CPU).state_dict()
    names = ["1.0.weight", "1.1.running_var"]
    for name in names:
        steps = torch.stack([each[name] for each in diary.models])
        average = first[name].double()
        for t, w in enumerate(steps.double(), start=1):
            decay = min(0.95, (1 + t) / (10 + t))
            average = decay * average + (1 - decay) * w
        torch.testing.assert_close(model.state_dict()[name].double(), average, rtol=1e-5, atol=1e-6)
        assert not torch.allclose(model.state_dict()[name], steps[-1], rtol=1e-3)

    split = load(trial.data, CPU).steering
    count = min(len(split), trial.validation.examples)
    chosen = torch.arange(count) * len(split) // count
    with torch.no_grad():
        right = model.eval()(split.images_at(chosen)).argmax(1) == split.labels[chosen]
    measured = diary.rows[-1]["validation/natural_accuracy"]
    assert measured == pytest.approx(float(right.float().mean()))
    kept, others = ([row["validation/natural_accuracy"] for row in d.rows] for d in (diary, plain))
    assert kept != others, "it shows whose it is"


def test_a_training_that_stops_ends_with_the_same_bits(small_trial: MakeTrial) -> None:
    trial = small_trial(**EMA)
    whole, diary = run(trial)
    parts, its_diary = run_with_stops(trial, [3, 5, 11])
    assert_same_bits(parts.state_dict(), whole.state_dict())
    assert its_diary.facts() == diary.facts()
    again, _ = run(trial, resume=diary.checkpoints[-1])  # nothing is left to train
    assert_same_bits(again.state_dict(), whole.state_dict())


def test_a_checkpoint_without_an_average_is_refused(small_trial: MakeTrial) -> None:
    _, diary = run(small_trial(model=NORMALISED))
    with pytest.raises(BadInput, match=r"average: must have this model's average .* got none"):
        run(small_trial(**EMA), resume=diary.checkpoints[0])


def test_an_average_that_a_training_would_drop_is_refused(small_trial: MakeTrial) -> None:
    """It would end with the weights of its last step, and nothing would say so."""
    _, diary = run(small_trial(**EMA))
    with pytest.raises(BadInput, match=r"average: must be none, since training.ema is not set"):
        run(small_trial(model=NORMALISED), resume=diary.checkpoints[0])


def test_the_decay_is_content_where_it_is_set(small_trial: MakeTrial) -> None:
    plain = small_trial()
    assert "ema" not in plain.content()["training"]
    assert small_trial(training={"ema": None}).id == plain.id
    assert small_trial(training={"ema": 0.999}).content()["training"]["ema"] == 0.999
    for wrong in (0, 1, 1.5):
        with pytest.raises(BadInput, match=r"training\.ema: must be [<>] [01], got"):
            small_trial(training={"ema": wrong})
