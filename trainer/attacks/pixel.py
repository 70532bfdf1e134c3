"""The sensitivity attack: projected gradient descent on pixel values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, ValidationInfo, field_validator

from trainer.attacks.ascent import AscentAttack, Component, Parameters
from trainer.attacks.norms import NORMS, NormName
from trainer.attacks.threat import Threat
from trainer.attacks.units import norm_warning, pixel_warning
from trainer.input.settings import NonNegative, Positive

if TYPE_CHECKING:
    from torch import Tensor


class PGD(AscentAttack):
    """PGD in the ball of a norm, within [0, 1] (Madry et al., 2018).

    Each step is the steepest of the norm (`trainer.attacks.norms`): the gradient's sign in the
    L-infinity norm, the gradient over its norm in L2, and in L1 the pixels of its largest entries,
    each to the end of its range (Croce and Hein, 2021). Radius and step are lengths in that norm.
    The projection onto the ball and [0, 1] is exact in the L-infinity and the L1 norm; in L2 the
    ball comes first, and pixels are then cut to their range.

    With `radius_decay: stages` radius and step are three times as large for the first three tenths
    of the steps and twice as large for the next three (Croce and Hein, 2021, section 3.2): a run in
    the L1 ball, whose few pixels hold it fast, gets by them further out. Of such a run only the
    iterates of its last stage count, in whose ball they lie.
    """

    norm: NormName = Field("linf", description="norm of the ball and of the steps")
    epsilon: NonNegative = Field(
        description="radius in pixels of [0, 1]; for 8-bit input write 8/255"
    )
    step_size: Positive | None = Field(
        None,
        description="in pixels of [0, 1], such as 2/255; left out, 2.5 epsilon / num_steps",
    )
    radius_decay: Literal["none", "stages"] = Field(
        "none", description="how radius and step shrink over the run, to epsilon and step_size"
    )

    @field_validator("epsilon", "step_size")
    @classmethod
    def _within_range(cls, length: float | None, info: ValidationInfo) -> float | None:
        if length is not None and length > 1 and info.data.get("norm") == "linf":
            raise ValueError("must be <= 1")
        return length

    def components(self, images: Tensor) -> tuple[Component, ...]:
        """Return one component: the difference of each pixel."""
        step_size = default_step(self.epsilon, self.num_steps, self.step_size)
        shape = tuple(images.shape[1:])
        return (Component(shape, self.epsilon, step_size, NORMS[self.norm]),)

    def in_stage(self, done: float) -> Self:
        """Return the attack of the stage that a run is in: of a larger radius and step."""
        factor = RADIUS_FACTORS[self.radius_decay](done)
        if factor == 1:
            return self
        step_size = None if self.step_size is None else factor * self.step_size
        return self.model_copy(update={"epsilon": factor * self.epsilon, "step_size": step_size})

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Return `images + delta`."""
        return images + parameters[0]

    def stepped(
        self, images: Tensor, parameters: Parameters, gradients: Parameters, *, share: float
    ) -> Parameters:
        """Take the steepest step of the norm, which in L1 knows the range of pixels; project."""
        ((delta,), (gradient,), (component,)) = parameters, gradients, self.components(images)
        length = share * component.step_size
        moved = delta + component.norm.climb(images, delta, gradient, length=length)
        return self.project(images, (moved,))

    def project(self, images: Tensor, parameters: Parameters) -> Parameters:
        """Project onto the ball and onto the differences that leave every pixel in [0, 1]."""
        (delta,) = parameters
        return (NORMS[self.norm].within_range(images, delta, self.epsilon),)

    def threat(self) -> Threat:
        """Name the ball by its norm."""
        return Threat(name=f"{self.norm} pixels", size=self.size_of_set())

    def radius_warning(self, image_shape: tuple[int, int, int] | None) -> str:
        """Warn of a radius by which every image can become one grey, or that is of another norm,
        and of steps that do not reach it."""
        if self.norm == "linf":
            return pixel_warning(self.epsilon)
        if warning := norm_warning(self.norm, self.epsilon, image_shape):
            return warning
        farthest = default_step(self.epsilon, self.num_steps, self.step_size) * self.num_steps
        if farthest >= self.epsilon:
            return ""
        return (
            f"step_size is {self.step_size:g} in the {self.norm} norm, and {self.num_steps} steps "
            f"go {farthest:g} of a radius of {self.epsilon:g}; write step_size: null for "
            f"2.5 epsilon / num_steps"
        )

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say the radius: in 255ths where it is a whole number of them and no short decimal; and
        the norm, where it is not L-infinity."""
        del image_shape
        decimal, steps = f"{self.epsilon:g}", self.epsilon * 255
        is_whole = abs(steps - round(steps)) < 1e-9
        radius = f"{round(steps)}/255" if is_whole and len(decimal) > 5 else decimal
        return radius if self.norm == "linf" else f"{radius} ({self.norm})"


def default_step(epsilon: float, num_steps: int, step_size: float | None) -> float:
    """Return the step size asked for, else 2.5 epsilon / num_steps: from any start every point of
    the ball is in reach, with some to spare (Madry et al., 2018)."""
    return 2.5 * epsilon / num_steps if step_size is None else step_size


RADIUS_FACTORS: dict[str, Callable[[float], float]] = {
    "none": lambda done: 1.0,
    "stages": lambda done: 3.0 if done <= 0.3 else 2.0 if done <= 0.6 else 1.0,
}
"""By what the radius is larger than epsilon, by schedule, when `done`, in [0, 1], of the steps are
taken."""
