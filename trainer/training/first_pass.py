"""A trial's network, and the user's own code, tried on two images before anything is begun.

A network that gives no logits, or an attack with a slip in it, would fail every trial of a sweep,
and an attack of the evaluation only once all are trained. So each is called once, on the CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.attacks import Attack, frozen
from trainer.config import Trial
from trainer.data import Dataset
from trainer.input.own_code import own_code, place_of
from trainer.input.registry import resolve
from trainer.methods import Method, Weighting
from trainer.models import MODELS
from trainer.training.loop import new_model

PASSES = (("evaluation", 2), ("training", 2), ("evaluation", 1))
"""Modes and numbers of images of the trial passes. BatchNorm in training mode needs more than one
image, and the last batch of an evaluation may be one alone."""


def tried_model(trial: Trial, dataset: Dataset) -> nn.Module:
    """Return the trial's network as its seed initialises it, once it has passed the first images in
    evaluation and in training mode, on the data set's device; buffers may have moved on the way.

    Raises:
        ValueError: `model.name ...`: it cannot be built, raises, does not give finite logits B K,
            or has no weights that they take a gradient to.
    """
    images, _, _ = _first(dataset, 2)
    model = new_model(trial, dataset, images.device)
    for mode, count in PASSES:
        model.train(mode == "training")
        with own_code(f"model.name the network of {trial.model.name}"):
            logits = model(images[:count])
        expected = (min(count, len(images)), dataset.num_classes)
        if wrong := _unlike(logits, expected, images.device):
            raise ValueError(
                f"model.name must be a network that gives logits of shape {expected}, one row an "
                f"image and one column a class, got {wrong} in {mode} mode from "
                f"{trial.model.name}{_place(trial, model)}"
            )
        if mode == "training" and not logits.requires_grad:
            raise ValueError(
                f"model.name must be a network whose logits take gradients to its weights in "
                f"training mode, got none from {trial.model.name}, which cannot be trained"
                f"{_place(trial, model)}"
            )
    return model.eval()


def try_method(method: Method) -> None:
    """Check that a method, where it is the user's own, has a weighting.

    Raises:
        ValueError: it raises, or gives something else.
    """
    if not is_own(method):
        return
    name = type(method).__qualname__
    with own_code(f"the code of {name}"):
        weighting = method.weighting()
    if not isinstance(weighting, Weighting):
        raise ValueError(
            f"{name}.weighting must return a trainer.methods.Weighting, got "
            f"{type(weighting).__name__}"
        )


def try_attack(attack: Attack, model: nn.Module, dataset: Dataset) -> None:
    """Search once with an attack of the user's own, with one step where it has steps.

    Raises:
        ValueError: it raises, or does not give images of the same shape with pixels in [0, 1].
    """
    images, labels, keys = _first(dataset, 2)
    name = type(attack).__qualname__
    least = attack if attack.rung is None else attack.model_copy(update={attack.rung: 1})
    with own_code(f"the code of {name}"), frozen(model):
        found = least.search(model, images, labels, keys)
    wrong = _unlike(found, tuple(images.shape), images.device)
    if not wrong and not (found.min() >= 0 and found.max() <= 1):
        wrong = f"pixels from {float(found.min()):g} to {float(found.max()):g}"
    if wrong:
        raise ValueError(
            f"{name}.search must return images of shape {tuple(images.shape)} in [0, 1], as it is "
            f"given, got {wrong}"
        )


def is_own(settings: object) -> bool:
    """Whether a method's or an attack's class is the user's own."""
    return not type(settings).__module__.startswith("trainer.")


def _first(dataset: Dataset, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first `count` training images (B C H W), their labels (B) and keys (B)."""
    train = dataset.train
    indices = torch.arange(min(count, len(train)), device=train.labels.device)
    return train.images_at(indices), train.labels[indices], indices


def _unlike(found: object, shape: tuple[int, ...], device: torch.device) -> str:
    """Say what a thing is, if it is no dense tensor of finite numbers of that shape; else empty."""
    if not isinstance(found, Tensor):
        return f"a {type(found).__name__}"
    if tuple(found.shape) != shape:
        return f"shape {tuple(found.shape)}"
    if not found.is_floating_point():
        return f"{found.dtype}"
    if found.layout != torch.strided or found.device != device:
        return f"a tensor of {found.layout} on {found.device}"
    return "" if bool(found.isfinite().all()) else "NaN or infinity"


def _place(trial: Trial, model: nn.Module) -> str:
    """Say where a person finds what the network does: its forward pass, or its builder."""
    *_, body = model.children()  # behind the normalisation
    line = place_of(type(body).forward, resolve(MODELS, trial.model.name, kind="model"))
    return "" if line is None else f"; see {line}"
