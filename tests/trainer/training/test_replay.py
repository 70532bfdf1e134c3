"""Replayed schedules: a training under its own is the same training, and so is one that stops."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.runs import CPU, Diary, MakeTrial, StopError, assert_same_bits
from trainer.config import Trial
from trainer.data import load
from trainer.input.problems import BadInput
from trainer.methods.replayed import ReplayedWeighting
from trainer.passes import Passes
from trainer.training.last_steps import Step
from trainer.training.loop import train
from trainer.training.step_weights import StepWeights
from trainer.weights.checkpoint import Checkpoint, Weights

PARETO = {"method": {"method": "pareto", "rho": 0.4}}
OTHER = "t0123456789abcdef"


def course(
    trial: Trial,
    *,
    schedule: Tensor | None = None,
    resume: bytes | None = None,
    fails_after: int | None = None,
) -> tuple[nn.Module | None, Diary, StepWeights]:
    """A training, the model None where it was stopped."""
    diary, step_weights = Diary(fails_after=fails_after), StepWeights()
    model = None
    with contextlib.suppress(StopError):
        model = train(
            trial,
            load(trial.data, CPU),
            device=CPU,
            reporter=diary,
            resume=None if resume is None else Checkpoint.from_bytes(resume),
            micro_batches=1,
            schedule=schedule,
            step_weights=step_weights,
        )
    return model, diary, step_weights


@pytest.fixture(scope="module")
def own(small_trial: MakeTrial) -> tuple[Trial, nn.Module, Diary, Tensor]:
    """A Pareto training and its schedule."""
    trial = small_trial(**PARETO)
    model, diary, step_weights = course(trial)
    schedule = step_weights.schedule()
    assert model is not None
    assert schedule is not None
    return trial, model, diary, schedule


def test_the_schedule_is_what_each_step_weighed(
    own: tuple[Trial, nn.Module, Diary, Tensor],
) -> None:
    trial, _, diary, schedule = own
    assert schedule.shape == (15, 4)
    assert schedule.dtype == torch.float32
    assert len({tuple(row) for row in schedule.tolist()}) > 3, "it adapts"
    means = schedule.view(3, 5, 4).mean(dim=1)
    for row, mean in zip(diary.rows, means.tolist(), strict=True):
        assert [row[f"weight/{b}"] for b in trial.method.branches()] == pytest.approx(mean)


def test_a_training_under_its_own_schedule_is_itself(
    own: tuple[Trial, nn.Module, Diary, Tensor], small_trial: MakeTrial
) -> None:
    _, model, diary, schedule = own
    replayed = small_trial(**PARETO, replay={"trial": OTHER})
    again, its_diary, its_weights = course(replayed, schedule=schedule)
    assert again is not None
    assert_same_bits(again.state_dict(), model.state_dict())
    kept = its_weights.schedule()
    assert kept is not None
    assert torch.equal(kept, schedule)
    solved = {"r_asked", "r_in_effect", "clipped_share", "worst_weighs_least_share"}
    without = [{k: v for k, v in row.items() if k not in solved} for row in diary.facts()]
    assert its_diary.facts() == without


@pytest.mark.slow
@pytest.mark.parametrize("mean", [False, True])
def test_a_replay_that_stops_needs_the_other_no_more(
    own: tuple[Trial, nn.Module, Diary, Tensor], small_trial: MakeTrial, *, mean: bool
) -> None:
    schedule = own[3]
    replayed = small_trial(**PARETO, seed=1, replay={"trial": OTHER, "mean": mean})
    whole, _, whole_weights = course(replayed, schedule=schedule)
    _, part, _ = course(replayed, schedule=schedule, fails_after=7)
    rest, _, its_weights = course(replayed, resume=part.stopped)
    assert whole is not None
    assert rest is not None
    assert_same_bits(rest.state_dict(), whole.state_dict())
    one, other = whole_weights.schedule(), its_weights.schedule()
    assert one is not None
    assert other is not None
    assert torch.equal(one, other), "it is kept from the first step on"
    expected = schedule.double().mean(0).float().expand(15, 4) if mean else schedule
    assert torch.equal(one, expected)


def test_a_schedule_of_other_steps_is_refused(small_trial: MakeTrial) -> None:
    replayed = small_trial(**PARETO, replay={"trial": OTHER})
    with pytest.raises(
        BadInput, match=f"must be those of {OTHER}, 15 steps and 4 losses, got none"
    ):
        course(replayed)
    with pytest.raises(BadInput, match="got those of 14 steps and 4 losses"):
        course(replayed, schedule=torch.full((14, 4), 0.25))
    with pytest.raises(ValueError, match="schedule must be of 3 losses"):
        ReplayedWeighting(None, K=3, mean=False).restore({"schedule": torch.ones(2, 4), "steps": 0})


def test_a_checkpoint_of_before_schedules_were_kept_has_none(
    own: tuple[Trial, nn.Module, Diary, Tensor],
) -> None:
    trial, model, diary, _ = own
    older = Checkpoint.from_bytes(diary.checkpoints[0])
    fields = {**vars(older), "step_weights": None}
    again, _, step_weights = course(trial, resume=Checkpoint(**fields).to_bytes())
    assert again is not None
    assert_same_bits(again.state_dict(), model.state_dict())
    assert step_weights.schedule() is None


def test_the_schedule_lies_beside_the_weights(
    own: tuple[Trial, nn.Module, Diary, Tensor],
) -> None:
    trial, model, _, schedule = own
    kept = Weights(
        trial=trial.record(),
        model=model.state_dict(),
        image_shape=(1, 8, 8),
        num_classes=10,
        step_weights=schedule,
    )
    read = Weights.from_bytes(kept.to_bytes())
    assert read.step_weights is not None
    assert torch.equal(read.step_weights, schedule)
    assert read.image_shape == (1, 8, 8)


def test_what_a_step_left_out_is_left_out_again() -> None:
    """Without a pass for it, where its schedule has no weight but NaN."""
    steps = StepWeights()
    for left_out, weights in (({1}, [0.25, 0.0, 0.75]), (set(), [0.5, 0.5, 0.0])):
        steps.add(
            Step(
                epoch=1,
                step=1,
                learning_rate=0.1,
                gradient_norm=torch.tensor(1.0),
                losses=torch.ones(3),
                weights=torch.tensor(weights),
                left_out=frozenset(left_out),
                passes=Passes(),
            )
        )
    schedule = steps.schedule()
    assert schedule is not None
    replayed = ReplayedWeighting(schedule, K=3, mean=False)
    losses = torch.rand(3, 4)
    assert replayed.idle() == {1: None}
    assert replayed.weigh(losses).flatten().tolist() == [0.25, 0.0, 0.75]
    replayed.observe(losses)
    assert replayed.idle() == {}
    assert replayed.weigh(losses).flatten().tolist() == [0.5, 0.5, 0.0]
    mean = ReplayedWeighting(schedule, K=3, mean=True)
    assert mean.idle() == {}
    assert mean.weigh(losses).flatten().tolist() == [0.375, 0.25, 0.375]
