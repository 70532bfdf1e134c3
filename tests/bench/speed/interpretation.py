"""Saliency, skewness and landscapes: beside the passes through the network that they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from tests.bench.speed import bounds
from tests.bench.speed.attacks import count_images, counted
from tests.bench.speed.contest import Check, Contender, Contest, WrongWorkError
from tests.bench.speed.setting import Setting
from tests.bench.speed.subjects import Subject, subject, trial_of
from trainer.attacks.ascent import AscentAttack
from trainer.interpretation.concavity import curvature, ends
from trainer.interpretation.directions import corner, directions
from trainer.interpretation.landscape import landscape
from trainer.interpretation.saliency import MapForm, SmoothGrad, smoothgrad
from trainer.interpretation.sparseness import difference_skewness, gini

TARGET = 1.10
COPIES, SECTIONS = 6, 2
STEPS = torch.tensor([-1.0, 0.0, 1.0])
STENCIL = 9
"""Points of a section's second differences."""


def contests(setting: Setting) -> Iterator[Contest]:
    """For each network what figures are made of, at the batch size of its attacks."""
    for name in setting.sizes.networks:
        of = subject(name, setting)
        yield from _of_saliency(of)
        num_steps = setting.sizes.steps[name]
        method = {"method": "integrated"}
        attack = trial_of(name, method, num_steps=num_steps).attacks["integrated"]
        assert isinstance(attack, AscentAttack)
        yield from _of_landscapes(of, attack, num_steps)


def _of_saliency(of: Subject) -> Iterator[Contest]:
    how, size = SmoothGrad(samples=COPIES, noise=0.15), len(of.images)

    def saliency() -> Tensor:
        return smoothgrad(of.model, of.images, of.labels, of.keys, how=how, batch_size=size)

    def differences() -> Tensor:
        """Of the network to itself under other noise, which costs what another network would."""
        form = MapForm()
        other = smoothgrad(of.model, of.images, of.labels, of.keys + 1, how=how, batch_size=size)
        maps, reference = form.maps(saliency()), form.maps(other)
        return torch.stack([difference_skewness(maps, reference), gini(maps)])

    for title, run, times in (
        ("SmoothGrad", saliency, COPIES),
        ("skewness of a difference, Gini's index", differences, 2 * COPIES),
    ):
        yield _contest(title, of, run=run, slopes=times, looks=0)


def _of_landscapes(of: Subject, attack: AscentAttack, num_steps: int) -> Iterator[Contest]:
    model, images, labels, keys = of.model, of.images, of.labels, of.keys
    size = len(images)

    def surface() -> Tensor:
        return landscape(
            attack,
            model,
            images,
            labels,
            around=attack.start(images, keys, 0),
            pair=directions(corner(attack, images), keys, stream=0),
            steps=STEPS.to(images.device),
            batch_size=size,
        ).losses

    def bent() -> Tensor:
        return curvature(
            attack, model, images, labels, keys, sections=SECTIONS, step=0.5, batch_size=size
        ).hessians

    def runs() -> Tensor:
        return ends(attack, model, images, labels, keys, starts=2, batch_size=size).losses

    yield _contest("loss landscape", of, run=surface, slopes=0, looks=len(STEPS) ** 2)
    yield _contest("curvature", of, run=bent, slopes=0, looks=SECTIONS * STENCIL)
    yield _contest("runs from 2 starts", of, run=runs, slopes=2 * num_steps, looks=2)


def _contest(
    title: str, of: Subject, *, run: Callable[[], Tensor], slopes: int, looks: int
) -> Contest:
    seen = count_images(of.model)

    def passes() -> None:
        bounds.ascend(of.model, of.images, of.labels, num_steps=slopes)
        bounds.look(of.model, of.images, times=looks)

    kinds = ((slopes, "forward, gradient of the images"), (looks, "forward"))
    needed = "; ".join(f"{times} x {what}" for times, what in kinds if times)
    return Contest(
        title=f"{title}, {of.name}, {len(of.images)} images",
        bound=Contender(name=needed, run=counted(passes, seen)),
        contenders=(Contender(name="ours", run=run, target=TARGET, check=_is_whole(seen)),),
    )


def _is_whole(seen: Callable[[], int]) -> Check:
    """See that as many images went through the network as in the bound's run, or more, and that
    numbers came of it."""

    def check(found: Tensor, least: int) -> None:
        given = seen()
        if given < least:
            raise WrongWorkError(f"the network must be given {least} images, got {given}")
        if not found.isfinite().all():
            raise WrongWorkError("numbers must be finite")

    return check
