"""Rotations and translations tried one by one, with no gradient: a dense grid, or k at random.

Engstrom et al., 2019 (Exploring the Landscape of Spatial Robustness), found gradient ascent on the
three parameters of a rigid motion weaker than both. A motion reads each pixel at R p + t, where p
is its place in pixels from the image's centre, R turns by an angle and t translates; the affine
map of Eq. 5 in normalised units is that with R's off-diagonal entries times height / width and
width / height.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from trainer.answers import answers
from trainer.attacks.ascent import compared_losses
from trainer.attacks.attack import Attack, frozen
from trainer.attacks.perturbed import Perturbed
from trainer.attacks.spatial import RIGID
from trainer.attacks.threat import Threat
from trainer.attacks.units import (
    AFFINE_UNIT,
    affine_radius,
    degrees,
    largest_rotation,
    pixels,
    translation_warning,
    two_digits,
    warp_warning,
)
from trainer.device.transfer import moved, sent
from trainer.input.settings import Count, NonNegative, Real
from trainer.passes import Passes
from trainer.randomness import uniform
from trainer.warp import Padding, affine_warp

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch


def _odd(count: int) -> int:
    if count % 2 == 0:
        raise ValueError(f"must be odd, so that the clean image is in the grid, got {count}")
    return count


_OddCount = Annotated[Count, AfterValidator(_odd)]


class RigidSearch(Attack):
    """The worst of a number of motions, for each example by itself.

    Their range is given in one of two forms: `epsilon`, for all the motions in the box of a
    `RotationTranslation` of that radius, or `degrees` and `pixels`. A subclass gives `motions`.
    """

    epsilon: NonNegative | None = Field(
        None, description=f"radius of w_RT in {AFFINE_UNIT}; or give degrees and pixels"
    )
    degrees: Annotated[Real, Field(ge=0, le=180)] | None = Field(
        None, description="largest rotation either way; given with pixels, in place of epsilon"
    )
    pixels: NonNegative | None = Field(
        None, description="largest translation along each axis; given with degrees"
    )
    padding: Padding = Field("zeros", description="what the warp reads outside the image")
    loss: Literal["cross_entropy", "margin", "dlr"] = Field(
        "cross_entropy", description="whose largest value picks the image to train on"
    )

    @model_validator(mode="after")
    def _one_form_of_range(self) -> Self:
        if (self.degrees is None) != (self.pixels is None) or (
            (self.epsilon is None) == (self.degrees is None)
        ):
            raise ValueError(
                "must have either epsilon (affine entries) or both degrees and pixels, got "
                f"epsilon={self.epsilon}, degrees={self.degrees}, pixels={self.pixels}; "
                "write epsilon: 0.1, or degrees: 30 and pixels: 3"
            )
        return self

    @abstractmethod
    def num_motions(self) -> int:
        """Number of motions that are tried on each image."""

    @abstractmethod
    def motions(self, keys: Tensor) -> Tensor:
        """Return the motions in the order in which they are tried.

        Returns:
            B N 3, float32 in [-1, 1]: rotation and translations along x and y, each as a share
            of its largest.
        """

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return the image of the largest loss; with `loss` margin it errs where any of them
        does."""
        return self.find(model, images, labels, keys).images

    def find(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Perturbed:
        """Return what `search` does, with its motions."""
        increments = self.increments(images, keys)
        with frozen(model), torch.no_grad():
            losses = [
                compared_losses(self.loss, model(self.moved(images, increment)), labels)
                for increment in increments.unbind(1)
            ]
            worst = torch.stack(losses, dim=1).argmax(1)
            every = torch.arange(len(images), device=images.device)
            chosen = increments[every, worst]
            return Perturbed(images=self.moved(images, chosen), increment=chosen)

    def search_passes(self) -> Passes:
        """Count one pass for each motion."""
        return Passes(forward=self.num_motions())

    def increments(self, images: Tensor, keys: Tensor) -> Tensor:
        """Return the motions as affine maps on images B C H W, beyond the identity, B N 2 3."""
        height, width = images.shape[-2:]
        limits = sent(self.limits(height, width), like=images)
        angle, right, down = (self.motions(keys) * limits).unbind(2)
        less, sine = angle.cos() - 1, angle.sin()
        along_x = torch.stack([less, -sine * height / width, right], dim=2)
        along_y = torch.stack([sine * width / height, less, down], dim=2)
        return torch.stack([along_x, along_y], dim=2)

    def limits(self, height: int, width: int) -> tuple[float, float, float]:
        """Return the largest rotation (radians), and translations along x and y (normalised
        units)."""
        if self.epsilon is not None:
            return largest_rotation(self.epsilon, height, width), self.epsilon, self.epsilon
        assert self.degrees is not None
        assert self.pixels is not None
        return math.radians(self.degrees), 2 * self.pixels / width, 2 * self.pixels / height

    def moved(self, images: Tensor, increments: Tensor) -> Tensor:
        """Move images B C H W by affine maps B 2 3; the identity leaves every bit as it was."""
        warped = affine_warp(images, increments, padding=self.padding).clamp(0, 1)
        is_identity = (increments == 0).all(2).all(1)
        return torch.where(is_identity[:, None, None, None], images, warped)

    def first_error(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Number of the first motion that makes the model err, B, int64; N where none does.

        What is left of the examples goes through the model with as many motions at a time as
        make up one batch of the size that was given.
        """
        increments = self.increments(images, keys)
        count = increments.shape[1]
        first = torch.full_like(labels, count)
        alive = torch.arange(len(labels), device=labels.device)
        tried = 0
        with frozen(model), torch.no_grad():
            while tried < count and len(alive):
                chunk = increments[alive, tried : tried + len(labels) // len(alive)]
                size = chunk.shape[1]
                candidates = self.moved(
                    images[alive].repeat_interleave(size, dim=0), chunk.flatten(0, 1)
                )
                predicted = answers(model(candidates)).unflatten(0, (-1, size))
                wrong = predicted != labels[alive, None]
                broken = wrong.any(1)
                first[alive[broken]] = tried + wrong[broken].byte().argmax(1)
                alive = alive[~broken]
                tried += size
        return first

    def scaled(self, factor: float) -> Self:
        """Scale whichever of the two forms was given by `factor`."""
        given = {"degrees": self.degrees, "pixels": self.pixels}
        lengths = {name: value * factor for name, value in given.items() if value is not None}
        return super().scaled(factor).model_copy(update=lengths)

    def threat(self) -> Threat:
        """Name the affine map, of which a motion is one."""
        return Threat(name=RIGID, size=self.size_of_set())

    def radius_warning(self, image_shape: tuple[int, int, int] | None) -> str:
        """Warn of a radius, or a translation in pixels, over half of the image."""
        if self.epsilon is not None:
            return warp_warning("epsilon", self.epsilon)
        assert self.pixels is not None
        return "" if image_shape is None else translation_warning(self.pixels, image_shape)

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say the range in the form that was given, with the other in parentheses."""
        _, height, width = image_shape
        angle, right, down = self.limits(height, width)
        if self.epsilon is not None:
            moved = f"{degrees(self.epsilon, image_shape)}, {pixels(self.epsilon, image_shape)}"
            return f"{self.epsilon:g} ({moved}, {self.padding})"
        smallest_box = max(affine_radius(angle, height, width), right, down)
        given = f"{self.degrees:g} deg, {self.pixels:g} px"
        return f"{given} ({two_digits(smallest_box)} affine, {self.padding})"


class RotationTranslationGrid(RigidSearch):
    """The worst case over a grid of motions that is the same for all examples; 775 by default."""

    num_rotations: _OddCount = Field(31, description="angles, evenly spaced over the range")
    num_translations: _OddCount = Field(5, description="translations along each axis, likewise")

    def num_motions(self) -> int:
        """Number of points of the whole grid."""
        return self.num_rotations * self.num_translations**2

    def motions(self, keys: Tensor) -> Tensor:
        """Return the grid, farthest from the identity first: there most of what breaks does."""
        angles, steps = (
            torch.arange(-(count // 2), count // 2 + 1) / max(1, count // 2)
            for count in (self.num_rotations, self.num_translations)
        )
        grid = torch.cartesian_prod(angles, steps, steps)
        order = grid.square().sum(1).argsort(descending=True, stable=True)
        return moved(grid[order], keys.device).expand(len(keys), -1, -1)

    def withstood(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        """Whether no motion of the grid makes the model err, 1 B: there is no ladder."""
        del ladder
        return (self.first_error(model, images, labels, keys) == self.num_motions())[None]

    def withstood_passes(self, ladder: tuple[int, ...]) -> Passes:
        """Count one pass for each motion."""
        del ladder
        return Passes(forward=self.num_motions())


class WorstOf(RigidSearch):
    """The worst of some motions drawn at random, uniform over the range, for each example anew.

    The clean image is not among them. The first of more choices are those of fewer, so that one
    run of a ladder's last rung gives all.
    """

    rung: ClassVar[str | None] = "num_choices"

    num_choices: Count = Field(10, description="motions drawn for each example")

    def num_motions(self) -> int:
        """Number of motions that are drawn for an example."""
        return self.num_choices

    def motions(self, keys: Tensor) -> Tensor:
        """Draw the motions: choice i is stream i of the example's key."""
        choices = [uniform(keys, stream=i, shape=(3,)) for i in range(self.num_choices)]
        return 2 * torch.stack(choices, dim=1) - 1

    def withstood(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
        ladder: tuple[int, ...],
    ) -> Tensor:
        """Whether none of the rung's choices makes the model err, L B."""
        longest = self.model_copy(update={"num_choices": ladder[-1]})
        first = longest.first_error(model, images, labels, keys)
        return torch.stack([first >= rung for rung in ladder])

    def withstood_passes(self, ladder: tuple[int, ...]) -> Passes:
        """Count one pass for each choice of the last rung."""
        return Passes(forward=ladder[-1])
