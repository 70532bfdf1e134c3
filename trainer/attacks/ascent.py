"""The one loop: projected steepest ascent on the parameters of a perturbation.

PGD, flow, rotation-translation and integrated attacks differ in what their parameters are,
how these act on an image, and which set they are projected onto; never in the loop.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self, TypeAlias

from pydantic import Field

from trainer.answers import correct
from trainer.attacks.attack import Attack, frozen, gradients_of
from trainer.attacks.norms import LINF, Norm
from trainer.attacks.perturbed import Perturbed
from trainer.input.settings import Count
from trainer.passes import Passes

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch

Parameters: TypeAlias = "tuple[Tensor, ...]"


class Solution(NamedTuple):
    """An iterate of B examples: what its parameters are, and what images they make."""

    images: Tensor  # B C H W in [0, 1], detached
    parameters: Parameters  # each B ..., as `components` has them

    def where(self, chosen: Tensor, other: Solution) -> Solution:
        """Return this one for the examples that are `chosen` (B, bool), the other for the rest."""
        ours, theirs = (self.images, *self.parameters), (other.images, *other.parameters)
        images, *parameters = (
            torch.where(chosen.reshape(-1, *[1] * (one.dim() - 1)), one, another)
            for one, another in zip(ours, theirs, strict=True)
        )
        return Solution(images, tuple(parameters))


Observer: TypeAlias = "Callable[[int, Solution, Tensor], Tensor | None]"
"""A function that is given, for iterate 0 (the start), 1, ..., its number, the iterate itself and
the model's logits there (B K); it returns which of these examples go on (places, int64, rising), or
None for all of them. Iterates that may lie outside the attack's set are kept from it."""


class Component(NamedTuple):
    """One tensor of an attack's parameters, of norm at most `radius`, in its own unit; by default
    entry by entry."""

    shape: tuple[int, ...]  # of one example
    radius: float
    step_size: float
    norm: Norm = LINF


class AscentAttack(Attack):
    """An attack that climbs a loss by `w <- project(w + step_size * steepest(gradient))`, where the
    steepest step has length 1 in the norm of w; by default it is the gradient's sign.

    A subclass gives `components` and `apply`, and its own `project` where the set is more than
    a ball around zero.
    """

    rung: ClassVar[str | None] = "num_steps"

    num_steps: Count = Field(description="gradient steps from each start")
    num_restarts: Count = Field(1, description="runs from starts of their own; 1 is a single run")
    random_start: bool = Field(True, description="start within the set at random, not at zero")
    loss: Literal["cross_entropy", "margin", "dlr"] = Field(
        "cross_entropy", description="what is climbed"
    )
    keep: Literal["last", "best"] = Field(
        "last", description="iterate of a run to train on; an evaluation counts them all"
    )
    step_decay: Literal["none", "cosine"] = Field(
        "none", description="how the step shrinks over the run, to 0 at its end"
    )

    @abstractmethod
    def components(self, images: Tensor) -> tuple[Component, ...]:
        """Return the tensors that are searched over, for images B C H W."""

    @abstractmethod
    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Return the images (B C H W) under the perturbation."""

    def project(self, images: Tensor, parameters: Parameters) -> Parameters:
        """Return the nearest parameters within the set."""
        components = self.components(images)
        return tuple(
            c.norm.shrunk(w, c.radius) for w, c in zip(parameters, components, strict=True)
        )

    def stepped(
        self, images: Tensor, parameters: Parameters, gradients: Parameters, *, share: float
    ) -> Parameters:
        """Return the parameters after one step up the gradients, projected onto the set.

        Args:
            share: of the step size that is taken.
        """
        moved = tuple(
            w + share * component.step_size * component.norm.steepest(gradient)
            for w, component, gradient in zip(
                parameters, self.components(images), gradients, strict=True
            )
        )
        return self.project(images, moved)

    def in_stage(self, done: float) -> Self:
        """Return the attack that a run is when this share of its steps, in [0, 1], is done: itself,
        unless it comes to its set from a larger one; at 1 it is there."""
        del done
        return self

    def sizes(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Return the size of each example's perturbation as a share of the radius, B: at most 1
        within the set."""
        shares = [
            component.norm.sizes(w) / component.radius
            for w, component in zip(parameters, self.components(images), strict=True)
            if component.radius
        ]
        return torch.stack(shares).amax(0) if shares else images.new_zeros(len(images))

    def start(self, images: Tensor, keys: Tensor, restart: int) -> Parameters:
        """Draw parameters uniformly within the ball (or take zero), projected onto the set."""
        components = self.components(images)
        if not self.random_start:
            return tuple(images.new_zeros(len(images), *c.shape) for c in components)
        parameters = tuple(
            c.norm.start(keys, stream=restart * len(components) + i, shape=c.shape) * c.radius
            for i, c in enumerate(components)
        )
        return self.project(images, parameters)

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return the last iterate or the best one; of several restarts that of the largest loss,
        example by example."""
        return self.solution(model, images, labels, keys).images

    def find(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Perturbed:
        """Return what `search` does, with the warp that it is, where it is one."""
        solution = self.solution(model, images, labels, keys)
        return Perturbed(images=solution.images, **self.warp_of(solution.parameters))

    def warp_of(self, parameters: Parameters) -> dict[str, Tensor]:
        """Return the fields `increment` and `flow` of `Perturbed`, as far as the parameters are
        these; by default none."""
        del parameters
        return {}

    def solution(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Solution:
        """Return what `search` does, with its parameters; input as for `perturb`, not checked."""
        best: Solution | None = None
        highest = torch.full((len(images),), -torch.inf, dtype=torch.float32, device=images.device)

        def observe(iterate: int, candidate: Solution, logits: Tensor) -> Tensor | None:
            nonlocal best, highest
            del iterate
            losses = compared_losses(self.loss, logits, labels)
            higher = losses > highest
            best = candidate if best is None else candidate.where(higher, best)
            highest = torch.where(higher, losses, highest)
            return None  # of a run that is trained on, all examples take every step

        with frozen(model):
            for restart in range(self.num_restarts):
                end = self._climb(
                    model,
                    images,
                    labels,
                    start=self.start(images, keys, restart),
                    num_steps=self.num_steps,
                    observe=observe if self.keep == "best" else None,
                )
                if self.num_restarts == 1 and self.keep == "last":
                    return end
                with torch.no_grad():
                    observe(self.num_steps, end, model(end.images))
        assert best is not None  # there is at least one restart
        return best

    def withstood(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        """Find what withstands each rung (L B) in one run of the longest: an example counts as
        broken at a rung when any iterate up to it, the start included, is misclassified in any
        restart.

        It leaves a run when no rung that it still withstands lies ahead: once broken, and in a
        later restart at the last rung that the ones before have left it.
        """
        withstands = torch.ones(len(ladder), len(labels), dtype=torch.bool, device=labels.device)
        present = torch.arange(len(labels), device=labels.device)  # of the batch, in this run

        def observe(iterate: int, candidate: Solution, logits: Tensor) -> Tensor | None:
            nonlocal present
            del candidate
            is_wrong = ~correct(logits, labels[present])
            reached, above = bisect_left(ladder, iterate), bisect_right(ladder, iterate)
            withstands[reached:, present] &= ~is_wrong
            if above == len(ladder) or not _is_look(iterate, ladder):
                return None
            going = withstands[above, present].nonzero().squeeze(1)
            if len(going) == len(present):
                return None
            present = present[going]
            return going

        with frozen(model):
            for restart in range(self.num_restarts):
                present = withstands[0].nonzero().squeeze(1)
                if not len(present):
                    break
                end = self._climb(
                    model,
                    images[present],
                    labels[present],
                    start=self.start(images[present], keys[present], restart),
                    num_steps=ladder[-1],
                    observe=observe,
                )
                if len(present):
                    with torch.no_grad():
                        observe(ladder[-1], end, model(end.images))
        return withstands

    def slopes(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return the slopes of the loss by the parameters at the first start, 0 for NaN."""
        parameters = tuple(w.requires_grad_() for w in self.start(images, keys, 0))
        with frozen(model), torch.enable_grad():
            logits = model(self.apply(images, parameters))
            gradients = gradients_of(LOSSES[self.loss](logits, labels).sum(), parameters)
        sizes = [gradient.abs().flatten(1).nan_to_num(0).amax(1) for gradient in gradients]
        return torch.stack(sizes).amax(0)

    def search_passes(self) -> Passes:
        """Count two passes a step of each start, and a look at each end where one is chosen."""
        is_chosen = self.num_restarts > 1 or self.keep == "best"
        steps = Passes(forward=1, input_backward=1) * self.num_steps
        return (steps + Passes(forward=int(is_chosen))) * self.num_restarts

    def withstood_passes(self, ladder: tuple[int, ...]) -> Passes:
        """Count two passes a step of the longest rung from each start, and a look at its end."""
        steps = Passes(forward=1, input_backward=1) * ladder[-1]
        return (steps + Passes(forward=1)) * self.num_restarts

    def _climb(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        *,
        start: Parameters,
        num_steps: int,
        observe: Observer | None,
    ) -> Solution:
        """Return iterate `num_steps` from `start`; `observe` is given those before, and may let
        examples leave on the way."""
        parameters, base = start, images
        for iterate in range(num_steps):
            parameters = tuple(w.detach().requires_grad_() for w in parameters)
            with torch.enable_grad():
                candidate = self.apply(base, parameters)
                logits = model(candidate)
                loss = LOSSES[self.loss](logits, labels).sum()
            going = None
            if observe is not None and self.in_stage(iterate / num_steps) == self:
                seen = Solution(_within_range(candidate), tuple(w.detach() for w in parameters))
                going = observe(iterate, seen, logits.detach())
            if going is not None and not len(going):
                return Solution(images[going], tuple(w.detach()[going] for w in parameters))
            gradients = gradients_of(loss, parameters)
            share = STEP_SHARES[self.step_decay](iterate / num_steps)
            with torch.no_grad():
                stage = self.in_stage((iterate + 1) / num_steps)
                parameters = stage.stepped(images, parameters, gradients, share=share)
                base = self.rebased(base, candidate.detach())
                if going is not None:
                    images, labels, base = images[going], labels[going], base[going]
                    parameters = tuple(w[going] for w in parameters)
        return Solution(_within_range(self.apply(base, parameters)), parameters)

    def rebased(self, base: Tensor, candidate: Tensor) -> Tensor:
        """Return what the next iterate's parameters apply to: what this one's did, the images.

        Args:
            base: B C H W, to which the parameters of this iterate were applied.
            candidate: B C H W, what came of it.
        """
        del candidate
        return base


def _is_look(iterate: int, ladder: tuple[int, ...]) -> bool:
    """Whether to look which examples go on: on a GPU each look waits for all that is queued.

    Most of what breaks does so early, so looks are at 0, 1, 2, 4, 8, ... and at rungs.
    """
    return iterate & (iterate - 1) == 0 or iterate in ladder


def _within_range(images: Tensor) -> Tensor:
    return images.detach().clamp(0, 1)  # rounding can leave it by an ulp


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the cross entropy of each example, B, against its label (B, int64) or against
    probabilities of the classes (B C): then its gradient is that of the divergence from them."""
    return torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the largest wrong logit minus the true one, B; positive where the model errs.

    Its gradient does not vanish where cross entropy's does: in float32 the true class's entry
    of the latter is 0 at margins over about 17 (Carlini and Wagner, 2017, their f_6).
    """
    logits = logits.float()
    true = logits.gather(1, labels[:, None])
    wrong = logits.scatter(1, labels[:, None], -torch.inf)
    return wrong.amax(1) - true.squeeze(1)


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the margin in units of the distance from the largest logit to the third largest, B.

    Unlike `margin` it does not change when all logits are multiplied by a number (Croce and Hein,
    2020, Eq. 6).

    Raises:
        ValueError: fewer than three classes.
    """
    if logits.shape[1] < 3:
        raise ValueError(f"loss dlr must have at least 3 classes, got {logits.shape[1]}")
    largest = logits.float().topk(3, dim=1).values
    return margin(logits, labels) / (largest[:, 0] - largest[:, 2] + 1e-12)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": cross_entropy,
    "margin": margin,
    "dlr": dlr,
}


def compared_losses(name: str, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the losses (B) by which images of an example are compared: infinite where a logit is
    not finite, since there the model has failed outright and any number may come of the loss."""
    losses = LOSSES[name](logits, labels)
    return torch.where(logits.isfinite().all(1), losses, torch.inf)


STEP_SHARES: dict[str, Callable[[float], float]] = {
    "none": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}
"""Share of the step size left, by schedule, when `done`, in [0, 1), of the steps are taken."""
