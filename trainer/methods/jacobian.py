"""Methods that combine the losses' gradients as a library does: PCGrad, CAGrad, UPGrad.

The library is TorchJD (Quinton and Rey, 2024), an optional extra. Its weightings see the gradients'
inner products, K K, in float64 on the host.
"""

from __future__ import annotations

import importlib.util
import warnings
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from trainer.device.transfer import sent
from trainer.input.settings import NonNegative
from trainer.methods.method import NATURAL, AttackNames, Method
from trainer.methods.weighting import Weighting

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch

EXTRA = "pareto-robustness-sweep[jacobian]"


class _Jacobian(Method):
    packages: ClassVar[tuple[str, ...]] = ("torchjd",)
    """Packages that it needs, all of them in the extra."""

    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    @model_validator(mode="after")
    def _packages_are_there(self) -> Self:
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            raise ValueError(
                f"method {type(self).__name__} must have the packages {', '.join(self.packages)}, "
                f"of which {', '.join(missing)} is not installed; pip install '{EXTRA}', on every "
                f"machine that runs trials"
            )
        return self

    def branches(self) -> tuple[str, ...]:
        return (NATURAL, *self.attack_names)

    def weighting(self) -> Weighting:
        of_library = self.library_weighting()

        def of_any_scale(gram: Tensor) -> Tensor:
            # Lengths in common change no weight, but the library takes a trace under 1e-4 for 0.
            return of_library(gram / gram.trace())

        return JacobianWeighting(len(self.branches()), of_any_scale)

    @abstractmethod
    def library_weighting(self) -> Callable[[Tensor], Tensor]:
        """Return the library's function from inner products, K K, to weights, K."""


class PcGrad(_Jacobian):
    """Training on the sum of gradients of which each has lost its conflicts with the others (Yu et
    al., 2020, Algorithm 1: "PCGrad", gradient surgery), in an order that is random in each step.
    The weights of losses that do not conflict are 1."""

    def library_weighting(self) -> Callable[[Tensor], Tensor]:
        from torchjd.aggregation import PCGradWeighting  # noqa: PLC0415  (an extra)

        weighting: Callable[[Tensor], Tensor] = PCGradWeighting()
        return weighting


class UpGrad(_Jacobian):
    """Training on the mean of gradients of which each is projected onto the cone of directions
    that no loss rises along (Quinton and Rey, 2024: "UPGrad")."""

    packages: ClassVar[tuple[str, ...]] = ("torchjd", "qpsolvers", "quadprog")

    def library_weighting(self) -> Callable[[Tensor], Tensor]:
        from torchjd.aggregation import UPGradWeighting  # noqa: PLC0415  (an extra)

        weighting: Callable[[Tensor], Tensor] = UPGradWeighting()
        return weighting


class CaGrad(_Jacobian):
    """Training along the direction, within `c |g_0|` of the mean gradient g_0, along which the loss
    that falls least falls most (Liu et al., 2021, Eq. 3: "CAGrad"). At c = 0 it is the mean."""

    packages: ClassVar[tuple[str, ...]] = ("torchjd", "cvxpy", "clarabel")

    c: NonNegative = Field(0.4, description="radius about the mean gradient, in its norms")

    def library_weighting(self) -> Callable[[Tensor], Tensor]:
        from torchjd.aggregation import CAGradWeighting  # noqa: PLC0415  (an extra)

        weighting: Callable[[Tensor], Tensor] = CAGradWeighting(c=self.c)
        return weighting


class JacobianWeighting(Weighting):
    """Weighs K gradients as a function of the library does."""

    def __init__(self, K: int, function: Callable[[Tensor], Tensor]) -> None:
        """Weigh K losses, each an objective."""
        super().__init__([1.0] * K)
        self.objectives = tuple((place,) for place in range(K))
        self._function = function
        self._seed = 0

    def begin(self, seed: int) -> None:
        self._seed = seed

    def weigh_gradients(self, products: Tensor) -> Tensor:
        gram = torch.tensor(products.double().sum(dim=0).tolist(), dtype=torch.float64)
        K = len(gram)
        if not gram.isfinite().all() or not gram.any():  # the loop says so, or nothing is left
            return sent([1 / K] * K, like=products)[None]
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the solver's own forms
            torch.manual_seed(self._seed)
            weights = self._function(gram)
        return sent(weights.tolist(), like=products)[None]
