"""An evaluation checks itself: signs that attacks could not do their work on a model.

A network that hides its gradients, answers at random, or gives probabilities in place of logits
looks robust to attacks that follow gradients (Carlini et al., 2019, On Evaluating Adversarial
Robustness; the flags of AutoAttack). What is looked at is a batch, once the bits are known; they
stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from trainer.attacks import Attack, frozen
from trainer.data import Dataset, Split
from trainer.device.precision import arithmetic
from trainer.evaluation.outcomes import EvaluationWarning, Outcomes
from trainer.evaluation.suite import Rungs, Suite, examples_of
from trainer.randomness import derive_seed, example_keys

EXAMPLES = 32
"""Images that are looked at: among those that the model has right, evenly spread over them."""

MOVED_EXAMPLES = 4
"""Images on which an attack that broke nothing is run once more: an attack may take thousands of
steps an image."""

_REPEATS = 3  # answers to one image
_DIFFERENCE = 1e-4  # of logits over their norm; kernels of a GPU, in any order, differ by 1e-6
_SUM = 1e-4  # by which probabilities may miss 1
_STILL = 0.05  # share of images without a gradient: a few may be saturated in an honest network


def self_checked(model: nn.Module, suite: Suite, dataset: Dataset, outcomes: Outcomes) -> Outcomes:
    """Return `outcomes` of the model under the suite, with what there is to warn of.

    The generators of random numbers are left as they were found.
    """
    split: Split = getattr(dataset, suite.split)
    device = split.labels.device
    devices = [device] if device.type == "cuda" else []
    with arithmetic("float32", device), torch.random.fork_rng(devices=devices):
        warnings = tuple(_warnings(model, suite, split, outcomes))
    return replace(outcomes, warnings=warnings)


def _warnings(
    model: nn.Module, suite: Suite, split: Split, outcomes: Outcomes
) -> Iterator[EvaluationWarning]:
    examples = examples_of(suite, split)
    right = examples[torch.from_numpy(outcomes.natural).to(examples.device)]
    size = min(EXAMPLES, suite.batch_size)
    yield from _of_answers(model, split.images_at(_spread(right if len(right) else examples, size)))
    if not len(right):
        return
    chosen = _spread(right, size)
    still = {}
    for label, rungs in suite.categories.items():
        keys = example_keys(derive_seed("evaluation", label), chosen)
        slopes = rungs.attack.slopes(model, split.images_at(chosen), split.labels[chosen], keys)
        if slopes is not None:
            still[label] = int((slopes == 0).sum())
    if without := {label: count for label, count in still.items() if count > _STILL * len(chosen)}:
        counts = ", ".join(f"{label} {count}" for label, count in without.items())
        yield EvaluationWarning(
            code="zero_gradient",
            message=f"the loss has no gradient for many of {len(chosen)} images ({counts}), so "
            f"that these attacks do not climb: accuracies under them are no robustness; use "
            f"loss: margin against saturated logits, rt_grid or autoattack against hidden ones",
        )
    unmoved = [
        label
        for label, rungs in suite.categories.items()
        if (outcomes.robust[label][-1] == outcomes.natural).all()
        and _moves_nothing(model, label, rungs, split, _spread(right, MOVED_EXAMPLES))
    ]
    if unmoved:
        yield EvaluationWarning(
            code="attack_moves_nothing",
            message=f"{', '.join(unmoved)} left every image as it was: accuracies under it are "
            f"those of clean images; look at its radius and its search",
        )


def _of_answers(model: nn.Module, images: Tensor) -> Iterator[EvaluationWarning]:
    """Warn of what the logits of some images (B C H W) show by themselves."""
    with frozen(model), torch.no_grad():
        repeats = torch.stack([model(images).float() for _ in range(_REPEATS)])
    scaled = repeats / (repeats.norm(dim=2, keepdim=True) + 1e-12)
    differs = ~((scaled - scaled[0]).norm(dim=2) <= _DIFFERENCE).all(0)  # of NaN too
    if differs.any():
        yield EvaluationWarning(
            code="random_answers",
            message=f"the model answers {int(differs.sum())} of {len(images)} images differently "
            f"each time: an attack that meets one answer is judged by another; take noise and "
            f"dropout out of evaluation",
        )
    logits = repeats[0]
    sums_to_one = (logits.sum(1) - 1).abs() <= _SUM
    if logits.shape[1] > 1 and ((logits >= 0).all(1) & (logits <= 1).all(1) & sums_to_one).all():
        yield EvaluationWarning(
            code="probabilities",
            message="the model gives probabilities, and losses take a softmax of them once more, "
            "which flattens their gradients; leave its last softmax out",
        )


def _moves_nothing(
    model: nn.Module, label: str, rungs: Rungs, split: Split, chosen: Tensor
) -> bool:
    """Whether an attack with a radius, at its first rung, gives the very images back."""
    attack = rungs.attack
    if _is_null(attack):
        return False
    if rungs.ladder:
        attack = attack.model_copy(update={str(attack.rung): rungs.ladder[0]})
    images = split.images_at(chosen)
    keys = example_keys(derive_seed("evaluation", label), chosen)
    return torch.equal(attack.perturb(model, images, split.labels[chosen], keys), images)


def _is_null(attack: Attack) -> bool:
    """Whether an attack's radii, known by their names, are 0."""
    radii = [
        getattr(attack, name)
        for name in type(attack).model_fields
        if name.endswith("epsilon") or name in {"degrees", "pixels"}
    ]
    given = [radius for radius in radii if radius is not None]
    return bool(given) and not any(given)


def _spread(indices: Tensor, count: int) -> Tensor:
    """Choose at most `count` examples, evenly spread."""
    count = min(count, len(indices))
    return indices[torch.arange(count, device=indices.device) * len(indices) // count]
