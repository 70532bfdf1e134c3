"""How sure a front of cells is: what is known of it, and why what is not known is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.pareto.evenness import Evenness
from orchestrator.pareto.held import Held
from orchestrator.pareto.membership import Membership


@dataclass(frozen=True, kw_only=True)
class Spacing:
    """How evenly a method's only setting that varies spaces its cells."""

    setting: str
    steps: Evenness


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """How sure a front of cells is. Its columns of each cell stand in the table of cells."""

    level: float
    """Level of each interval, and of all that membership follows from together."""

    seeds: tuple[int, int]
    """Fewest and most seeds of the cells that may be on the front; 0 where there are none."""

    images: int = 0
    """Images whose noise is in all of this; 0: that of seeds alone is."""

    why_no_images: str = ""
    """Why noise of images is not in it, where it is not."""

    why_no_reference: str = ""
    """Why noise of the standard reference is not in it, where an objective is counted from that."""

    resamples: int = 0
    """Resamples that recurrence, membership and hypervolume are of; 0: there are none of these."""

    why_no_resamples: str = ""
    """Why there are none, where there are intervals."""

    members: Mapping[Membership, int] | None = None
    """Number of cells by whether they are on the front; None: it is not known."""

    hypervolume: Held | None = None
    why_no_hypervolume: str = ""
    """Why there is none, where there are resamples."""

    spacing: Mapping[str, Spacing]
    """By method; of those with one setting that varies, a number, over three cells or more."""

    left_out: str = ""
    """Why there are no intervals at all, where there are none."""

    @property
    def noise(self) -> str:
        """Name what varies, as intervals have it."""
        return "seeds and images" if self.images else "seeds alone"


def counted(members: list[Membership]) -> Mapping[Membership, int]:
    """Count the cells of each membership."""
    counts = Counter(members)
    return {it: counts[it] for it in Membership}
