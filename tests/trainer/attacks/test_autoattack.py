"""AutoAttack: a closed form on linear models, its set, and the global state it leaves alone."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from trainer.attacks import PGD
from trainer.attacks.autoattack import AutoAttack
from trainer.data import Dataset
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import Suite, evaluate, read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput
from trainer.randomness import example_keys

pytestmark = pytest.mark.slow

ROUNDING = 1e-6
KIND = "trainer.attacks.autoattack:AutoAttack"

needs_package = pytest.mark.skipif(
    find_spec("pyautoattack") is None, reason="the extra `autoattack` is not installed"
)
each_member = pytest.mark.parametrize("member", ["apgd-ce", "apgd-t", "fab-t", "square"])


def keys_of(count: int, *, seed: int = 0) -> Tensor:
    return example_keys(seed, torch.arange(count))


def images_of(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def linear(num_classes: int) -> nn.Sequential:
    """Logits W (x - 1/2) of images 1 4 4: at grey all classes are level."""
    weight = images_of(num_classes, 16) - 0.5
    layer = nn.Linear(16, num_classes)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(-weight.sum(1) / 2)
    return nn.Sequential(nn.Flatten(), layer)


def predictions(model: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return model(images).argmax(1)


def suite_of(**category: Any) -> Suite:
    return read_suite(Document.from_plain({"aa": {"attack": KIND} | category}, "suite.yaml:1"))


# Strength


@needs_package
@pytest.mark.parametrize(("member", "num_classes"), [("apgd-ce", 2), ("fab-t", 2), ("fab-t", 4)])
def test_a_linear_model_is_broken_exactly_where_the_ball_reaches(
    member: str, num_classes: int
) -> None:
    """Class y falls to class j within the ball if y's lead is at most eps ||w_y - w_j||_1."""
    model, epsilon = linear(num_classes), 0.05 if num_classes == 2 else 0.025
    images = 0.3 + 0.4 * images_of(50, 1, 4, 4, seed=1)  # 0.3 away from 0 and from 1
    labels = predictions(model, images)
    weight = model[1].weight.detach()
    with torch.no_grad():
        logits = model(images)
    leads = logits.gather(1, labels[:, None]) - logits
    reach = epsilon * (weight[labels][:, None] - weight[None]).abs().sum(-1)
    slack = (leads - reach).scatter(1, labels[:, None], torch.inf).amin(1)
    assert slack.abs().min() > 1e-4  # none at the edge, where rounding decides
    attack = AutoAttack(epsilon=epsilon, attacks=(member,))
    bits = attack.correct(model, images, labels, keys_of(50), ())
    assert bits.shape == (1, 50)
    assert torch.equal(bits[0], slack > 0)
    assert 10 < bits.sum() < 40


@needs_package
@pytest.mark.slow
def test_the_ensemble_is_at_least_as_strong_as_pgd(trained: nn.Module, digits: Dataset) -> None:
    images, labels = digits.test.images_at(torch.arange(40)), digits.test.labels[:40]
    ensemble = AutoAttack(epsilon=0.1).correct(trained, images, labels, keys_of(40), ())
    pgd = PGD(epsilon=0.1, num_steps=20).correct(trained, images, labels, keys_of(40), (20,))
    assert 0 < ensemble.sum() <= pgd.sum() < 40


@needs_package
@each_member
def test_what_is_broken_lies_in_the_ball_and_the_rest_is_clean(
    member: str, trained: nn.Module, digits: Dataset
) -> None:
    indices = torch.arange(12)
    images, labels = digits.test.images_at(indices), digits.test.labels[indices]
    attack = AutoAttack(epsilon=0.3, attacks=(member,))  # breaks all, which ends Square's queries
    labels = labels.clone()
    labels[0] = (predictions(trained, images)[0] + 1) % 10  # is broken before it is attacked
    adversarial = attack.perturb(trained, images, labels, keys_of(12))
    assert not adversarial.requires_grad
    assert adversarial.min() >= 0
    assert adversarial.max() <= 1
    assert (adversarial - images).abs().max() <= 0.3 + ROUNDING
    fooled = predictions(trained, adversarial) != labels
    changed = (adversarial != images).flatten(1).any(1)
    assert fooled.sum() > 9
    assert not changed[0]
    assert torch.equal(changed[1:], fooled[1:])


@needs_package
@pytest.mark.parametrize("member", ["apgd-ce", "apgd-t", "fab-t"])  # Square would query on and on
def test_no_radius_no_change(member: str) -> None:
    model, images = linear(4), images_of(3, 1, 4, 4)
    labels = predictions(model, images)
    attack = AutoAttack(epsilon=0, attacks=(member,))
    assert torch.equal(attack.perturb(model, images, labels, keys_of(3)), images)


@needs_package
def test_gradients_that_vanish_do_no_harm() -> None:
    """Distances and directions of FAB, and steps of APGD, are quotients of zeros here."""

    class Flat(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.eye(4)[:1] + 0 * images.flatten(1).sum(1, keepdim=True)

    images, labels = images_of(4, 1, 4, 4), torch.zeros(4).long()
    attack = AutoAttack(epsilon=0.1, attacks=("apgd-ce", "apgd-t", "fab-t"))
    assert torch.equal(attack.perturb(Flat(), images, labels, keys_of(4)), images)


# Classes


@needs_package
@pytest.mark.parametrize("num_classes", [4, 12])
def test_each_likely_class_is_a_target(num_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there are others, nine at most: each run begins by choosing its own."""
    from pyautoattack.autopgd_base import APGDAttack_targeted  # noqa: PLC0415 (optional)

    runs: list[Tensor] = []
    original = APGDAttack_targeted.attack_single_run

    def noted(self: Any, x: Tensor, y: Tensor, x_init: Tensor | None = None) -> Any:
        runs.append(self.y_target.clone())
        return original(self, x, y, x_init)

    monkeypatch.setattr(APGDAttack_targeted, "attack_single_run", noted)
    model, images = linear(num_classes), images_of(2, 1, 4, 4)
    labels = predictions(model, images)
    attack = AutoAttack(epsilon=1e-6, attacks=("apgd-t",))
    assert attack.correct(model, images, labels, keys_of(2), ()).all()
    assert len(runs) == min(9, num_classes - 1)
    targets = torch.stack(runs, dim=1)
    for row, label in zip(targets, labels, strict=True):
        assert len(row.unique()) == len(row)
        assert label not in row


@needs_package
@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("fields", [{}, {"attacks": ["apgd-t"]}])
def test_the_targeted_loss_is_refused_where_classes_are_few(
    fields: dict[str, Any], num_classes: int
) -> None:
    attack = AutoAttack.model_validate({"epsilon": 0.1} | fields)
    model, images = linear(num_classes), images_of(2, 1, 4, 4)
    labels = torch.zeros(2).long()
    with pytest.raises(ValueError, match="apgd-t") as caught:
        attack.perturb(model, images, labels, keys_of(2))
    for piece in [
        "autoattack.attacks must leave out apgd-t",
        "fewer than 4 classes",
        f"got {num_classes}",
        "write attacks: [apgd-ce, fab-t, square]",
    ]:
        assert piece in str(caught.value)


# Repeatable, and alone


@needs_package
@pytest.mark.parametrize("member", ["apgd-ce", "apgd-t", "square"])  # FAB draws no numbers here
def test_equal_keys_give_equal_images_and_other_keys_others(
    member: str, trained: nn.Module, digits: Dataset
) -> None:
    images, labels = digits.test.images_at(torch.arange(6)), digits.test.labels[:6]
    attack = AutoAttack(epsilon=0.3, attacks=(member,))
    first = attack.perturb(trained, images, labels, keys_of(6))
    torch.manual_seed(77)
    assert torch.equal(attack.perturb(trained, images, labels, keys_of(6)), first)
    assert not torch.equal(attack.perturb(trained, images, labels, keys_of(6, seed=1)), first)


def global_state() -> tuple[Any, ...]:
    name, state, *rest = np.random.get_state()
    return torch.get_rng_state().tolist(), name, state.tolist(), rest, sys.gettrace()


class Failing(nn.Module):
    """Fails at a chosen call, the first of which counts the classes."""

    def __init__(self, fails_at: int) -> None:
        super().__init__()
        self.body = linear(3)
        self.calls, self.fails_at = 0, fails_at

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == self.fails_at:
            raise FloatingPointError("the model's own")
        logits: Tensor = self.body(images)
        return logits


@needs_package
@pytest.mark.parametrize("fails_at", [-1, 1, 3, 8, 30, 150])
def test_global_state_is_left_as_it_was(fails_at: int) -> None:
    """The generators, and whoever traces calls: a debugger, a measurement of coverage."""

    def trace(frame: FrameType, event: str, argument: object) -> None:
        del frame, event, argument

    model, images = Failing(fails_at).train(), images_of(5, 1, 4, 4)
    labels = predictions(linear(3), images)
    attack = AutoAttack(epsilon=0.05, attacks=("apgd-ce", "fab-t"))
    before_tracing = sys.gettrace()
    sys.settrace(trace)
    try:
        before = global_state()
        if fails_at < 0:
            attack.search(model, images, labels, keys_of(5))
        else:
            with pytest.raises(FloatingPointError, match="own"):
                attack.search(model, images, labels, keys_of(5))
        after = global_state()
    finally:
        sys.settrace(before_tracing)
    assert after == before
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert torch.is_grad_enabled()


@needs_package
@pytest.mark.parametrize("grad_enabled", [True, False])
def test_the_model_is_left_as_it_was(grad_enabled: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5), linear(3)).train()
    model[0].eval()
    model[2][1].bias.requires_grad_(False)
    model(images_of(4, 1, 4, 4)).sum().backward()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [(p.requires_grad, p.grad is None, p.grad) for p in model.parameters()]
    gradients = [None if grad is None else grad.clone() for _, _, grad in flags]
    modes = [module.training for module in model.modules()]

    images, labels = images_of(5, 1, 4, 4), torch.arange(5) % 3
    copies = images.clone(), labels.clone()
    with torch.set_grad_enabled(grad_enabled):
        attack = AutoAttack(epsilon=0.05, attacks=("apgd-ce", "fab-t"))
        attack.perturb(model, images, labels, keys_of(5))
    assert all(map(torch.equal, (images, labels), copies))
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    for parameter, (trainable, _, _), gradient in zip(
        model.parameters(), flags, gradients, strict=True
    ):
        assert parameter.requires_grad == trainable
        if gradient is None:
            assert parameter.grad is None
        else:
            assert parameter.grad is not None
            assert torch.equal(parameter.grad, gradient)


@needs_package
def test_a_model_may_give_the_same_tensor_again() -> None:
    """Square writes into the logits: they must be its own."""

    class Table(nn.Module):
        logits = torch.tensor([[1.0, 0.0, 0.5, 0.2]])

        def forward(self, images: Tensor) -> Tensor:
            return self.logits.expand(len(images), 4)

    images, labels = images_of(2, 1, 4, 4), torch.tensor([1, 2])  # wrong from the first: no query
    attack = AutoAttack(epsilon=0.1, attacks=("square",))
    member = attack._ensemble(Table(), images, keys_of(2), 4).square
    margins, _ = member.margin_and_loss(images, labels)
    torch.testing.assert_close(margins, torch.tensor([-1.0, -0.5]))
    assert torch.equal(Table.logits, torch.tensor([[1.0, 0.0, 0.5, 0.2]]))


@needs_package
@pytest.mark.parametrize("member", ["apgd-ce", "apgd-t"])
def test_images_may_lie_in_memory_channel_by_channel_or_not(member: str) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 4))
    images = images_of(5, 3, 4, 4)
    labels = predictions(model, images)  # so that none is broken before it is attacked
    attack = AutoAttack(epsilon=0.05, attacks=(member,))
    plain = attack.perturb(model, images, labels, keys_of(5))
    last = images.to(memory_format=torch.channels_last)
    torch.testing.assert_close(attack.perturb(model, last, labels, keys_of(5)), plain)


@needs_package
def test_nothing_is_printed_and_no_file_is_written(
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Softmax outputs are what the package warns of loudest."""
    monkeypatch.chdir(tmp_path)
    model, images = nn.Sequential(linear(5), nn.Softmax(dim=1)), images_of(5, 1, 4, 4)
    attack = AutoAttack(epsilon=0.1, attacks=("apgd-ce", "apgd-t"))
    with caplog.at_level(logging.INFO, logger="trainer.attacks.autoattack"):
        attack.perturb(model, images, torch.arange(5), keys_of(5))
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())
    assert any("probability distribution" in record.getMessage() for record in caplog.records)
    assert all(record.levelno <= logging.INFO for record in caplog.records)


# Settings and suites


@pytest.mark.parametrize("build", [lambda: AutoAttack(epsilon=0.1), lambda: suite_of(epsilon=0.1)])
def test_without_the_package_it_cannot_be_built(
    build: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    with pytest.raises((ValidationError, BadInput)) as caught:
        build()
    for piece in [
        "attack autoattack must have the package pyautoattack",
        "pip install 'pareto-robustness-sweep[autoattack]'",
    ]:
        assert piece in str(caught.value)


def test_without_the_package_the_suite_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    with pytest.raises(BadInput, match=r"^suite\.yaml:1: aa: attack autoattack must have"):
        suite_of(epsilon=0.1)


@needs_package
@pytest.mark.parametrize(
    ("fields", "pieces"),
    [
        ({"epsilon": -0.1}, ["epsilon"]),
        ({"epsilon": float("nan")}, ["epsilon", "finite"]),
        ({"attacks": []}, ["attacks"]),
        ({"attacks": ["apgd-dlr"]}, ["attacks"]),
        ({"attacks": ["square", "square"]}, ["must name each attack once"]),
        ({"num_steps": 3}, ["num_steps"]),
    ],
)
def test_settings_out_of_range_are_refused(fields: dict[str, Any], pieces: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        AutoAttack.model_validate({"epsilon": 0.1} | fields)
    for piece in pieces:
        assert piece in str(caught.value)


@needs_package
def test_the_radius_is_told_as_pgds() -> None:
    assert AutoAttack(epsilon=8 / 255).reach((3, 32, 32)) == "8/255"
    assert AutoAttack(epsilon=0.3).scaled(0.5) == AutoAttack(epsilon=0.15)


@needs_package
def test_a_suite_keeps_it_like_any_other_attack(trained: nn.Module, digits: Dataset) -> None:
    suite = suite_of(epsilon=0.1, attacks=["apgd-ce"])
    assert read_suite(Document.from_plain(suite.record(), "record")).id == suite.id
    assert suite_of(epsilon=0.1).id != suite.id
    short = suite.model_copy(update={"examples": 20, "batch_size": 16})
    outcomes = evaluate(trained, short, digits, progress=None)
    again = evaluate(trained, short, digits, progress=None)
    assert outcomes.robust["aa"].shape == (1, 20)
    assert outcomes.ladders == {"aa": ()}
    assert (outcomes.robust["aa"] == again.robust["aa"]).all()
    assert 0 < outcomes.robust_accuracy("aa") < outcomes.natural_accuracy()
    assert outcomes.robust_accuracy("aa") == outcomes.worst_accuracy("aa")
    read = Outcomes.from_bytes(outcomes.to_bytes())
    assert (read.robust["aa"] == outcomes.robust["aa"]).all()
