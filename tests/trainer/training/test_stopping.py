"""Training is bit for bit the same wherever it stops and however often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.trainer.runs import (
    CPU,
    FORGETFUL,
    SECTIONS,
    Diary,
    MakeTrial,
    StopError,
    assert_same_bits,
    assert_same_state,
    differs,
    run,
    run_with_stops,
    told,
)
from trainer.config import Trial
from trainer.data import Dataset
from trainer.input.problems import BadInput
from trainer.training.loop import EpochRow, new_model, train
from trainer.weights.checkpoint import Checkpoint

NUM_STEPS = 5  # of an epoch of a small trial, of which it has three


@pytest.fixture(scope="module")
def whole(small_trial: MakeTrial) -> Callable[[str], tuple[Trial, nn.Module, Diary]]:
    """Each case's trial as it is trained in one go."""

    @cache
    def trained(case: str) -> tuple[Trial, nn.Module, Diary]:
        trial = small_trial(**SECTIONS[case])
        return trial, *run(trial)

    return trained


# The same, bit for bit


def assert_stops_change_nothing(
    whole: Callable[[str], tuple[Trial, nn.Module, Diary]], case: str, stops: set[int]
) -> None:
    trial, model, diary = whole(case)
    resumed_model, resumed = run_with_stops(trial, stops)
    assert resumed.facts() == diary.facts()
    for one, other in zip(diary.checkpoints, resumed.checkpoints, strict=True):
        assert_same_state(one, other)
    assert_same_bits(dict(model.state_dict()), dict(resumed_model.state_dict()))


@pytest.mark.slow
@pytest.mark.parametrize("case", SECTIONS)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.sets(st.integers(1, 3 * NUM_STEPS - 1), min_size=1, max_size=4))
def test_a_run_that_stopped_and_went_on_is_one_that_never_did(
    case: str, stops: set[int], whole: Callable[[str], tuple[Trial, nn.Module, Diary]], own: str
) -> None:
    del own
    assert_stops_change_nothing(whole, case, stops)


@pytest.mark.slow
@pytest.mark.parametrize("case", SECTIONS)
def test_so_it_is_after_every_single_step(
    case: str, whole: Callable[[str], tuple[Trial, nn.Module, Diary]], own: str
) -> None:
    del own
    for stop in range(1, 3 * NUM_STEPS):
        assert_stops_change_nothing(whole, case, {stop})
    assert_stops_change_nothing(whole, case, set(range(1, 3 * NUM_STEPS)))


def test_pareto_solves_within_these_runs(
    whole: Callable[[str], tuple[Trial, nn.Module, Diary]],
) -> None:
    _, _, diary = whole("pareto")
    alphas = [row["weight/pgd"] for row in diary.rows]
    assert alphas[0] == 0.25
    assert alphas[2] != pytest.approx(0.25, abs=0.01)


@pytest.mark.slow
def test_what_an_epoch_has_counted_is_kept_within_it(small_trial: MakeTrial) -> None:
    """A window of three: r, which follows the losses, is summed before and after the stops."""
    trial = small_trial(method={"method": "pareto", "rho": 1.0, "window": 3})
    _, never_stopped = run(trial)
    _, stopped = run_with_stops(trial, {2 * NUM_STEPS + 2, 2 * NUM_STEPS + 3})
    assert stopped.facts() == never_stopped.facts()
    last = stopped.rows[-1]
    assert last["clipped_share"] == 1
    assert last["r_in_effect"] == pytest.approx(0.999 * last["r_asked"])


def test_a_run_from_its_last_checkpoint_has_nothing_left_to_do(small_trial: MakeTrial) -> None:
    trial = small_trial()
    model, diary = run(trial)
    again, nothing = run(trial, resume=diary.checkpoints[-1])
    assert nothing.steps == 0
    assert_same_bits(dict(model.state_dict()), dict(again.state_dict()))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["standard", "pareto"])
def test_the_seed_and_nothing_else_decides(case: str, small_trial: MakeTrial) -> None:
    first, its_diary = run(small_trial(**SECTIONS[case]))
    torch.rand(7)  # the global generator is elsewhere now
    second, diary = run(small_trial(**SECTIONS[case]))
    assert not differs(first, second)
    assert its_diary.facts() == diary.facts()
    other, _ = run(small_trial(**SECTIONS[case], seed=1))
    assert differs(first, other)


def test_the_seed_decides_of_the_initialisation_too(
    small_trial: MakeTrial, digits: Dataset
) -> None:
    models = [new_model(small_trial(seed=seed), digits, CPU) for seed in (0, 0, 1)]
    assert not differs(models[0], models[1])
    assert differs(models[0], models[2])


def test_validation_does_not_change_the_model(small_trial: MakeTrial) -> None:
    often, _ = run(small_trial())
    once, _ = run(small_trial(validation={"every": 3, "examples": 5}))
    assert not differs(often, once)


# What the reporter is told, and may ask


class Listener:
    """Asks for a checkpoint at every call, or at none; keeps their positions."""

    def __init__(self, *, asks: bool) -> None:
        self.calls: list[str] = []
        self.positions: list[tuple[int, int]] = []
        self.epochs: list[dict[str, Any]] = []
        self._asks = asks

    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None:
        self._told("step", checkpoint)

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        del row
        self._told("epoch", checkpoint)

    def _told(self, what: str, checkpoint: Callable[[], Checkpoint]) -> None:
        self.calls.append(what)
        if self._asks:
            state = Checkpoint.from_bytes(checkpoint().to_bytes())
            self.positions.append(state.position)
            self.epochs.append(state.epoch)


def test_every_step_but_an_epochs_last_is_told_and_then_the_epoch(small_trial: MakeTrial) -> None:
    listener = Listener(asks=True)
    trial = small_trial(method={"method": "pgd", "natural_weight": 0.25})
    told_to(listener, trial)
    assert listener.calls == [*["step"] * 4, "epoch"] * 3
    expected = [(epoch, step) for epoch in range(3) for step in range(1, NUM_STEPS)]
    assert listener.positions == sorted([*expected, (1, 0), (2, 0), (3, 0)])
    assert all(one < other for one, other in pairwise(listener.positions))
    assert listener.epochs[4::5] == [{}] * 3
    for (_, steps), epoch in zip(listener.positions, listener.epochs, strict=True):
        if steps:
            assert set(epoch) == {"losses", "weights", "computed", "seconds"}
            torch.testing.assert_close(epoch["weights"], steps * torch.tensor([0.25, 0.75]))


def told_to(listener: Listener, trial: Trial) -> nn.Module:
    return told(listener, trial, resume=None, micro_batches=1)


def test_checkpoints_in_between_change_nothing(small_trial: MakeTrial) -> None:
    trial = small_trial(**SECTIONS["pareto"])
    asked, unasked = (told_to(Listener(asks=asks), trial) for asks in (True, False))
    assert not differs(asked, unasked)


def test_the_seconds_of_an_epochs_parts_add_up(small_trial: MakeTrial) -> None:
    trial = small_trial()
    stopped = Diary(fails_after=NUM_STEPS + 2)
    with pytest.raises(StopError):
        told(stopped, trial, resume=None, micro_batches=1)
    assert stopped.stopped is not None
    state = Checkpoint.from_bytes(stopped.stopped)
    assert 0 < state.epoch["seconds"] < 60
    long_ago = replace(state, epoch=state.epoch | {"seconds": 1000.0})
    _, resumed = run(trial, resume=long_ago.to_bytes())
    first, second = resumed.rows
    assert 1000 < first["seconds"] < 1060
    assert first["examples_per_second"] == pytest.approx(160 / first["seconds"])
    assert second["seconds"] < 60


# A longer trial from a shorter one


@pytest.mark.slow
@pytest.mark.parametrize("case", ["standard", "pareto"])
def test_a_longer_trial_goes_on_from_a_shorter_one(case: str, small_trial: MakeTrial) -> None:
    """Under a constant schedule, while the attacks' radii still grow."""
    sections = SECTIONS[case] | {"validation": {"every": 2}}
    shorter, longer = (
        small_trial(**sections, training={"epochs": epochs, "epsilon_warmup": 3.5})
        for epochs in (2, 4)
    )
    assert shorter.family == longer.family
    assert shorter.training.optimiser.is_constant
    _, beginning = run(shorter)
    model, rest = run(longer, resume=beginning.checkpoints[-1])
    anew, whole = run(longer)
    assert beginning.facts() + rest.facts() == whole.facts()
    assert_same_state(rest.checkpoints[-1], whole.checkpoints[-1])
    assert not differs(model, anew)


def test_under_a_schedule_a_shorter_trial_is_another(small_trial: MakeTrial) -> None:
    schedule = {"optimiser": {"schedule": [[0, 1], [0.5, 0.1]]}}
    _, longer = run(small_trial(training=schedule))
    _, shorter = run(small_trial(training={"epochs": 2, **schedule}))
    assert longer.facts()[1] != shorter.facts()[1]


# Checkpoints of other trials


def refusal(checkpoint: Checkpoint, trial: Trial, digits: Dataset) -> str:
    """What is said of a checkpoint that the trial cannot go on from, before any step."""
    listener = Listener(asks=False)
    with pytest.raises(BadInput) as caught:
        train(trial, digits, device=CPU, reporter=listener, resume=checkpoint, micro_batches=1)
    assert listener.calls == []
    return str(caught.value)


def stopped_after(steps: int, trial: Trial) -> Checkpoint:
    diary = Diary(fails_after=steps)
    with pytest.raises(StopError):
        told(diary, trial, resume=None, micro_batches=1)
    assert diary.stopped is not None
    return Checkpoint.from_bytes(diary.stopped)


SGD = {"optimiser": {"name": "sgd", "learning_rate": 0.05}}


@pytest.mark.parametrize(
    ("trials", "pieces"),  # the one that the checkpoint is of, and the one that it is given to
    [
        (
            ({"model": {"name": "cnn", "channels": [8, 32], "kernel_size": 3, "hidden": 64}}, {}),
            [
                "model.1.0.weight: must be of shape (16, 1, 3, 3) for this trial's model, "
                "got shape (8, 1, 3, 3)"
            ],
        ),
        (
            ({"model": {"name": "cnn", "channels": [16], "kernel_size": 3, "hidden": 64}}, {}),
            ["model.1.3.weight: must be of shape (32, 16, 3, 3) for", "got no such tensor"],
        ),
        (
            ({}, {"model": FORGETFUL}),
            ["1.0.weight: must be of shape (4, 1, 3, 3)", "got shape (16,"],
        ),
        (({"training": SGD}, {}), ["optimiser: must be Adam's state, got momentum_buffer"]),
        (({}, {"training": SGD}), ["optimiser: must be SGD's state, got exp_avg, exp_avg_sq"]),
        (
            ({}, {"method": {"method": "pareto", "rho": 0.5}}),
            ["weighting: must be of this trial's method, got nothing (KeyError('alpha'))"],
        ),
        (
            (
                {"method": {"method": "pareto", "rho": 0.5, "attack_names": ["rt"]}},
                {"method": {"method": "pareto", "rho": 0.5}},
            ),
            ["weighting: must be of", "alpha must be 4 numbers, got [0.5, 0.5]"],
        ),
        (({}, {"method": {"method": "average"}}), ["epoch: must be sums of 3 losses", "got 1"]),
    ],
)
def test_a_checkpoint_of_another_trial_is_refused(
    trials: tuple[dict[str, Any], dict[str, Any]],
    pieces: list[str],
    small_trial: MakeTrial,
    digits: Dataset,
    own: str,
) -> None:
    del own
    made_with, given_to = (small_trial(**sections) for sections in trials)
    message = refusal(stopped_after(2, made_with), given_to, digits)
    remedy = "go on with the settings that the checkpoint was made with"
    for piece in ["checkpoint: ", *pieces, remedy]:
        assert piece in message
    assert "\n" not in message


@pytest.mark.parametrize(("steps", "position"), [(15, "3 epochs and 0"), (11, "2 epochs and 1")])
def test_a_checkpoint_beyond_the_trials_end_is_refused(
    steps: int, position: str, small_trial: MakeTrial, digits: Dataset
) -> None:
    message = refusal(
        stopped_after(steps, small_trial()), small_trial(training={"epochs": 2}), digits
    )
    assert f"must be no further than training.epochs = 2, got {position} steps" in message
    assert "raise training.epochs" in message


def test_a_checkpoint_of_a_longer_epoch_is_refused(small_trial: MakeTrial, digits: Dataset) -> None:
    checkpoint = stopped_after(4, small_trial())
    message = refusal(checkpoint, small_trial(training={"batch_size": 40}), digits)
    assert "must be within an epoch of 4 steps, got 4 steps; go on with the data and" in message
