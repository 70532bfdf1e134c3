"""Losses that a person states, for a preview of what each r and rho would weigh on them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from trainer.input.problems import BadInput, Problem, shown
from trainer.input.settings import parse_number

EXAMPLE = "natural=0.6,pgd=1.6,flow=1.4,rt=0.8"


@dataclass(frozen=True, kw_only=True)
class StatedLosses:
    """Means of losses by branch, and second moments, as far as they are stated."""

    means: Mapping[str, float]
    products: Mapping[frozenset[str], float] = field(default_factory=dict)
    """Mean of the product of the losses of two branches, or of the square of one's."""

    def check(self, every: Collection[tuple[str, ...]]) -> None:
        """Check that they are of the branches of a sweep's Pareto training, of all of them.

        Args:
            every: branches of each cell of it.

        Raises:
            BadInput: a name that is no branch, or a branch without a loss.
        """
        branches = dict.fromkeys(branch for its in every for branch in its)
        if not branches:
            raise _wrong("must be left out of a sweep without Pareto training")
        named = {*self.means, *(name for pair in self.products for name in pair)}
        if unknown := sorted(named - branches.keys()):
            raise _wrong(f"must be of {', '.join(branches)}, got {', '.join(map(shown, unknown))}")
        if missing := [branch for branch in branches if branch not in self.means]:
            raise _wrong(f"must have the loss of each branch, got none of {', '.join(missing)}")

    def moments(
        self, branches: tuple[str, ...]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return second moments (K, K) and means (K,) of K branches; of a pair whose product is not
        stated the product of the means."""
        m = np.array([self.means[branch] for branch in branches])
        second = np.outer(m, m)
        for i, one in enumerate(branches):
            for j, other in enumerate(branches):
                second[i, j] = self.products.get(frozenset((one, other)), second[i, j])
        return second, m


def read_losses(text: str) -> StatedLosses:
    """Read `natural=0.6,pgd=1.6`, and second moments such as `pgd*flow=2.5`.

    Raises:
        BadInput: what is wrong with it.
    """
    means: dict[str, float] = {}
    products: dict[frozenset[str], float] = {}
    for part in text.split(","):
        name, equals, written = (each.strip() for each in part.partition("="))
        if not (name and equals):
            raise _wrong(f"must be BRANCH=LOSS with commas between, got {shown(text)}")
        try:
            value = parse_number(written)
        except ValueError as error:
            raise _wrong(f"of {name} {error}, got {shown(written)}") from error
        if not isinstance(value, float) or not math.isfinite(value) or value < 0:
            raise _wrong(f"of {name} must be a number >= 0, got {shown(written)}")
        one, star, other = (each.strip() for each in name.partition("*"))
        place = frozenset((one, other)) if star else None
        if name in means or place in products:
            raise _wrong(f"must have {name} once, got it twice")
        if place is None:
            means[name] = value
        else:
            products[place] = value
    for pair, product in products.items():
        branch = next(iter(pair))
        if len(pair) == 1 and product < means.get(branch, 0.0) ** 2 * (1 - 1e-9):
            least = means[branch] ** 2
            raise _wrong(f"of {branch}*{branch} must be at least its mean squared, {least:g}")
    return StatedLosses(means=means, products=products)


def _wrong(message: str) -> BadInput:
    return BadInput(Problem("--losses", "", f"{message}; such as {EXAMPLE}"))
