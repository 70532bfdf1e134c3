"""Attacks: beside as many forward and backward passes as they have steps, and beside peers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.bench.speed import bounds, peers
from tests.bench.speed.contest import Check, Contender, Contest, WrongWorkError
from tests.bench.speed.setting import Setting
from tests.bench.speed.subjects import Subject, subject, trial_of
from trainer.attacks import PGD, Attack, RotationTranslationGrid, WorstOf

ROUNDING = 1e-5
LABELS = ("pgd", "flow", "rt", "integrated")
DEGREES, PIXELS = 30.0, 3.0
"""Range of the searches over rotations and translations, as in Engstrom et al., 2019."""

TARGET = 1.10
FAST_TARGET = 0.60
"""Of the bound in float32."""


def contests(setting: Setting) -> Iterator[Contest]:
    """For each network its climbing attacks, then the searches without gradients."""
    for name in setting.sizes.networks:
        under_attack = subject(name, setting)
        num_steps = setting.sizes.steps[name]
        attacks = trial_of(
            name, {"method": "average", "attack_names": list(LABELS)}, num_steps=num_steps
        ).attacks
        for label in LABELS:
            yield climbing(label, attacks[label], under_attack, num_steps=num_steps)
        rotations, translations = setting.sizes.motions[name]
        yield searching(under_attack, rotations=rotations, translations=translations)


def climbing(label: str, attack: Attack, subject: Subject, *, num_steps: int) -> Contest:
    """An attack by gradients; PGD's peers are given its radius, step, steps, and one start."""
    model, images, labels = subject.model, subject.images, subject.labels
    epsilon = attack.epsilon if isinstance(attack, PGD) else None
    seen = count_images(model)
    check = is_attack(subject, seen, epsilon=epsilon)
    passes = partial(bounds.ascend, model, images, labels, num_steps=num_steps)
    contenders = [
        Contender(name="ours", run=ours(attack, subject), target=TARGET, check=check),
        Contender(
            name="ours, channels last, bfloat16",
            run=ours_fast(attack, subject),
            target=FAST_TARGET,
            check=check,
        ),
    ]
    if isinstance(attack, PGD):
        runs = peers.pgd(model, images, labels, attack)
        contenders += [Contender(name=peer, run=run, check=check) for peer, run in runs.items()]
    return Contest(
        title=f"{label}, {num_steps} steps, {subject.name}, {len(images)} images",
        bound=Contender(
            name=f"{num_steps} x forward, gradient of the images", run=counted(passes, seen)
        ),
        contenders=tuple(contenders),
    )


def searching(subject: Subject, *, rotations: int, translations: int) -> Contest:
    """The worst of a number of rotations and translations, none left out.

    One image is black and stays so wherever it is moved: a peer that stops once every image is
    misread does not.
    """
    images = torch.cat([torch.zeros_like(subject.images[:1]), subject.images[1:]])
    with torch.no_grad():
        labels = subject.model(images).argmax(1)
    moved = replace(subject, images=images, labels=labels)
    count = rotations * translations**2
    pixels = PIXELS if translations > 1 else 0.0
    box = {"degrees": DEGREES, "pixels": pixels}
    grid = RotationTranslationGrid(num_rotations=rotations, num_translations=translations, **box)
    drawn = WorstOf(num_choices=count, **box)
    seen = count_images(subject.model)
    check = is_attack(moved, seen, epsilon=None)
    passes = partial(bounds.look, subject.model, images, times=count)
    contenders = [
        Contender(name="ours, a grid", run=ours(grid, moved), target=TARGET, check=check),
        Contender(name="ours, at random", run=ours(drawn, moved), target=TARGET, check=check),
    ]
    runs = peers.searches(
        subject.model,
        images,
        labels,
        degrees=DEGREES,
        pixels=pixels,
        rotations=rotations,
        translations=translations,
    )
    contenders += [Contender(name=peer, run=run, check=check) for peer, run in runs.items()]
    return Contest(
        title=f"{count} rotations and translations, {subject.name}, {len(images)} images",
        bound=Contender(name=f"{count} x forward", run=counted(passes, seen)),
        contenders=tuple(contenders),
    )


def ours(attack: Attack, subject: Subject) -> Callable[[], Tensor]:
    """The search, as training calls it."""
    return lambda: attack.search(subject.model, subject.images, subject.labels, subject.keys)


def ours_fast(attack: Attack, subject: Subject) -> Callable[[], Tensor]:
    """The same on a network laid out channels last, its passes in bfloat16."""
    model = copy.deepcopy(subject.model).to(memory_format=torch.channels_last)

    def run() -> Tensor:
        with torch.autocast(subject.images.device.type, torch.bfloat16):
            return attack.search(model, subject.images, subject.labels, subject.keys)

    return run


def count_images(model: nn.Module) -> Callable[[], int]:
    """How many images a network and its copies to come are given, from one call to the next.

    They are counted at its last layer: ART calls the parts of a sequence one by one.
    """
    counts = [0]

    def count(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        counts[0] += len(inputs[0])

    def seen() -> int:
        number, counts[0] = counts[0], 0
        return number

    *_, last = model.modules()
    last.register_forward_pre_hook(count)
    return seen


def counted(run: Callable[[], object], seen: Callable[[], int]) -> Callable[[], int]:
    """The same run, to the number of images that the network was given in it."""

    def count() -> int:
        seen()
        run()
        return seen()

    return count


def is_attack(subject: Subject, seen: Callable[[], int], *, epsilon: float | None) -> Check:
    """See that the network was given as many images as in the bound's run, or more, and that those
    found are in [0, 1], within epsilon of the clean ones where that is a radius in pixels, and of a
    larger loss in float32."""
    clean, labels = subject.images, subject.labels

    def loss(images: Tensor) -> float:
        with torch.no_grad():
            value = float(F.cross_entropy(subject.model(images), labels))
        seen()  # of no contender
        return value

    def check(found: Tensor, least: int) -> None:
        given = seen()
        if given < least:
            raise WrongWorkError(f"the network must be given {least} images, got {given}")
        lowest, highest = (float(extreme) for extreme in found.aminmax())
        if found.shape != clean.shape or not (lowest >= 0 and highest <= 1):
            shape = tuple(found.shape)
            raise WrongWorkError(
                f"images must be {tuple(clean.shape)} within [0, 1], "
                f"got {shape} from {lowest:g} to {highest:g}"
            )
        farthest = float((found - clean).abs().max())
        if epsilon is not None and farthest > epsilon + ROUNDING:
            raise WrongWorkError(f"no pixel must move beyond {epsilon:g}, one did by {farthest:g}")
        before, after = loss(clean), loss(found)
        if not after > before:
            raise WrongWorkError(f"the loss must rise, it went from {before:g} to {after:g}")

    return check
