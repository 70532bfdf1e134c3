"""The sensitivity attack: projected gradient descent on pixel values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from trainer.attacks.ascent import AscentAttack, Component, Parameters
from trainer.attacks.units import pixel_warning
from trainer.input.settings import Real, Share

if TYPE_CHECKING:
    from torch import Tensor


class PGD(AscentAttack):
    """PGD in the L-infinity ball, within [0, 1] (Madry et al., 2018)."""

    epsilon: Share = Field(description="radius in pixels of [0, 1]; for 8-bit input write 8/255")
    step_size: Annotated[Real, Field(gt=0, le=1)] | None = Field(
        None,
        description="in pixels of [0, 1], such as 2/255; left out, 2.5 epsilon / num_steps",
    )

    def components(self, images: Tensor) -> tuple[Component, ...]:
        """Return one component: the difference of each pixel."""
        step_size = default_step(self.epsilon, self.num_steps, self.step_size)
        return (Component(tuple(images.shape[1:]), self.epsilon, step_size),)

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Return `images + delta`."""
        return images + parameters[0]

    def project(self, images: Tensor, parameters: Parameters) -> Parameters:
        """Project onto the ball and onto the differences that leave every pixel in [0, 1]."""
        (delta,) = parameters
        return ((images + delta.clamp(-self.epsilon, self.epsilon)).clamp(0, 1) - images,)

    def radius_warning(self, image_shape: tuple[int, int, int] | None) -> str:
        """Warn of a radius by which every image can become one grey."""
        del image_shape
        return pixel_warning(self.epsilon)

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say the radius: in 255ths where it is a whole number of them and no short decimal."""
        del image_shape
        decimal, steps = f"{self.epsilon:g}", self.epsilon * 255
        is_whole = abs(steps - round(steps)) < 1e-9
        return f"{round(steps)}/255" if is_whole and len(decimal) > 5 else decimal


def default_step(epsilon: float, num_steps: int, step_size: float | None) -> float:
    """Return the step size asked for, else 2.5 epsilon / num_steps: from any start every point of
    the ball is in reach, with some to spare (Madry et al., 2018)."""
    return 2.5 * epsilon / num_steps if step_size is None else step_size
