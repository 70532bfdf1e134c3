"""Spatial attacks: the image is warped, no intensity is invented.

Radii are in normalised grid units (flow: 0.05 is 0.8 pixels at width 32) and in entries of the
affine matrix (rotation-translation: 0.1 is at most about 5.7 degrees, and 1.6 pixels at 32, with
shear and scale: any affine map whose entries are within the radius of the identity's).
The clean image is warped by the projected parameters at every step; what Eq. 9 of the paper says
when read literally is the option `warps` of `Integrated`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from trainer.attacks.ascent import AscentAttack, Component, Parameters
from trainer.attacks.pixel import default_step
from trainer.attacks.threat import Threat
from trainer.attacks.units import AFFINE_UNIT, FLOW_UNIT, affine_box, pixels, warp_warning
from trainer.input.settings import NonNegative, Positive
from trainer.warp import Padding, affine_warp, flow_warp, integrated_warp

if TYPE_CHECKING:
    from torch import Tensor


FLOW, RIGID = "flow", "rotation-translation"
"""Names of their threats, which other attacks search as well."""


class _Spatial(AscentAttack):
    padding: Padding = Field("zeros", description="what the warp reads outside the image")


class Flow(_Spatial):
    """Attack by a flow of each pixel's own (Eq. 2; stAdv of Xiao et al., 2018, untargeted)."""

    epsilon: NonNegative = Field(description=f"radius of w_F in {FLOW_UNIT}")
    step_size: Positive | None = Field(
        None, description=f"in {FLOW_UNIT}; left out, 2.5 epsilon / num_steps"
    )

    def components(self, images: Tensor) -> tuple[Component, ...]:
        """Return one component: the flow w_F, 2 H W."""
        step_size = default_step(self.epsilon, self.num_steps, self.step_size)
        return (Component((2, *images.shape[-2:]), self.epsilon, step_size),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Read each pixel at its place plus w_F."""
        return flow_warp(images, parameters[0], padding=self.padding)

    def warp_of(self, parameters: Parameters) -> dict[str, Tensor]:
        """Return w_F."""
        return {"flow": parameters[0]}

    def threat(self) -> Threat:
        """Name the flow."""
        return Threat(name=FLOW, size=self.size_of_set())

    def radius_warning(self, image_shape: tuple[int, int, int] | None) -> str:
        """Warn of the radius over half of the image."""
        del image_shape
        return warp_warning("epsilon", self.epsilon)

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say the radius, with the pixels that each may move along an axis."""
        return f"{self.epsilon:g} ({pixels(self.epsilon, image_shape)}, {self.padding})"


class RotationTranslation(_Spatial):
    """Attack by one affine map an image (Eq. 5, 6)."""

    epsilon: NonNegative = Field(description=f"radius of w_RT in {AFFINE_UNIT}")
    step_size: Positive | None = Field(
        None, description=f"in {AFFINE_UNIT}; left out, 2.5 epsilon / num_steps"
    )

    def components(self, images: Tensor) -> tuple[Component, ...]:
        """Return one component: the affine increment w_RT, 2 3."""
        del images
        step_size = default_step(self.epsilon, self.num_steps, self.step_size)
        return (Component((2, 3), self.epsilon, step_size),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Return the images under identity + w_RT."""
        return affine_warp(images, parameters[0], padding=self.padding)

    def warp_of(self, parameters: Parameters) -> dict[str, Tensor]:
        """Return w_RT."""
        return {"increment": parameters[0]}

    def threat(self) -> Threat:
        """Name the affine map."""
        return Threat(name=RIGID, size=self.size_of_set())

    def radius_warning(self, image_shape: tuple[int, int, int] | None) -> str:
        """Warn of the radius over half of the image."""
        del image_shape
        return warp_warning("epsilon", self.epsilon)

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say the radius, with the largest rotation and translation of the box, each by itself: the
        map is any affine one, shear and scale too."""
        return f"{self.epsilon:g} ({affine_box(self.epsilon, image_shape)}, {self.padding})"


class Integrated(_Spatial):
    """Attack by affine map and flow together, each with its radius and step (Eq. 7-9).

    Eq. 9 read literally, `warps="iterate"`, warps the image of the step before by the w that all
    steps have added up to. From w = 0 and until Eq. 8's projection binds, T steps then displace
    by step_size * T(T+1)/2, not step_size * T; each resampling blurs the last one's image; and
    the images leave the set that the radii state. On 200 MNIST images (a small CNN, trained
    against the default form; radii 0.1 and 0.05, 10 steps) a pixel's mean displacement was 15 of
    28 pixels, not 1.6, with 93 % of them beyond the set, and robust accuracy 0.015, not 0.31.
    """

    rt_epsilon: NonNegative = Field(description=f"radius of w_RT in {AFFINE_UNIT}")
    flow_epsilon: NonNegative = Field(description=f"radius of w_F in {FLOW_UNIT}")
    rt_step_size: Positive | None = Field(
        None, description=f"in {AFFINE_UNIT}; left out, 2.5 rt_epsilon / num_steps"
    )
    flow_step_size: Positive | None = Field(
        None, description=f"in {FLOW_UNIT}; left out, 2.5 flow_epsilon / num_steps"
    )
    warps: Literal["clean", "iterate"] = Field(
        "clean", description="image that a step warps: the clean one, or the step's before"
    )

    def components(self, images: Tensor) -> tuple[Component, ...]:
        """Return two components: the affine increment w_RT, 2 3, and the flow w_F, 2 H W."""
        rt_step = default_step(self.rt_epsilon, self.num_steps, self.rt_step_size)
        flow_step = default_step(self.flow_epsilon, self.num_steps, self.flow_step_size)
        return (
            Component((2, 3), self.rt_epsilon, rt_step),
            Component((2, *images.shape[-2:]), self.flow_epsilon, flow_step),
        )

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Read each pixel at A_w (u, v, 1) + w_F."""
        increment, flow = parameters
        return integrated_warp(images, increment, flow, padding=self.padding)

    def warp_of(self, parameters: Parameters) -> dict[str, Tensor]:
        """Return both; neither under the literal Eq. 9, which warps its own warped images."""
        increment, flow = parameters
        return {} if self.warps == "iterate" else {"increment": increment, "flow": flow}

    def rebased(self, base: Tensor, candidate: Tensor) -> Tensor:
        """Return the clean image still, or under the literal Eq. 9 what it has become."""
        return candidate if self.warps == "iterate" else base

    def threat(self) -> Threat:
        """Name both together: either alone is among its images."""
        return Threat(name="integrated", size=self.size_of_set(), contains=(FLOW, RIGID))

    def radius_warning(self, image_shape: tuple[int, int, int] | None) -> str:
        """Warn of a radius over half of the image."""
        del image_shape
        return warp_warning("rt_epsilon", self.rt_epsilon) or warp_warning(
            "flow_epsilon", self.flow_epsilon
        )

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say the affine radius, then the flow's, and whether they compound at each step."""
        affine = affine_box(self.rt_epsilon, image_shape)
        flow = f"{self.flow_epsilon:g} ({pixels(self.flow_epsilon, image_shape)}"
        compounding = ", again at each step" if self.warps == "iterate" else ""
        return f"{self.rt_epsilon:g} ({affine}) + {flow}, {self.padding}{compounding})"
