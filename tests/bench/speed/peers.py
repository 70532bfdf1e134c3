"""Other libraries' attacks, where they are installed: each as its users call it.

What PGD is given is the same for all: radius, step, number of steps, one random start. Each has a
copy of the network of its own: some leave gradients of its weights behind, or change its mode.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainer.attacks import PGD
from trainer.device import torchvision_operators  # noqa: F401  (before what imports torchvision itself)

Runs = dict[str, Callable[[], Tensor]]
"""By the library's name: the attack, to the images (B C H W) that it found."""


def pgd(model: nn.Module, images: Tensor, labels: Tensor, attack: PGD) -> Runs:
    """PGD in the L-infinity ball of the libraries that are there."""
    makers = {
        "torchattacks": ("torchattacks", _torchattacks_pgd),
        "foolbox": ("foolbox", _foolbox_pgd),
        "ART": ("art", _art_pgd),
        "adv-lib": ("adv_lib", _adv_lib_pgd),
    }
    return {
        name: make(copy.deepcopy(model), images, labels, attack)
        for name, (module, make) in makers.items()
        if find_spec(module) is not None
    }


def _torchattacks_pgd(
    model: nn.Module, images: Tensor, labels: Tensor, attack: PGD
) -> Callable[[], Tensor]:
    torchattacks = import_module("torchattacks")
    theirs = torchattacks.PGD(
        model, eps=attack.epsilon, alpha=attack.step_size, steps=attack.num_steps
    )
    return lambda: theirs(images, labels)


def _foolbox_pgd(
    model: nn.Module, images: Tensor, labels: Tensor, attack: PGD
) -> Callable[[], Tensor]:
    """The run alone: calling the attack looks at its result once more."""
    foolbox = import_module("foolbox")
    theirs = foolbox.attacks.LinfPGD(abs_stepsize=attack.step_size, steps=attack.num_steps)
    bounded = foolbox.PyTorchModel(model, bounds=(0, 1), device=images.device)
    return lambda: theirs.run(bounded, images, labels, epsilon=attack.epsilon)


def _art_pgd(model: nn.Module, images: Tensor, labels: Tensor, attack: PGD) -> Callable[[], Tensor]:
    evasion = import_module("art.attacks.evasion")
    theirs = evasion.ProjectedGradientDescentPyTorch(
        _art_classifier(model, images),
        eps=attack.epsilon,
        eps_step=attack.step_size,
        max_iter=attack.num_steps,
        num_random_init=1,
        batch_size=len(images),
        verbose=False,
    )
    pixels, answers = images.cpu().numpy(), labels.cpu().numpy()
    return lambda: torch.from_numpy(theirs.generate(pixels, answers)).to(images.device)


def _adv_lib_pgd(
    model: nn.Module, images: Tensor, labels: Tensor, attack: PGD
) -> Callable[[], Tensor]:
    sys.modules.setdefault("visdom", ModuleType("visdom"))  # draws, if asked to; never here
    attacks = import_module("adv_lib.attacks")
    return lambda: attacks.pgd_linf(
        model,
        images,
        labels,
        attack.epsilon,
        steps=attack.num_steps,
        absolute_step_size=attack.step_size,
    )


def searches(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    degrees: float,
    pixels: float,
    rotations: int,
    translations: int,
) -> Runs:
    """Searches over rotations and translations, of as many motions (translations squared).

    foolbox keeps of each image the first motion that is misread, ART one motion for all images:
    the one that most are misread under. Both look at the clean images too. ART (1.20.1) takes the
    number of channels for the height that one of its translations is a share of: with
    translations it would try too few motions, and is left out.
    """
    found: Runs = {}
    if find_spec("foolbox") is not None:
        foolbox = import_module("foolbox")
        bounded = foolbox.PyTorchModel(copy.deepcopy(model), bounds=(0, 1), device=images.device)
        for name, is_grid in (("foolbox, a grid", True), ("foolbox, at random", False)):
            theirs = foolbox.attacks.SpatialAttack(
                max_translation=pixels,
                max_rotation=degrees,
                num_translations=translations,
                num_rotations=rotations,
                grid_search=is_grid,
                random_steps=rotations * translations**2,
            )
            found[name] = _foolbox_search(theirs, bounded, images, labels)
    if find_spec("art") is not None and translations == 1:
        found["ART, a grid"] = _art_search(
            copy.deepcopy(model),
            images,
            max_translation=100 * pixels / images.shape[-1],
            num_translations=translations,
            max_rotation=degrees,
            num_rotations=rotations,
        )
    return found


def _foolbox_search(
    attack: Any, bounded: Any, images: Tensor, labels: Tensor
) -> Callable[[], Tensor]:
    def run() -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.meshgrid")
            return attack.run(bounded, images, labels)

    return run


def _art_search(model: nn.Module, images: Tensor, **settings: Any) -> Callable[[], Tensor]:
    evasion = import_module("art.attacks.evasion")
    classifier, pixels = _art_classifier(model, images), images.cpu().numpy()

    def run() -> Tensor:
        theirs = evasion.SpatialTransformation(
            classifier, **settings, verbose=False
        )  # keeps its answer
        return torch.from_numpy(theirs.generate(pixels)).to(images.device)

    return run


def _art_classifier(model: nn.Module, images: Tensor) -> Any:
    classification = import_module("art.estimators.classification")
    with torch.no_grad():
        num_classes = model(images[:1]).shape[1]
    return classification.PyTorchClassifier(
        model,
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(images.shape[1:]),
        nb_classes=num_classes,
        clip_values=(np.float32(0), np.float32(1)),
        device_type="gpu" if images.is_cuda else "cpu",
    )
