"""Is an attack an attack? The checks of Carlini et al. (2019), "On Evaluating Adversarial
Robustness", on a trained network, and on one that only hides its gradients and so fails them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from trainer.attacks import ATTACKS, PGD, Flow, Integrated, RotationTranslation, frozen
from trainer.attacks.ascent import AscentAttack, Parameters, margin
from trainer.config import Trial
from trainer.data import Dataset
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import Rungs, Suite, evaluate
from trainer.randomness import example_keys
from trainer.training.loop import EpochRow, train
from trainer.weights.checkpoint import Checkpoint

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
COUNT = 100
NOISE = 3
"""Images of the hundred by which two runs may differ for no reason."""

MODERATE: dict[str, AscentAttack] = {
    "pgd": PGD(epsilon=0.12, num_steps=12),
    "flow": Flow(epsilon=0.045, num_steps=12),
    "rt": RotationTranslation(epsilon=0.1, num_steps=12),
    "integrated": Integrated(rt_epsilon=0.06, flow_epsilon=0.02, num_steps=12),
}
"""At radii at which some digits fall and some do not."""

UNBOUNDED: dict[str, AscentAttack] = {
    "pgd": PGD(epsilon=1, num_steps=12),
    "flow": Flow(epsilon=2, num_steps=12),
    "rt": RotationTranslation(epsilon=2, num_steps=12),
    "integrated": Integrated(rt_epsilon=2, flow_epsilon=2, num_steps=12),
}
"""Every pixel may take any value, or be read from any place."""

each_kind = pytest.mark.parametrize("kind", MODERATE)


class Hundred:
    """A hundred test digits with their labels and keys; it counts those that are read rightly."""

    def __init__(self, digits: Dataset) -> None:
        indices = torch.arange(COUNT)
        self.images, self.labels = digits.test.images_at(indices), digits.test.labels[indices]
        self.keys = example_keys(0, indices)

    def right(self, model: nn.Module, images: Tensor) -> int:
        with torch.no_grad():
            return int((model(images).argmax(1) == self.labels).sum())

    def after(self, attack: AscentAttack, model: nn.Module) -> int:
        """Judged by the last iterate alone, which need not be the worst."""
        return self.right(model, attack.perturb(model, self.images, self.labels, self.keys))

    def under(self, attack: AscentAttack, model: nn.Module) -> int:
        """As an evaluation has it: every iterate counts."""
        ladder = (attack.num_steps,)
        return int(attack.correct(model, self.images, self.labels, self.keys, ladder).sum())

    def under_search(self, attack: AscentAttack, model: nn.Module, *, queries: int) -> int:
        """Under a search of the attack's set that sees logits and no gradient.

        At each query some entries, drawn anew, jump to an end of their range; what raises the
        margin is kept, example by example.
        """
        generator = torch.Generator().manual_seed(0)
        with frozen(model), torch.no_grad():
            best = attack.start(self.images, self.keys, 0)
            highest = self._margin(attack, model, best)
            for query in range(queries):
                share = (0.5, 0.25, 0.1, 0.05)[query % 4]
                tried = attack.project(self.images, jumped(attack, best, share, generator))
                found = self._margin(attack, model, tried)
                higher = found > highest
                best = tuple(
                    torch.where(higher.view(-1, *[1] * (w.dim() - 1)), new, w)
                    for new, w in zip(tried, best, strict=True)
                )
                highest = torch.maximum(found, highest)
        return int((highest < 0).sum())

    def _margin(self, attack: AscentAttack, model: nn.Module, parameters: Parameters) -> Tensor:
        return margin(model(attack.apply(self.images, parameters).clamp(0, 1)), self.labels)


def jumped(
    attack: AscentAttack, parameters: Parameters, share: float, generator: torch.Generator
) -> Parameters:
    """A share of the entries, drawn one by one, at an end of their range."""
    components = attack.components(torch.empty(COUNT, 1, 8, 8))
    moved = []
    for w, component in zip(parameters, components, strict=True):
        jumps = torch.rand(w.shape, generator=generator) < share
        ends = component.radius * (torch.rand(w.shape, generator=generator) - 0.5).sign()
        moved.append(torch.where(jumps, ends, w))
    return tuple(moved)


class Quantised(nn.Module):
    """Five grey levels before the network: a gradient of zero wherever there is one."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.body((4 * images).round() / 4)
        return logits


@pytest.fixture(scope="module")
def hundred(digits: Dataset) -> Hundred:
    """Of the digits that the network was not trained on."""
    return Hundred(digits)


def test_every_gradient_attack_of_the_registry_is_checked() -> None:
    ascents = {kind for kind, cls in ATTACKS.items() if issubclass(cls, AscentAttack)}
    assert ascents == set(MODERATE) == set(UNBOUNDED)


@each_kind
def test_accuracy_falls_with_the_radius_to_chance(
    kind: str, trained: nn.Module, hundred: Hundred
) -> None:
    natural = hundred.right(trained, hundred.images)
    attacks = [MODERATE[kind].scaled(factor) for factor in (0, 0.25, 0.5, 1, 2)]
    left = [hundred.under(attack, trained) for attack in attacks]
    assert left[0] == natural > 80
    assert all(wider <= narrower + NOISE for narrower, wider in pairwise(left))
    assert 10 < left[3] < natural - 10
    assert hundred.under(UNBOUNDED[kind], trained) <= COUNT // 10


@each_kind
def test_more_steps_never_help_the_defender(
    kind: str, trained: nn.Module, hundred: Hundred
) -> None:
    """Each run has a step size of its own, so that none is the beginning of another."""
    left = [
        hundred.after(MODERATE[kind].model_copy(update={"num_steps": num_steps}), trained)
        for num_steps in (1, 4, 12, 40)
    ]
    assert all(more <= fewer + NOISE for fewer, more in pairwise(left))


@each_kind
def test_iterating_beats_a_single_step(kind: str, trained: nn.Module, hundred: Hundred) -> None:
    iterated = MODERATE[kind].scaled(1.25)
    single = iterated.model_copy(update={"num_steps": 1})
    assert hundred.after(iterated, trained) < hundred.after(single, trained) - NOISE


@each_kind
def test_a_search_without_gradients_is_no_stronger(
    kind: str, trained: nn.Module, hundred: Hundred
) -> None:
    attack = MODERATE[kind].model_copy(update={"num_restarts": 4, "loss": "margin"})
    searched = hundred.under_search(attack, trained, queries=80)
    assert searched < hundred.right(trained, hundred.images) - 10  # it does find something
    assert hundred.under(attack, trained) <= searched + NOISE


def test_one_start_is_too_few_for_rotation_and_translation(
    trained: nn.Module, hundred: Hundred
) -> None:
    """Six parameters have many local maxima, and gradients miss what a search of the few
    dimensions finds (Engstrom et al., 2019, of rotation and translation)."""
    single = MODERATE["rt"].model_copy(update={"loss": "margin"})
    assert hundred.under_search(single, trained, queries=80) < hundred.under(single, trained) - 10


@each_kind
def test_a_search_without_gradients_is_stronger_where_they_are_hidden(
    kind: str, trained: nn.Module, hundred: Hundred
) -> None:
    """The sign that the test above looks for, on a network that is robust in appearance alone."""
    attack = MODERATE[kind].model_copy(update={"num_restarts": 2, "loss": "margin"})
    hidden = Quantised(trained)
    assert hundred.under_search(attack, hidden, queries=80) < hundred.under(attack, hidden) - 10
    assert hundred.under(attack, hidden) > hundred.under(attack, trained) + 10


@pytest.mark.parametrize(("keep", "step_decay"), [("last", "none"), ("best", "cosine")])
@each_kind
def test_what_comes_out_is_the_image_of_parameters_within_the_radius(
    kind: str, keep: str, step_decay: str, trained: nn.Module, hundred: Hundred
) -> None:
    """Some parameters that the attack tried, not an image that it made up from several."""
    cls, seen = type(MODERATE[kind]), list[tuple[Parameters, Tensor]]()

    class Noting(cls):  # type: ignore[misc, valid-type]
        def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
            applied: Tensor = super().apply(images, parameters)
            seen.append((parameters, applied.detach()))
            return applied

    options = {"keep": keep, "step_decay": step_decay, "num_restarts": 2, "num_steps": 4}
    attack = Noting(**dict(MODERATE[kind]) | options)
    adversarial = attack.perturb(trained, hundred.images, hundred.labels, hundred.keys)
    assert adversarial.min() >= 0
    assert adversarial.max() <= 1
    assert (adversarial != hundred.images).flatten(1).any(1).all()
    gaps = torch.stack([(adversarial - each).flatten(1).abs().amax(1) for _, each in seen])
    assert gaps.amin(0).max() < 1e-6
    radii = [component.radius for component in attack.components(hundred.images)]
    assert all(
        w.abs().max() <= radius + 1e-6
        for parameters, _ in seen
        for w, radius in zip(parameters, radii, strict=True)
    )


# Reduced precision


@each_kind
def test_attacks_under_bfloat16_are_as_strong(
    kind: str, trained: nn.Module, hundred: Hundred
) -> None:
    """As training runs them; the network is judged in float32."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        adversarial = MODERATE[kind].perturb(trained, hundred.images, hundred.labels, hundred.keys)
    assert adversarial.dtype == torch.float32
    left = hundred.right(trained, adversarial)
    exact = hundred.after(MODERATE[kind], trained)
    assert abs(left - exact) <= NOISE
    assert exact < hundred.right(trained, hundred.images) - 10


class Silent:
    """A reporter that keeps nothing."""

    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None:
        """A step is over."""

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        """An epoch is over."""


def test_evaluation_is_in_float32_whatever_the_training_was(
    small_trial: Callable[..., Trial], digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch's validation, and an evaluation of the trained model."""
    seen: dict[str, set[torch.dtype]] = {"training": set(), "evaluation": set()}
    phase = "training"

    def note(module: nn.Module, inputs: object, output: Tensor) -> None:
        if isinstance(module, nn.Linear):
            seen[phase].add(output.dtype)

    def noting(*arguments: Any, **options: Any) -> Outcomes:
        nonlocal phase
        phase = "evaluation"
        try:
            return evaluate(*arguments, **options)
        finally:
            phase = "training"

    monkeypatch.setattr("trainer.training.validation.evaluate", noting)
    trial = small_trial(method={"method": "pgd"}, training={"precision": "bfloat16", "epochs": 1})
    with register_module_forward_hook(note):
        model = train(trial, digits, device=CPU, reporter=Silent(), resume=None, micro_batches=1)
        assert seen == {"training": {torch.bfloat16}, "evaluation": {torch.float32}}
        seen["evaluation"].clear()
        suite = Suite(categories={"pgd": Rungs.whole(MODERATE["pgd"])}, examples=5)
        noting(model, suite, digits, progress=None)
    assert seen["evaluation"] == {torch.float32}
