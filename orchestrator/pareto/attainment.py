"""What a share of the seeds attains: surfaces of the empirical attainment function.

A seed attains an outcome where one of its points is at least as good in every objective. The 50 %
surface bounds what half of the seeds attain, as a median of fronts (Grunert da Fonseca, Fonseca and
Hall, 2001, "Inferential performance assessment of stochastic optimisers and the attainment
function"). Every objective is minimised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.dominance import non_dominated

LEAST_SEEDS = 8
"""Fewest seeds of which surfaces are drawn; fewer are shown as the staircases that they are."""

PERCENTAGES = (25, 50, 75)

Points = npt.NDArray[np.float64]


def attainment(
    by_seed: Sequence[npt.ArrayLike], percentages: Sequence[int] = PERCENTAGES
) -> Mapping[int, Points]:
    """Return the points (P, M) of the surfaces that these percentages of seeds attain.

    An outcome is attained by at least p % of the seeds where it is no better, in any objective,
    than some point of the surface of p. A seed without a point, as where all its trials failed, is
    a seed and attains nothing; a surface that too few attain has no points.

    Args:
        by_seed: of each seed the points (N, M) of all its cells; M is 2 or 3.

    Raises:
        ValueError: fewer than `LEAST_SEEDS` seeds, another number of objectives, or a number that
            is not finite.
    """
    from moocore import eaf  # noqa: PLC0415  # a quarter of a second that other commands need not

    fronts = staircases(by_seed)
    if len(fronts) < LEAST_SEEDS:
        raise ValueError(
            f"attainment needs at least {LEAST_SEEDS} seeds, got {len(fronts)}; show each seed's "
            "staircase"
        )
    objectives = {front.shape[1] for front in fronts if len(front)}
    if not objectives:
        return {percentage: np.empty((0, 2)) for percentage in percentages}
    if len(objectives) > 1 or not objectives <= {2, 3}:
        raise ValueError(f"attainment is of two or three objectives, got {sorted(objectives)}")
    # In moocore a seed without points is none, and infinity is none either with three objectives.
    nowhere = 1 + np.max([front.max(axis=0) for front in fronts if len(front)], axis=0)[None]
    filled = [front if len(front) else nowhere for front in fronts]
    sets = np.repeat(np.arange(len(filled)), [len(front) for front in filled])
    found = eaf(np.concatenate(filled), sets, percentiles=sorted(percentages))
    somewhere = found[np.all(found[:, :-1] < nowhere, axis=1)]
    return {it: somewhere[somewhere[:, -1] == it, :-1] for it in percentages}


def staircases(by_seed: Sequence[npt.ArrayLike]) -> list[Points]:
    """Return each seed's front, sorted by the first objective: their spread, and no more.

    Raises:
        ValueError: a number that is not finite.
    """
    fronts = []
    for points in by_seed:
        array = np.array(points, dtype=np.float64)
        front = np.unique(array[non_dominated(array)], axis=0) if array.size else array
        fronts.append(front.reshape(len(front), -1) if array.size else np.empty((0, 0)))
    return fronts
