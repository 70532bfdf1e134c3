"""The vanilla flow attack: the smoothest warp that makes a model answer a class of choice (Eq. 1).

Unlike the attacks of `ascent` it is bounded by a penalty, not by a set, and solved by L-BFGS, one
image at a time, so that an answer depends on no other image of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from trainer.answers import NO_ANSWER, answers
from trainer.attacks.attack import Attack, frozen, gradients_of
from trainer.attacks.perturbed import Perturbed
from trainer.attacks.spatial import FLOW, Flow
from trainer.attacks.threat import Threat
from trainer.attacks.units import FLOW_UNIT, pixels, warp_warning
from trainer.input.settings import Count, NonNegative
from trainer.randomness import uniform
from trainer.warp import Padding, flow_warp

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch

KINK_WIDTH = 1e-2
"""Width in pixels of the differences that `flow_smoothness` rounds off. Wider, and L-BFGS is held
up less by the kinks: on 12 MNIST images 200 iterations came to a mean objective (measured with no
rounding) of 10.2 at 1e-4, 9.5 at 1e-3, 8.1 at 1e-2 and 9.4 at 0.1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetedFlows:
    """Flows of B images, and what each led to."""

    images: Tensor  # B C H W, warped
    flows: Tensor  # B 2 H W, normalised grid units; channel 0 moves along x, 1 along y
    targets: Tensor  # B, int64
    predictions: Tensor  # B, int64: `trainer.answers` of the warped images

    @property
    def reached(self) -> Tensor:
        """Whether the model's answer is the target, B, bool."""
        return self.predictions == self.targets


class TargetedFlow(Attack):
    """Minimise `targeted_objective` over the flow, from zero, by L-BFGS (Eq. 1; stAdv: Xiao et al.,
    Spatially Transformed Adversarial Examples, ICLR 2018, Eq. 2-4).

    At kappa = 0 L-BFGS ends where the target ties with another class, on one side or the other:
    so of all points that it tried the one of the lowest objective is taken among those where the
    model answers the target, or among all where it never does. Let kappa be above 0 for answers
    that do not hang on rounding. With `epsilon` the flow is bounded as `Flow`'s is; without, as
    in Eq. 1, by its smoothness alone.

    A penalty can make the target not worth its roughness: of 20 MNIST images (a small CNN,
    standard training, 100 iterations) 5 reached a random target at tau = 0.05, all at 0.01.

    There is no ladder: `num_steps` is a limit that most runs do not meet, not a strength.
    """

    num_steps: Count = Field(200, description="L-BFGS iterations at most")
    tau: NonNegative = Field(0.05, description="weight of smoothness: logits a pixel of difference")
    kappa: NonNegative = Field(0, description="lead of the target's logit that is enough")
    target: Literal["random", "next", "least_likely"] = Field(
        "random", description="class to reach, never the true one"
    )
    epsilon: NonNegative | None = Field(
        None, description=f"radius of w_F in {FLOW_UNIT}; left out, none"
    )
    padding: Padding = Field("zeros", description="what the warp reads outside the image")

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return the images at the solution, whether the target was reached or not."""
        return self.flows(model, images, labels, keys).images

    def find(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Perturbed:
        """Return the images at the solution with its flows."""
        found = self.flows(model, images, labels, keys)
        return Perturbed(images=found.images, flow=found.flows)

    def withstood(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        """Find what withstands, untargeted, 1 B: any wrong answer counts, the target's or not.

        By the answers that the search met: a solution lies close to a tie of two classes, which
        the rounding of a whole batch's logits could decide in another way.
        """
        del ladder
        return (self.flows(model, images, labels, keys).predictions == labels)[None]

    def slopes(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return the slopes of the margin by a flow, where there is none yet."""
        flow = Flow(epsilon=0.0, num_steps=1, loss="margin", padding=self.padding)
        return flow.slopes(model, images, labels, keys)

    def flows(
        self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor
    ) -> TargetedFlows:
        """Return the flows beside what they lead to; the arguments are those of `perturb`.

        Raises:
            ValueError: the model has one class alone.
        """
        with frozen(model):
            with torch.no_grad():
                clean = torch.cat([model(image[None]) for image in images])
            targets = TARGETS[self.target](clean, labels, keys)
            found = [
                self._solve(model, image[None], target[None])
                for image, target in zip(images, targets, strict=True)
            ]
        return TargetedFlows(
            images=torch.cat([point.image for point in found]),
            flows=torch.cat([point.flow for point in found]),
            targets=targets,
            predictions=torch.cat([point.prediction for point in found]),
        )

    def _solve(self, model: nn.Module, image: Tensor, target: Tensor) -> _Point:
        """Find the best point of image 1 C H W; L-BFGS sees its flow as 2 H W float64 pixels."""
        # Here alone: SciPy's solvers take as long to import as all of the settings.
        from scipy.optimize import Bounds, minimize  # noqa: PLC0415

        height, width = image.shape[-2:]
        half = torch.tensor([width / 2, height / 2], device=image.device).double()[:, None, None]

        def judged(vector: NDArray[np.float64]) -> tuple[_Point, NDArray[np.float64]]:
            moved = torch.tensor(vector, device=image.device).reshape(1, 2, height, width)
            moved.requires_grad_()
            with torch.enable_grad():
                flow = (moved / half).to(image.dtype)
                warped = _within_range(flow_warp(image, flow, padding=self.padding))
                logits = model(warped)
                value = targeted_objective(logits, target, moved, tau=self.tau, kappa=self.kappa)
                (gradient,) = gradients_of(value.sum(), (moved,))
            prediction = answers(logits.detach())
            missed, lowest = bool(prediction != target), value.item()
            if prediction == NO_ANSWER:  # the model has failed outright, and the search is over
                missed, lowest, gradient = False, -math.inf, torch.zeros_like(gradient)
            point = _Point(missed, lowest, prediction, flow.detach(), warped.detach())
            return point, gradient.flatten().cpu().numpy()

        start = np.zeros(2 * height * width)
        best, _ = judged(start)

        def objective(vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            nonlocal best
            point, gradient = judged(vector)
            best = min(best, point, key=lambda each: (each.missed, each.value))
            return point.value, gradient

        bounds = None
        if self.epsilon is not None:
            most = (self.epsilon * half).expand(2, height, width).flatten().cpu().numpy()
            bounds = Bounds(-most, most)
        limits = {"maxiter": self.num_steps}
        minimize(objective, start, method="L-BFGS-B", jac=True, bounds=bounds, options=limits)
        return best

    def threat(self) -> Threat:
        """Name the flow."""
        return Threat(name=FLOW, size=self.size_of_set() if self.epsilon is not None else "")

    def radius_warning(self, image_shape: tuple[int, int, int] | None) -> str:
        """Warn of the radius over half of the image."""
        del image_shape
        return "" if self.epsilon is None else warp_warning("epsilon", self.epsilon)

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say the radius as `Flow` does, if there is one, and the weight of smoothness."""
        bound = "unbounded"
        if self.epsilon is not None:
            bound = f"{self.epsilon:g} ({pixels(self.epsilon, image_shape)})"
        return f"{bound}, tau {self.tau:g}, {self.padding}"


class _Point(NamedTuple):
    """A flow of one image that L-BFGS tried, and what it led to."""

    missed: bool  # the model gave another answer than the target
    value: float  # of the objective
    prediction: Tensor  # 1
    flow: Tensor  # 1 2 H W, normalised grid units
    image: Tensor  # 1 C H W, warped


def targeted_objective(
    logits: Tensor, targets: Tensor, moved: Tensor, *, tau: float, kappa: float
) -> Tensor:
    """Eq. 1, B, of the logits g of the warped images and the flow w that warped them:

        max(max_{i != t} g_i - g_t, -kappa) + tau * L_flow(w)

    At kappa = 0 the first term asks for a tie and no more. The sign of kappa is Carlini and
    Wagner's (2017); stAdv's Eq. 3 writes `max(..., kappa)`, which is the same at 0.

    Args:
        logits: B K.
        targets: B, int64, the classes t.
        moved: B 2 H W, pixels.
    """
    logits = logits.double()  # as the solver's numbers
    wanted = logits.gather(1, targets[:, None]).squeeze(1)
    others = logits.scatter(1, targets[:, None], -torch.inf).amax(1)
    return (others - wanted).clamp(min=-kappa) + tau * flow_smoothness(moved)


def flow_smoothness(moved: Tensor) -> Tensor:
    """L_flow (stAdv, Eq. 4), B, in pixels, as the weight tau = 0.05 of stAdv supposes:

        sum over pixels p, over their neighbours q of |w(p) - w(q)|

    A pixel has four neighbours, fewer at the edge; the norm is that of (du, dv), so each pair
    counts twice. `|d|` is `sqrt(d^2 + s^2) - s` with s = `KINK_WIDTH`: at most s too little, and
    0 with a gradient of 0 where nothing differs, as at the start.

    Args:
        moved: B 2 H W, pixels.
    """
    total = moved.new_zeros(len(moved))
    for axis in (2, 3):
        squares = moved.diff(dim=axis).square().sum(1)
        total = total + ((squares + KINK_WIDTH**2).sqrt() - KINK_WIDTH).sum((1, 2))
    return 2 * total


def random_target(clean: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
    """Choose any other class, each as likely, by the example's key."""
    others = _num_classes(clean) - 1
    draw = uniform(keys, stream=0, shape=()).double()  # float32 could round up to the true class
    return (labels + 1 + (draw * others).long()) % (others + 1)


def next_target(clean: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
    """Choose class (label + 1) mod K."""
    del keys
    return (labels + 1) % _num_classes(clean)


def least_likely_target(clean: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
    """Choose the other class of the lowest logit on the clean image."""
    del keys
    _num_classes(clean)
    return clean.scatter(1, labels[:, None], torch.inf).argmin(1)


TARGETS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "random": random_target,
    "next": next_target,
    "least_likely": least_likely_target,
}
"""Functions, by name, from clean logits (B K), labels and keys (B) to the target classes (B)."""


def _num_classes(logits: Tensor) -> int:
    count = logits.shape[1]
    if count < 2:
        raise ValueError(f"targeted_flow must have at least 2 classes to choose from, got {count}")
    return count


def _within_range(images: Tensor) -> Tensor:
    """Clamp to [0, 1], which rounding can leave by an ulp; the gradient passes unchanged."""
    return images + (images.clamp(0, 1) - images).detach()
