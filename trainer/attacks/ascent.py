"""The one loop: projected sign-gradient ascent on the parameters of a perturbation.

PGD, flow, rotation-translation and integrated attacks differ in what their parameters are,
how these act on an image, and which set they are projected onto; never in the loop.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.attacks.attack import Attack, frozen
from trainer.randomness import uniform

Parameters = tuple[Tensor, ...]
Observer = Callable[[int, Tensor], None]
"""Told, for iterate 0 (the start), 1, ..., its number and the model's logits there (B K)."""


class Component(NamedTuple):
    """One tensor of an attack's parameters: `|w| <= radius`, entry by entry, in its own unit."""

    shape: tuple[int, ...]  # of one example
    radius: float
    step_size: float


class AscentAttack(Attack):
    """An attack that climbs a loss by `w <- project(w + step_size * sign(gradient))`.

    A subclass gives `components` and `apply`, and its own `project` where the set is more than
    a box around zero.
    """

    loss: Literal["cross_entropy", "margin"] = Field("cross_entropy", description="what is climbed")

    @abstractmethod
    def components(self, images: Tensor) -> tuple[Component, ...]:
        """The tensors that are searched over, for images B C H W."""

    @abstractmethod
    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """The images (B C H W) under the perturbation."""

    def project(self, images: Tensor, parameters: Parameters) -> Parameters:
        """The nearest parameters within the set."""
        radii = [component.radius for component in self.components(images)]
        return tuple(w.clamp(-r, r) for w, r in zip(parameters, radii, strict=True))

    def start(self, images: Tensor, keys: Tensor, restart: int) -> Parameters:
        """Uniform within the box (or zero), projected onto the set."""
        components = self.components(images)
        if not self.random_start:
            return tuple(images.new_zeros(len(images), *c.shape) for c in components)
        parameters = tuple(
            (2 * uniform(keys, stream=restart * len(components) + i, shape=c.shape) - 1) * c.radius
            for i, c in enumerate(components)
        )
        return self.project(images, parameters)

    def perturb(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """The last iterate; with restarts, of those the one of the largest loss, per example."""
        adversarial, highest = images, torch.full_like(labels, -torch.inf, dtype=torch.float32)
        with frozen(model):
            for restart in range(self.num_restarts):
                start = self.start(images, keys, restart)
                end = self._climb(
                    model, images, labels, start=start, num_steps=self.num_steps, observe=None
                )
                candidate = self.apply(images, end).clamp(0, 1)  # rounding can leave it by an ulp
                if self.num_restarts == 1:
                    return candidate
                with torch.no_grad():
                    losses = LOSSES[self.loss](model(candidate), labels)
                higher = losses > highest
                adversarial = torch.where(higher[:, None, None, None], candidate, adversarial)
                highest = torch.where(higher, losses, highest)
        return adversarial

    def correct(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        """One run of the longest rung gives all: an example counts as broken at a rung when any
        iterate up to it, the start included, is misclassified in any restart (len(ladder) B).
        """
        withstands = torch.ones(len(ladder), len(labels), dtype=torch.bool, device=labels.device)
        for restart in range(self.num_restarts):
            alive = torch.ones_like(withstands[0])

            def observe(iterate: int, logits: Tensor) -> None:
                nonlocal alive
                alive = alive & (logits.argmax(1) == labels)
                if iterate in ladder:
                    withstands[ladder.index(iterate)] &= alive

            with frozen(model):
                start = self.start(images, keys, restart)
                end = self._climb(
                    model, images, labels, start=start, num_steps=ladder[-1], observe=observe
                )
                with torch.no_grad():
                    observe(ladder[-1], model(self.apply(images, end)))
        return withstands

    def _climb(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        *,
        start: Parameters,
        num_steps: int,
        observe: Observer | None,
    ) -> Parameters:
        """Iterate number `num_steps` from `start`; the earlier ones are told to `observe`."""
        step_sizes = [component.step_size for component in self.components(images)]
        parameters = start
        for iterate in range(num_steps):
            parameters = tuple(w.detach().requires_grad_() for w in parameters)
            with torch.enable_grad():
                logits = model(self.apply(images, parameters))
                loss = LOSSES[self.loss](logits, labels).sum()
            if observe is not None:
                observe(iterate, logits.detach())
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                stepped = tuple(
                    w + step_size * gradient.sign()
                    for w, step_size, gradient in zip(
                        parameters, step_sizes, gradients, strict=True
                    )
                )
                parameters = self.project(images, stepped)
        return tuple(w.detach() for w in parameters)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of each example, B."""
    return F.cross_entropy(logits.float(), labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Largest wrong logit minus the true one, B; positive where the model errs.

    Its gradient does not vanish where cross entropy's does: in float32 the true class's entry
    of the latter is 0 at margins over about 17 (Carlini and Wagner, 2017, their f_6).
    """
    logits = logits.float()
    true = logits.gather(1, labels[:, None])
    wrong = logits.scatter(1, labels[:, None], -torch.inf)
    return wrong.amax(1) - true.squeeze(1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": cross_entropy,
    "margin": margin,
}
