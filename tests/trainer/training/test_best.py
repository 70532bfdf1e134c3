"""The state that does best in validation: which it is, and that nothing else has a part in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.course import NORMALISED
from tests.trainer.runs import CPU, Diary, MakeTrial, StopError, assert_same_bits, run
from trainer.config import Trial
from trainer.data import Dataset, Split, load
from trainer.input.problems import BadInput
from trainer.training.best import BestState
from trainer.training.loop import train
from trainer.weights.checkpoint import BestEpoch, Checkpoint, Weights

SECTIONS: dict[str, Any] = {
    "model": NORMALISED,
    "training": {"ema": 0.95, "optimiser": {"learning_rate": 0.03}},
}
"""With running statistics and an average of weights; epochs differ, and the last is not best."""


def course(
    trial: Trial,
    *,
    resume: bytes | None = None,
    data: Dataset | None = None,
    fails_after: int | None = None,
) -> tuple[BestState, Diary]:
    """The best state of a training, and what was told of it, up to where it fails."""
    best, diary = BestState(trial), Diary(fails_after=fails_after)
    try:
        train(
            trial,
            load(trial.data, CPU) if data is None else data,
            device=CPU,
            reporter=diary,
            resume=None if resume is None else Checkpoint.from_bytes(resume),
            micro_batches=1,
            best=best,
        )
    except StopError:
        torch.manual_seed(7)
    return best, diary


def scores(diary: Diary) -> list[float | None]:
    """The mean of the categories' worst cases of each epoch; None of one without validation."""
    found: list[float | None] = []
    for row in diary.rows:
        worst = [v for name, v in row.items() if name.startswith("validation/robust_accuracy_")]
        found.append(sum(worst) / len(worst) if worst else None)
    return found


def row(*worst: float, collapsed: bool = False) -> dict[str, float]:
    named = {f"validation/robust_accuracy_{at}": value for at, value in enumerate(worst)}
    return {"validation/natural_accuracy": 0.9, **named, "validation/collapsed": float(collapsed)}


def test_best_is_the_largest_mean_of_worst_cases_and_of_equal_ones_the_latest(
    small_trial: MakeTrial,
) -> None:
    best, model = BestState(small_trial()), nn.Linear(1, 1, bias=False)
    kept = []
    for epoch, worst in enumerate([(0.2, 0.2), (0.6, 0.0), (0.5, 0.1), (0.3, 0.2)], start=1):
        nn.init.constant_(model.weight, epoch)
        best.see(row(*worst), epoch=epoch, model=model)
        assert best.epoch is not None
        kept.append((best.epoch.epoch, float(best.state()["model"]["weight"])))
    assert kept == [(1, 1), (2, 2), (3, 3), (3, 3)], "0.3 in epochs 2 and 3, 0.25 in the last"
    assert best.epoch is not None
    assert best.epoch.score == pytest.approx(0.3)


def test_a_collapsed_model_is_best_only_where_all_are(small_trial: MakeTrial) -> None:
    """It withstands everything on one class: more than a model that nothing defends."""
    best, model = BestState(small_trial()), nn.Linear(1, 1)
    kept = []
    rows = [(0.1, True), (0.2, True), (0.02, False), (0.1, True), (0.01, False), (0.03, False)]
    for epoch, (worst, collapsed) in enumerate(rows, start=1):
        best.see(row(worst, collapsed=collapsed), epoch=epoch, model=model)
        assert best.epoch is not None
        kept.append(best.epoch.epoch)
    assert kept == [1, 2, 3, 3, 3, 6]


@pytest.mark.slow
def test_a_training_keeps_what_a_training_that_ends_there_ends_with(
    small_trial: MakeTrial,
) -> None:
    """The optimiser's rate is constant, so that a shorter training takes the same steps."""
    trial = small_trial(**SECTIONS, seed=1)
    best, diary = course(trial)
    assert best.epoch is not None
    found = scores(diary)
    assert best.epoch.score == max(filter(None, found))
    at = best.epoch.epoch
    assert at == len(found) - found[::-1].index(best.epoch.score) < len(found), found
    shorter = trial.training.model_copy(update={"epochs": at})
    model, _ = run(trial.model_copy(update={"training": shorter}))
    kept = best.state()["model"]
    assert_same_bits(dict(sorted(kept.items())), dict(sorted(model.state_dict().items())))
    without, _ = run(trial)
    last = Checkpoint.from_bytes(diary.checkpoints[-1]).average
    assert_same_bits(cast("dict[str, Tensor]", last), dict(without.state_dict()))


@pytest.mark.slow
def test_a_training_that_is_killed_and_goes_on_keeps_the_same_state(
    small_trial: MakeTrial,
) -> None:
    """Killed within an epoch and right after the best one."""
    trial = small_trial(**SECTIONS, seed=1)
    whole, _ = course(trial)
    for stop in (3, 5, 7, 10, 12):
        _, part = course(trial, fails_after=stop)
        again, _ = course(trial, resume=part.stopped)
        assert again.epoch == whole.epoch
        assert_same_bits(again.state(), whole.state())


@pytest.mark.slow
def test_neither_the_images_that_pick_nor_the_test_set_have_a_part_in_the_choice(
    small_trial: MakeTrial,
) -> None:
    trial = small_trial(**SECTIONS, seed=1)
    data = load(trial.data, CPU)
    pixels = data.validation.images_at(torch.arange(len(data.validation)))
    labels = data.validation.labels.clone()
    labels[~data.steers] = (labels[~data.steers] + 1) % data.num_classes
    pixels[~data.steers] = 1 - pixels[~data.steers]
    uint8 = (pixels * 255).round().to(torch.uint8)
    poisoned = replace(data, validation=Split.of(uint8, labels), test=cast(Split, None))
    usual, other = course(trial), course(trial, data=poisoned)
    assert scores(usual[1]) == scores(other[1])
    assert_same_bits(usual[0].state(), other[0].state())


def test_a_state_that_was_not_kept_from_the_first_epoch_on_is_refused(
    small_trial: MakeTrial,
) -> None:
    trial = small_trial(training={"epochs": 2})
    _, plain = run(trial)
    with pytest.raises(BadInput, match=r"best: must be there, .* got none; train from the begin"):
        course(trial, resume=plain.checkpoints[0])
    best = BestState(trial.model_copy(update={"validation_attacks": {}}))
    other = replace(Checkpoint.from_bytes(plain.checkpoints[0]), best=best.state())
    with pytest.raises(BadInput, match=r"got one chosen under v[0-9a-f]{16}"):
        course(trial, resume=other.to_bytes())


def test_a_file_of_best_weights_says_of_which_epoch_they_are() -> None:
    epoch = BestEpoch(validation="v0123456789abcdef", epoch=3, score=0.5, collapsed=False)
    last = Weights(trial={"seed": 1}, model={}, image_shape=(1, 8, 8), num_classes=10)
    kept = Weights.from_bytes(replace(last, best=epoch).to_bytes())
    assert kept.best == epoch
    assert Weights.from_bytes(last.to_bytes()).best is None
