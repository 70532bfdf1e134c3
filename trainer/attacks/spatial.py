"""Spatial attacks: the image is warped, no intensity is invented.

Radii are in normalised grid units (flow: 0.05 is 0.8 pixels at width 32) and in entries of the
affine matrix (rotation-translation: 0.1 is at most about 5.7 degrees, and 1.6 pixels at 32).
The clean image is warped by the projected parameters at every step; Eq. 9 of the paper, read
literally, would warp the warped image again, so that displacement grows like T(T+1)/2.
"""

from __future__ import annotations

import math

from pydantic import Field
from torch import Tensor

from trainer.attacks.ascent import AscentAttack, Component, Parameters
from trainer.attacks.pixel import default_step
from trainer.settings import NonNegative, Positive
from trainer.warp import Padding, affine_warp, flow_warp, integrated_warp

FLOW_UNIT = "normalised grid units; epsilon * width / 2 is pixels"
AFFINE_UNIT = "entries of the affine matrix; the last column's are normalised grid units"


class _Spatial(AscentAttack):
    padding: Padding = Field("zeros", description="what the warp reads outside the image")


class Flow(_Spatial):
    """A flow of its own for each pixel (Eq. 2; stAdv of Xiao et al., 2018, untargeted)."""

    epsilon: NonNegative = Field(description=f"radius of w_F in {FLOW_UNIT}")
    step_size: Positive | None = Field(
        None, description=f"in {FLOW_UNIT}; left out, 2.5 epsilon / num_steps"
    )

    def components(self, images: Tensor) -> tuple[Component, ...]:
        """w_F, 2 H W."""
        step_size = default_step(self.epsilon, self.num_steps, self.step_size)
        return (Component((2, *images.shape[-2:]), self.epsilon, step_size),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Each pixel read at its place plus w_F."""
        return flow_warp(images, parameters[0], padding=self.padding)

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """With the pixels that each may move along an axis."""
        return f"{self.epsilon:g} ({pixels(self.epsilon, image_shape)}, {self.padding})"


class RotationTranslation(_Spatial):
    """One affine map an image (Eq. 5, 6)."""

    epsilon: NonNegative = Field(description=f"radius of w_RT in {AFFINE_UNIT}")
    step_size: Positive | None = Field(
        None, description=f"in {AFFINE_UNIT}; left out, 2.5 epsilon / num_steps"
    )

    def components(self, images: Tensor) -> tuple[Component, ...]:
        """w_RT, 2 3."""
        del images
        step_size = default_step(self.epsilon, self.num_steps, self.step_size)
        return (Component((2, 3), self.epsilon, step_size),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """The image under identity + w_RT."""
        return affine_warp(images, parameters[0], padding=self.padding)

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """With the largest rotation and translation, each by itself."""
        moved = f"{degrees_of(self.epsilon)}, {pixels(self.epsilon, image_shape)}"
        return f"{self.epsilon:g} ({moved}, {self.padding})"


class Integrated(_Spatial):
    """Affine map and flow together, each with its radius and step (Eq. 7-9)."""

    rt_epsilon: NonNegative = Field(description=f"radius of w_RT in {AFFINE_UNIT}")
    flow_epsilon: NonNegative = Field(description=f"radius of w_F in {FLOW_UNIT}")
    rt_step_size: Positive | None = Field(
        None, description=f"in {AFFINE_UNIT}; left out, 2.5 rt_epsilon / num_steps"
    )
    flow_step_size: Positive | None = Field(
        None, description=f"in {FLOW_UNIT}; left out, 2.5 flow_epsilon / num_steps"
    )

    def components(self, images: Tensor) -> tuple[Component, ...]:
        """w_RT, 2 3, and w_F, 2 H W."""
        rt_step = default_step(self.rt_epsilon, self.num_steps, self.rt_step_size)
        flow_step = default_step(self.flow_epsilon, self.num_steps, self.flow_step_size)
        return (
            Component((2, 3), self.rt_epsilon, rt_step),
            Component((2, *images.shape[-2:]), self.flow_epsilon, flow_step),
        )

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Each pixel read at A_w (u, v, 1) + w_F."""
        increment, flow = parameters
        return integrated_warp(images, increment, flow, padding=self.padding)

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """The affine part's, then the flow's."""
        affine = f"{degrees_of(self.rt_epsilon)}, {pixels(self.rt_epsilon, image_shape)}"
        flow = f"{self.flow_epsilon:g} ({pixels(self.flow_epsilon, image_shape)}"
        return f"{self.rt_epsilon:g} ({affine}) + {flow}, {self.padding})"


def pixels(epsilon: float, image_shape: tuple[int, int, int]) -> str:
    """Normalised grid units as pixels along the width."""
    return f"{_two_digits(epsilon * image_shape[2] / 2)} px"


def degrees_of(epsilon: float) -> str:
    """The largest rotation whose affine entries, `cos - 1` and `sin`, are at most `epsilon`."""
    by_sine = math.asin(epsilon) if epsilon < 1 else math.pi
    rotation = min(by_sine, math.acos(max(1 - epsilon, -1)))
    return f"{_two_digits(math.degrees(rotation))} deg"


def _two_digits(value: float) -> str:
    """Two significant digits without an exponent."""
    return f"{float(f'{value:.2g}'):g}"
