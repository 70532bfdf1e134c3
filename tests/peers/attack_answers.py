"""What other libraries' attacks leave of a network: `python attack_answers.py FOLDER`.

It runs in the environment of `attacks.txt` and knows nothing of the project: all crosses by file.
FOLDER has `network.pt` (TorchScript, images B C H W in [0, 1] to logits), `images.npz` (`images`
float32, `labels` int64) and `questions.json`, a list of `{label, peer, attack, examples, epsilon,
num_steps, num_restarts, ...}`. It gets `answers.npz`, for each label one bit an example (withstood
or not), and `answers.json` with seconds and versions.

A bit is never a library's own word: its adversarial images, held against the clean ones, must lie
in the set, and the network is asked again.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import foolbox
import numpy as np
import pyautoattack
import torch
import torchattacks
from pyautoattack.autopgd_base import APGDAttack
from scipy import optimize
from torch import Tensor, nn
from torch.nn import functional as F

Question = dict[str, Any]

PACKAGES = (
    *("torch", "numpy", "scipy"),
    *("torchattacks", "foolbox", "pyautoattack", "advertorch", "adv-lib"),
)
SEED = 0
ROUNDING = 1e-6
ORDERS = {"linf": float("inf"), "l2": 2, "l1": 1}
"""Of norms, by the name that a question has."""


def main(folder: Path) -> None:
    """Answer all questions of a folder."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", message="Default grid_sample")
    model = torch.jit.load(folder / "network.pt").eval()
    with np.load(folder / "images.npz") as archive:
        everything = torch.from_numpy(archive["images"]), torch.from_numpy(archive["labels"])
    bits: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for question in json.loads((folder / "questions.json").read_text()):
        images, labels = (part[: question["examples"]] for part in everything)
        torch.manual_seed(SEED)
        started = time.monotonic()
        attack = ATTACKS[question["peer"], question["attack"]]
        bits[question["label"]] = attack(model, images, labels, question).numpy()
        seconds[question["label"]] = round(time.monotonic() - started, 1)
        robust = 100 * bits[question["label"]].mean()
        print(f"{question['label']}: {robust:.1f} %, {seconds[question['label']]} s", flush=True)
    np.savez_compressed(folder / "answers.npz", **bits)
    versions = {package: version(package) for package in PACKAGES}
    record = {"seconds": seconds, "seed": SEED, "versions": versions}
    (folder / "answers.json").write_text(json.dumps(record))


def torchattacks_pgd(model: nn.Module, images: Tensor, labels: Tensor, asked: Question) -> Tensor:
    """PGD of torchattacks, L-infinity or L2; of several restarts the first that succeeds."""
    kind = torchattacks.PGDL2 if norm_of(asked) == "l2" else torchattacks.PGD
    # Its L2 step asks for gradients that are contiguous, as these are behind a reshape.
    reshaped = nn.Sequential(nn.Flatten(), nn.Unflatten(1, images.shape[1:]), model)
    runs = [
        kind(reshaped, eps=asked["epsilon"], alpha=asked["step_size"], steps=asked["num_steps"])
        for _ in range(asked["num_restarts"])
    ]
    attack = runs[0] if len(runs) == 1 else torchattacks.MultiAttack(runs)
    return withstood(model, images, labels, attack(images, labels), asked)


def foolbox_pgd(model: nn.Module, images: Tensor, labels: Tensor, asked: Question) -> Tensor:
    """PGD of foolbox; in L1 its sparse descent along the largest entries (Tramer and Boneh)."""
    attacks = foolbox.attacks
    kinds = {"linf": attacks.LinfPGD, "l2": attacks.L2PGD, "l1": attacks.SparseL1DescentAttack}
    kind = kinds[norm_of(asked)]
    attack = kind(abs_stepsize=asked["step_size"], steps=asked["num_steps"], random_start=True)
    bounded = foolbox.PyTorchModel(model, bounds=(0, 1))
    repeated = attack.repeat(asked["num_restarts"])
    _, adversarial, _ = repeated(bounded, images, labels, epsilons=asked["epsilon"])
    return withstood(model, images, labels, adversarial, asked)


def apgd(model: nn.Module, images: Tensor, labels: Tensor, asked: Question) -> Tensor:
    """APGD on cross entropy of Croce and Hein's own package."""
    attack = APGDAttack(
        model,
        n_iter=asked["num_steps"],
        n_restarts=asked["num_restarts"],
        eps=asked["epsilon"],
        loss="ce",
        seed=SEED,
        device="cpu",
        logger=logging.getLogger(),
    )
    return withstood(model, images, labels, attack.perturb(images, labels), asked)


def adv_lib_apgd(model: nn.Module, images: Tensor, labels: Tensor, asked: Question) -> Tensor:
    """APGD on cross entropy of adv-lib; in L1 in three rounds, from three times the radius on."""
    adversarial = adv_lib_attacks().apgd(
        model,
        images,
        labels,
        eps=asked["epsilon"],
        norm=ORDERS[norm_of(asked)],
        n_iter=asked["num_steps"],
        n_restarts=asked["num_restarts"],
        loss_function="ce",
        use_large_reps=norm_of(asked) == "l1",
    )
    return withstood(model, images, labels, adversarial, asked)


def adv_lib_fmn(model: nn.Module, images: Tensor, labels: Tensor, asked: Question) -> Tensor:
    """The least perturbations that adv-lib's FMN finds, of which those within the radius count."""
    order = ORDERS[norm_of(asked)]
    adversarial = adv_lib_attacks().fmn(model, images, labels, norm=order, steps=asked["num_steps"])
    is_inside = sizes(adversarial - images, asked) <= asked["epsilon"]
    adversarial = torch.where(is_inside[:, None, None, None], adversarial, images)
    return withstood(model, images, labels, adversarial, asked)


def adv_lib_attacks() -> ModuleType:
    """adv-lib's attacks, without what they do not need: visdom, which draws, and a distance by
    torchvision's networks, which as PyPI has it does not load beside a CPU build of PyTorch."""
    sys.modules["visdom"] = ModuleType("visdom")
    distance: Any = ModuleType("adv_lib.distances.lpips")
    distance.LPIPS = None
    sys.modules[distance.__name__] = distance
    return importlib.import_module("adv_lib.attacks")


def autoattack(model: nn.Module, images: Tensor, labels: Tensor, asked: Question) -> Tensor:
    """The standard suite: APGD-CE, targeted APGD-DLR, targeted FAB, Square."""
    attack = pyautoattack.AutoAttack(model, eps=asked["epsilon"], seed=SEED, version="standard")
    adversarial, _ = attack.run_standard_evaluation(images, labels, batch_size=250)
    return withstood(model, images, labels, adversarial, asked)


def stadv(model: nn.Module, images: Tensor, labels: Tensor, asked: Question) -> Tensor:
    """stAdv of advertorch, image by image, its flow held in the box by L-BFGS-B's own bounds.

    advertorch bounds each point by the image (-1 to 1) and returns no flow, so the optimiser that
    it calls is given the box of `epsilon` around the identity, and its result is kept. With
    `boxed` false the bounds are advertorch's, and a flow counts where it happens to lie in the box.
    """
    spatial = advertorch_spatial()
    attack = spatial.SpatialTransformAttack(
        model,
        num_classes=model(images[:1]).shape[1],
        confidence=asked["confidence"],
        initial_const=asked["smoothness"],
        max_iterations=asked["num_steps"],
    )
    lbfgs, epsilon = optimize.fmin_l_bfgs_b, asked["epsilon"]
    identity = F.affine_grid(torch.eye(2, 3)[None], [1, *images.shape[1:]], align_corners=False)
    middle = identity.double().flatten().numpy()
    found = []

    def bounded(function: Callable[..., Any], start: Any, **options: Any) -> Any:
        if asked["boxed"]:
            options["bounds"] = list(zip(middle - epsilon, middle + epsilon, strict=True))
        options.pop("iprint")  # scipy wants it no more
        result = lbfgs(function, start, **options)
        found.append(torch.from_numpy(result[0]).float().reshape(identity.shape))
        return result

    optimize.fmin_l_bfgs_b = bounded
    try:
        for image, label in zip(images, labels, strict=True):
            attack.perturb(image[None], label[None])
    finally:
        optimize.fmin_l_bfgs_b = lbfgs
    points = torch.cat(found)
    moved = F.grid_sample(images, points, align_corners=False)
    errs = predictions(model, moved) != labels
    inside = (points - identity).abs().flatten(1).amax(1) <= epsilon + ROUNDING
    return (predictions(model, images) == labels).logical_and(~(errs & inside))


def advertorch_spatial() -> ModuleType:
    """advertorch's module, without what it does not need and this environment does not have.

    Another of its attacks imports a function that PyTorch took away, and its defenses import
    torchvision, which as PyPI has it does not load beside a CPU build of PyTorch.
    """
    # `import torch.autograd.gradcheck` would give the function of that name, not the module.
    gradcheck: Any = sys.modules["torch.autograd.gradcheck"]
    gradcheck.zero_gradients = None
    sys.modules["advertorch.defenses"] = ModuleType("advertorch.defenses")
    return importlib.import_module("advertorch.attacks.spatial")


def withstood(
    model: nn.Module, images: Tensor, labels: Tensor, adversarial: Tensor, asked: Question
) -> Tensor:
    """Whether the network is right on the clean image and on the adversarial one, B.

    Raises:
        AssertionError: an adversarial image outside the ball asked about, or outside [0, 1].
    """
    rounding = ROUNDING if norm_of(asked) == "linf" else 1e-4 * asked["epsilon"]
    assert sizes(adversarial - images, asked).max() <= asked["epsilon"] + rounding
    assert -ROUNDING <= adversarial.min() <= adversarial.max() <= 1 + ROUNDING
    right = predictions(model, images) == labels
    return right.logical_and(predictions(model, adversarial) == labels)


def sizes(differences: Tensor, asked: Question) -> Tensor:
    """Norms of differences B C H W, B, in the norm asked about."""
    order = ORDERS[norm_of(asked)]
    found: Tensor = torch.linalg.vector_norm(differences.double().flatten(1), ord=order, dim=1)
    return found


def norm_of(asked: Question) -> str:
    """Name of the norm asked about; L-infinity where none is named."""
    return str(asked.get("norm", "linf"))


def predictions(model: nn.Module, images: Tensor) -> Tensor:
    """Classes, B."""
    with torch.no_grad():
        classes: Tensor = model(images).argmax(1)
    return classes


ATTACKS: dict[tuple[str, str], Callable[[nn.Module, Tensor, Tensor, Question], Tensor]] = {
    ("torchattacks", "pgd"): torchattacks_pgd,
    ("foolbox", "pgd"): foolbox_pgd,
    ("pyautoattack", "apgd_ce"): apgd,
    ("pyautoattack", "autoattack"): autoattack,
    ("advertorch", "stadv"): stadv,
    ("adv-lib", "apgd_ce"): adv_lib_apgd,
    ("adv-lib", "fmn"): adv_lib_fmn,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
