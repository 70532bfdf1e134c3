"""What paired differences allow one to say: better, worse, equivalent, or undecided.

A difference that is not significant is not shown to be none: that takes a margin, stated
beforehand, within which differences do not matter (Schuirmann, 1987, "A comparison of the two
one-sided tests procedure and the power approach for assessing the equivalence of average
bioavailability").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

LEAST_SEEDS = 5
"""Fewest paired seeds of which anything is claimed."""

SIGNIFICANCE = 0.05
"""Adjusted p below which two methods differ; each one-sided test of equivalence has it too."""


class Verdict(StrEnum):
    """All that may be said of one method beside another."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict and what it rests on."""

    verdict: Verdict
    why: str  # one sentence's end, for people


def mean_interval(differences: npt.ArrayLike, level: float) -> tuple[float, float] | None:
    """Return the t interval of the mean of `differences` (N,) at a `level` such as 0.95; None for
    fewer than two.

    mean -+ t(N - 1, (1 + level) / 2) s / sqrt(N), s with divisor N - 1.
    """
    values = np.array(differences, dtype=np.float64)
    if len(values) < 2:
        return None
    quantile = float(stdtrit(len(values) - 1, (1 + level) / 2))
    reach = quantile * float(values.std(ddof=1)) / len(values) ** 0.5
    return float(values.mean()) - reach, float(values.mean()) + reach


def judged(differences: npt.ArrayLike, *, adjusted_p: float, margin: float) -> Judgement:
    """Judge one method beside another by paired `differences` (N,), above 0 where it is better;
    they are shares of 1, as the margin is.

    Equivalent where the interval of 1 - 2 `SIGNIFICANCE` of the mean, which is two one-sided
    t tests, lies within `margin` of 0: whatever the sign, such a difference was said beforehand not
    to matter. Else better or worse where `adjusted_p` is below `SIGNIFICANCE`.
    """
    values = np.array(differences, dtype=np.float64)
    interval = mean_interval(values, 1 - 2 * SIGNIFICANCE)
    if len(values) < LEAST_SEEDS or interval is None:
        seeds = f"{len(values)} paired seed{'s' * (len(values) != 1)}"
        why = f"{seeds}, and nothing is claimed of fewer than {LEAST_SEEDS}"
        return Judgement(verdict=Verdict.UNDECIDED, why=why)
    if -margin < interval[0] and interval[1] < margin:
        why = f"the 90 % interval lies within the margin of {100 * margin:g} points"
        return Judgement(verdict=Verdict.EQUIVALENT, why=why)
    if adjusted_p < SIGNIFICANCE:
        verdict = Verdict.BETTER if values.mean() > 0 else Verdict.WORSE
        return Judgement(verdict=verdict, why=f"p {adjusted_p:.3g} after Holm")
    why = f"p {adjusted_p:.3g} after Holm, and the 90 % interval reaches beyond"
    why += f" {100 * margin:g} points"
    return Judgement(verdict=Verdict.UNDECIDED, why=why)
