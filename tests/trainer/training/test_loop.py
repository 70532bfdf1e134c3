"""Training: what is told of it, how it trains, and what goes wrong."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from tests.trainer.runs import (
    CPU,
    FORGETFUL,
    SECTIONS,
    TIMES,
    Diary,
    MakeTrial,
    assert_same_bits,
    assert_same_state,
    differs,
    run,
    told,
)
from trainer.attacks import frozen
from trainer.config import Trial, read_trial
from trainer.data import Split, fingerprint, load
from trainer.evaluation.suite import evaluate, read_suite
from trainer.input.document import Document
from trainer.training.loop import DivergedError, train
from trainer.training.losses import branch_losses
from trainer.weights.checkpoint import Checkpoint

# What is told


def test_each_epoch_is_told_once_with_its_facts(small_trial: MakeTrial) -> None:
    trial = small_trial(**SECTIONS["pareto"], validation={"every": 2})
    _, diary = run(trial)
    kinds = ("forward", "input_backward", "weight_backward")
    passes = {f"{part}passes/{kind}" for part in ("", "validation/") for kind in kinds}
    always = {"epoch", "learning_rate", *TIMES, *passes}
    by_branch = {f"{kind}/{b}" for kind in ("loss", "weight") for b in trial.method.branches()}
    robust = {f"validation/robust_accuracy_{label}" for label in ("pgd", "flow", "rt")}
    validation = {f"validation/{fact}" for fact in ("natural_accuracy", "union_accuracy")}
    validation |= {"validation/collapsed", *robust}
    solved = {"r_asked", "r_in_effect", "clipped_share", "worst_weighs_least_share"}
    assert [set(row) for row in diary.rows] == [
        always | by_branch,
        always | by_branch | validation,
        always | by_branch | validation | solved,  # ten steps are full, and the last is measured
    ]
    assert [row["epoch"] for row in diary.rows] == [1, 2, 3]
    for row in diary.rows:
        assert all(type(value) in (int, float) for value in row.values())
        assert all(map(math.isfinite, row.values()))
        weights = [value for name, value in row.items() if name.startswith("weight/")]
        assert sum(weights) == pytest.approx(1)
        assert row["examples_per_second"] == pytest.approx(160 / row["seconds"])


def test_the_learning_rate_told_is_that_of_the_last_step(small_trial: MakeTrial) -> None:
    training = {"optimiser": {"schedule": [[0, 1], [1, 0]], "interpolation": "linear"}}
    _, diary = run(small_trial(training=training))
    expected = [0.002 * (1 - step / 15) for step in (4, 9, 14)]
    assert [row["learning_rate"] for row in diary.rows] == pytest.approx(expected)


@pytest.mark.slow
def test_training_does_without_a_test_set(small_trial: MakeTrial) -> None:
    trial = small_trial(method={"method": "average"})
    data = replace(load(trial.data, CPU), test=cast(Split, None))
    alone = Diary()
    train(trial, data, device=CPU, reporter=alone, resume=None, micro_batches=1)
    assert alone.facts() == run(trial)[1].facts()


@pytest.mark.slow
def test_weights_do_not_depend_on_what_is_looked_at_in_validation(
    small_trial: MakeTrial, own: str
) -> None:
    """Bit by bit, through BatchNorm, dropout, a method with a memory and an average of weights;
    also where a training goes on under other settings of validation."""
    del own
    sections: dict[str, Any] = {
        "model": FORGETFUL,
        "method": {"method": "pareto", "rho": 0.5},
        "training": {"ema": 0.9},
    }
    usual = small_trial(**sections)
    other = small_trial(
        **sections,
        validation={
            "every": 2,
            "examples": 7,
            "attacks": {
                "pgd": None,
                "flow": {"epsilon": 0.01, "num_steps": 3, "num_restarts": 2},
                "more": {"attack": "pgd", "norm": "l2", "epsilon": 1, "num_steps": 1},
            },
        },
    )
    assert usual.validation_id != other.validation_id
    (_, diary), (_, others) = run(usual), run(other)
    assert diary.rows[-1].keys() != others.rows[-1].keys(), "they do look at other things"
    _, resumed = run(other, resume=diary.checkpoints[0])
    for each in (others.checkpoints[-1], resumed.checkpoints[-1]):
        found = [vars(Checkpoint.from_bytes(it)) for it in (diary.checkpoints[-1], each)]
        passes = [it.pop("passes") for it in found]  # validation's among them
        assert_same_bits(*found)
        assert passes[0] != passes[1]


def test_losses_fall_and_accuracy_rises(small_trial: MakeTrial) -> None:
    _, diary = run(small_trial(data={"train_examples": 1000}, validation={"examples": 180}))
    losses = [row["loss/natural"] for row in diary.rows]
    assert losses == sorted(losses, reverse=True)
    assert diary.rows[-1]["validation/natural_accuracy"] > 0.85
    assert diary.rows[-1]["validation/collapsed"] == 0


def test_validation_is_an_evaluation_of_the_held_out_images_that_steer(
    small_trial: MakeTrial,
) -> None:
    trial = small_trial(data={"train_examples": 600}, validation={"examples": 60})
    model, diary = run(trial)
    attacks = {  # of one step, which crosses the set as in training
        label: {"epsilon": epsilon, "step_size": 2.5 * epsilon, "ladder": [1]}
        for label, epsilon in {"pgd": 0.2, "flow": 0.15, "rt": 0.25}.items()
    }
    document = Document.from_plain({"split": "validation", "examples": 60, **attacks}, "test")
    data = load(trial.data, CPU)
    steering = replace(data, validation=data.steering)
    outcomes = evaluate(model, read_suite(document), steering, progress=None)
    row = diary.rows[-1]
    assert row["validation/natural_accuracy"] == outcomes.natural_accuracy() > 0.5
    assert row["validation/union_accuracy"] == outcomes.union_accuracy()
    for label in attacks:
        assert row[f"validation/robust_accuracy_{label}"] == outcomes.worst_accuracy(label)


def test_a_model_that_gives_one_answer_has_collapsed(small_trial: MakeTrial) -> None:
    """At a learning rate that kills every unit a constant is all that is left."""
    trial = small_trial(training={"optimiser": {"name": "sgd", "learning_rate": 5}})
    model, diary = run(trial)
    held_out = load(trial.data, CPU).validation
    with torch.no_grad():
        assert len(model(held_out.images_at(torch.arange(180))).argmax(1).unique()) == 1
    assert [row["validation/collapsed"] for row in diary.rows] == [1, 1, 1]


# What goes wrong


@pytest.mark.parametrize("case", ["standard", "pareto", "maximum"])
def test_a_loss_that_is_not_finite_ends_the_trial(case: str, small_trial: MakeTrial) -> None:
    training = {"optimiser": {"name": "sgd", "learning_rate": 1e30}}
    trial = small_trial(**SECTIONS[case], training=training)
    with pytest.raises(DivergedError, match=r"losses .* of epoch 1 .*learning_rate"):
        run(trial)


def test_a_weight_that_is_not_finite_ends_the_trial_though_no_loss_has_seen_it(
    small_trial: MakeTrial, own: str
) -> None:
    """The last step of the epoch: no checkpoint may be left that leads nowhere."""
    trial = small_trial(
        data={"train_examples": 32},
        method={"method": f"{own}:Exploding"},
        training={"epochs": 1},
    )
    diary = Diary()
    with pytest.raises(DivergedError, match="weights that are not"):
        told(diary, trial, resume=None, micro_batches=1)
    assert diary.checkpoints == []


def test_global_state_is_left_as_it_was(small_trial: MakeTrial) -> None:
    before = (
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
    )
    model, _ = run(small_trial(**SECTIONS["maximum"], training={"precision": "bfloat16"}))
    after = (
        torch.is_grad_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
    )
    assert after == before
    assert all(parameter.requires_grad for parameter in model.parameters())


# How it trains


def network_with(norm: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), norm, nn.ReLU(), nn.Flatten(), nn.Linear(108, 4))


def branches_of_images() -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.rand(8, 1, 8, 8, generator=generator) * size for size in (1, 0.5, 0.2)]
    return inputs, torch.arange(8) % 4


def test_joint_and_separate_passes_agree_without_batch_norm() -> None:
    inputs, labels = branches_of_images()
    model = network_with(nn.Identity())
    joint = branch_losses(model, inputs, labels, joint=True, label_smoothing=0.0)
    separate = branch_losses(model, inputs, labels, joint=False, label_smoothing=0.0)
    torch.testing.assert_close(joint, separate)
    alone = torch.stack(
        [nn.functional.cross_entropy(model(x), labels, reduction="none") for x in inputs]
    )
    torch.testing.assert_close(joint, alone)


def test_with_batch_norm_a_joint_pass_sees_the_mixture() -> None:
    inputs, labels = branches_of_images()
    joint, separate = (network_with(nn.BatchNorm2d(3)) for _ in range(2))
    mixed = branch_losses(joint, inputs, labels, joint=True, label_smoothing=0.0)
    apart = branch_losses(separate, inputs, labels, joint=False, label_smoothing=0.0)
    assert (mixed - apart).abs().max() > 0.01
    norms = [model[1] for model in (joint, separate) if isinstance(model, nn.Sequential)]
    assert [int(norm.num_batches_tracked) for norm in norms] == [1, 3]  # type: ignore[arg-type]
    mixture = network_with(nn.Identity())[0](torch.cat(inputs)).mean(dim=(0, 2, 3))  # type: ignore[index]
    torch.testing.assert_close(norms[0].running_mean, 0.1 * mixture.detach())


def test_the_setting_reaches_the_pass(small_trial: MakeTrial, own: str) -> None:
    del own
    sections: dict[str, Any] = {
        "model": FORGETFUL,
        "method": {"method": "pgd", "natural_weight": 0.5},
    }
    joint, _ = run(small_trial(**sections))
    separate, _ = run(small_trial(**sections, training={"batch_norm": "separate"}))
    counts = [model.state_dict()["1.1.num_batches_tracked"] for model in (joint, separate)]
    assert counts == [15, 30]


def test_attacks_do_not_move_batch_norm(small_trial: MakeTrial, own: str) -> None:
    del own
    model, _ = run(small_trial(model=FORGETFUL, method={"method": "pgd"}))
    assert model.state_dict()["1.1.num_batches_tracked"] == 15


def test_label_smoothing_mixes_the_label_with_all_classes() -> None:
    inputs, labels = branches_of_images()
    model = network_with(nn.Identity())
    smooth = branch_losses(model, inputs, labels, joint=True, label_smoothing=0.3)
    log_p = torch.stack([model(x).log_softmax(1) for x in inputs])
    on_label = -log_p.gather(2, labels.expand(3, 8)[..., None]).squeeze(2)
    torch.testing.assert_close(smooth, 0.7 * on_label - 0.3 * log_p.mean(dim=2))


def test_the_radius_scale_is_a_factor_on_training_alone(small_trial: MakeTrial) -> None:
    sections = {"method": {"method": "pgd"}, "data": {"train_examples": 32}}
    scaled, diary = run(small_trial(**sections, training={"epochs": 1, "radius_scale": 0.5}))
    attack = {"attacks": {"pgd": {"epsilon": 0.1}}}  # half of the preset's, the default step too
    halved, other = run(small_trial(**sections, training={"epochs": 1, **attack}))
    assert not differs(scaled, halved)
    assert diary.facts() == other.facts()
    smoothed, _ = run(small_trial(**sections, training={"epochs": 1, "label_smoothing": 0.2}))
    assert differs(smoothed, halved)


def test_a_warm_up_begins_at_the_clean_image(small_trial: MakeTrial) -> None:
    """One step of PGD training at radius 0 is one step of standard training."""
    one_step = {"data": {"train_examples": 32}}
    standard, _ = run(small_trial(**one_step, training={"epochs": 1}))
    warm, _ = run(
        small_trial(
            **one_step, method={"method": "pgd"}, training={"epochs": 1, "epsilon_warmup": 1}
        )
    )
    cold, _ = run(small_trial(**one_step, method={"method": "pgd"}, training={"epochs": 1}))
    assert not differs(standard, warm)
    assert differs(standard, cold)


def test_the_warm_up_is_linear_and_ends(small_trial: MakeTrial, own: str) -> None:
    dark = {"attack": f"{own}:Darker", "epsilon": 0.4}
    trial = small_trial(
        data={"train_examples": 128},
        method={"method": "dark"},
        training={"attacks": {"dark": dark}, "epsilon_warmup": 1.5},
    )
    run(trial)
    radii = [epsilon for epsilon, _, _ in importlib.import_module(own).CALLS]
    assert radii == pytest.approx([0.4 * min(1, step / 6) for step in range(12)])


def seen_in_two_epochs(own: str, trial: Trial) -> list[list[tuple[int, bytes]]]:
    """For each epoch the key and the image of every example that the user's attack was given."""
    run(trial)
    calls = importlib.import_module(own).CALLS
    assert [len(keys) for _, keys, _ in calls] == [32] * 8  # a part batch of 22 is left out
    seen = [example for _, keys, images in calls for example in zip(keys, images, strict=True)]
    return [seen[:128], seen[128:]]


def dark_trial(small_trial: MakeTrial, own: str, **data: Any) -> Trial:
    """Four steps an epoch of adversarial training on the user's attack, two epochs."""
    dark = {"attack": f"{own}:Darker", "epsilon": 0.4}
    return small_trial(
        data={"train_examples": 150, **data},
        method={"method": "dark"},
        training={"attacks": {"dark": dark}, "epochs": 2},
    )


def test_every_image_once_an_epoch_in_an_order_of_its_own(small_trial: MakeTrial, own: str) -> None:
    epochs = seen_in_two_epochs(own, dark_trial(small_trial, own))
    first, second = ([image for _, image in epoch] for epoch in epochs)
    assert len(set(first)) == len(set(second)) == 128
    assert set(first) != set(second)
    assert len({key for epoch in epochs for key, _ in epoch}) == 256  # no start is used twice


def test_every_epoch_sees_the_images_augmented_anew(small_trial: MakeTrial, own: str) -> None:
    trial = dark_trial(small_trial, own, augmentation="crop_flip")
    first, second = ({image for _, image in epoch} for epoch in seen_in_two_epochs(own, trial))
    assert len(first & second) < 10


def test_a_data_set_smaller_than_a_batch_is_one_batch(small_trial: MakeTrial) -> None:
    _, diary = run(small_trial(data={"train_examples": 20}))
    for row in diary.rows:
        assert row["examples_per_second"] == pytest.approx(20 / row["seconds"])


@pytest.mark.slow
def test_adversarial_training_makes_robust(small_trial: MakeTrial) -> None:
    sections: dict[str, Any] = {
        "data": {"train_examples": 1200},
        "validation": {"examples": 180, "every": 4, "attacks": {"pgd": {"num_steps": 5}}},
        "training": {"epochs": 4, "attacks": {"pgd": {"num_steps": 5}}},
    }
    _, standard = run(small_trial(**sections))
    _, robust = run(small_trial(**sections, method={"method": "pgd", "natural_weight": 0.3}))
    accuracy = "validation/robust_accuracy_pgd"
    assert robust.rows[-1][accuracy] > standard.rows[-1][accuracy] + 0.2


@pytest.mark.slow
def test_compiled_passes_train_the_same_model(small_trial: MakeTrial) -> None:
    sections: dict[str, Any] = {"method": {"method": "average", "natural_weight": 0.25}}
    eager, told = run(small_trial(**sections))
    counters = importlib.import_module("torch._dynamo.utils").counters
    torch.compiler.reset()
    counters.clear()
    compiled, told_compiled = run(small_trial(**sections, training={"compile": True}))
    frames = dict(counters["frames"])
    assert frames["ok"] == frames["total"] > 0
    assert set(eager.state_dict()) == set(compiled.state_dict())
    compiled(torch.rand(5, 1, 8, 8))  # as evaluations call it
    assert dict(counters["frames"]) == frames
    for one, other in zip(told.rows, told_compiled.rows, strict=True):
        for name in ("loss/natural", "loss/pgd", "loss/flow", "loss/rt"):
            assert one[name] == pytest.approx(other[name], rel=1e-3)


@pytest.mark.slow
def test_bfloat16_trains_float32_weights(small_trial: MakeTrial) -> None:
    exact, its_diary = run(small_trial(method={"method": "average"}))
    rounded, diary = run(
        small_trial(method={"method": "average"}, training={"precision": "bfloat16"})
    )
    assert {parameter.dtype for parameter in rounded.parameters()} == {torch.float32}
    assert differs(exact, rounded)
    for row, exact_row in zip(diary.rows, its_diary.rows, strict=True):
        assert row["loss/pgd"] == pytest.approx(exact_row["loss/pgd"], rel=0.05)


# A user's own


def test_everything_of_ones_own_trains_and_evaluates(own: str) -> None:
    dark = {"attack": f"{own}:Darker", "epsilon": 0.2}
    document = Document.from_plain(
        {
            "data": {"name": f"{own}:STRIPES", "validation": 9},
            "fingerprint": "stripes",
            "model": {"name": f"{own}:forgetful", "share": 0.1},
            "method": {"method": f"{own}:Leaning", "steps": 12},
            "training": {
                "epochs": 6,
                "batch_size": 10,
                "optimiser": {"learning_rate": 0.01},
                "attacks": {"dark": dark},
            },
            "validation": {"attacks": {"dark": dark}},
            "seed": 0,
        },
        "test",
    )
    trial = read_trial(document)
    assert fingerprint(trial.data) == "stripes"
    model, diary = run(trial)
    assert [row["lean"] for row in diary.rows] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert diary.rows[0]["weight/dark"] == pytest.approx((0 + 1 + 2) / 12 / 3)
    assert diary.rows[-1]["validation/robust_accuracy_dark"] == 1

    _, resumed = run(trial, resume=diary.checkpoints[2])
    assert_same_state(resumed.checkpoints[-1], diary.checkpoints[-1])

    sections = {"dark": {"attack": f"{own}:Darker", "epsilon": 1}}
    suite = read_suite(Document.from_plain(sections, "test"))
    assert suite.content()["categories"]["dark"]["version"] == 3
    outcomes = evaluate(model, suite, load(trial.data, CPU), progress=None)
    assert outcomes.natural_accuracy() == 1
    black = torch.zeros(1, 1, 6, 6)
    with frozen(model), torch.no_grad():
        answer = int(model(black).argmax())  # all black, all the same
    labels = load(trial.data, CPU).test.labels
    assert outcomes.worst_accuracy("dark") == pytest.approx(
        float((labels == answer).float().mean())
    )
