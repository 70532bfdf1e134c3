"""What makes accuracies vary: other seeds, other images, and how the two meet.

A cell (a method and its settings) is trained under several seeds, and every model answers the same
images: seeds and images are crossed. Each score is taken as

    x_csi = mu_c + a_cs + b_ci + e_csi

with a seed's effect, an image's effect, and what only that seed does with that image. Components
are estimated by the method of moments (Henderson, 1953; of crossed arrays Owen and Eckles, 2012,
"Bootstrapping data arrays of arbitrary order"), which takes nothing for normal.

Three or five seeds say little of one cell's seed variance. So it is moderated: each cell's own is
averaged with that of all cells, with a weight that follows from how much cells differ (Smyth, 2004,
"Linear models and empirical Bayes methods for assessing differential expression"). Cells of one
seed share their start, so that a seed has a part in common to all cells beside the one of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Components:
    """Variances of one score of one cell; an estimate may be below 0, as a small true one will."""

    seed: float
    image: float
    rest: float  # seed x image, with whatever else is not repeated


def components(scores: npt.ArrayLike) -> Components:
    """Estimate the components of a whole array of `scores` (S, I), seeds by images.

    From the mean squares of seeds, images and what is left: E MS_S = I seed + rest,
    E MS_I = S image + rest, E MS_SI = rest.

    Raises:
        ValueError: fewer than two seeds or images, or a score that is not finite.
    """
    array = np.array(scores, dtype=np.float64)
    if array.ndim != 2 or min(array.shape) < 2 or not np.isfinite(array).all():
        raise ValueError(
            f"scores must be finite, of shape (S, I) with two seeds and images at least, "
            f"got shape {array.shape}"
        )
    seeds, images = array.shape
    by_seed, by_image = array.mean(axis=1), array.mean(axis=0)
    left = array - by_seed[:, None] - by_image + array.mean()
    rest = float(np.sum(left**2)) / ((seeds - 1) * (images - 1))
    return Components(
        seed=float(by_seed.var(ddof=1)) - rest / images,
        image=float(by_image.var(ddof=1)) - rest / seeds,
        rest=rest,
    )


def prior_df(variances: npt.ArrayLike, df: npt.ArrayLike) -> float:
    """Estimate how many degrees of freedom the common variance of cells is worth beside a cell's
    own: infinite where sample `variances` (C,) of `df` (C,) differ by no more than chance.

    True variances are taken as scaled inverse chi-squared with this many degrees of freedom d0.
    Then log s^2 varies by trigamma(df / 2) + trigamma(d0 / 2), which is solved for d0 (Smyth, 2004,
    section 6.2). Cells without degrees of freedom or variance say nothing; 0 with fewer than three
    that do: there is nothing to learn the common variance from.
    """
    from scipy.special import polygamma, psi  # noqa: PLC0415  # SciPy takes its time to import

    own, freedom = np.array(variances, dtype=np.float64), np.array(df, dtype=np.float64)
    says = (freedom > 0) & (own > 0)
    own, freedom = own[says], freedom[says]
    if len(own) < 3:
        return 0.0
    logs = np.log(own) - psi(freedom / 2) + np.log(freedom / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, freedom / 2).mean())
    if excess <= 0:
        return float("inf")
    return 2 * _inverse_trigamma(excess)


def _inverse_trigamma(value: float) -> float:
    """Solve trigamma(x) = `value` > 0 by Newton's steps on 1 / trigamma (Smyth, 2004, appendix)."""
    from scipy.special import polygamma  # noqa: PLC0415

    if value > 1e7:
        return float(1 / np.sqrt(value))
    if value < 1e-6:
        return 1 / value
    at = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, at))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, at))
        at += step
        if -step / at < 1e-10:
            break
    return at


def effective_df(deviations: npt.ArrayLike, df: float) -> float:
    """Return the degrees of freedom of the mean over cells of variances that are estimated together
    from `deviations` (C, S), each of which alone has `df`.

    With the cells' sample covariance Sigma it is worth df tr(Sigma)^2 / tr(Sigma^2) of them: df
    where all cells move as one, C df where each moves alone. Both traces are estimated without bias
    for normal effects (Bai and Saranadasa, 1996, "Effect of high dimension: by an example of a two
    sample problem"); the result is kept within df and C df.
    """
    moved = np.array(deviations, dtype=np.float64)
    trace = float(np.sum(moved**2)) / df if df > 0 else 0.0
    if df <= 1 or trace <= 0:
        return float(df)
    of_product = float(np.sum((moved.T @ moved) ** 2)) / df**2  # tr of the squared sample matrix
    squared = of_product - trace**2 / df  # tr(Sigma^2), and below tr(Sigma)^2, but for one factor
    if squared <= 0:
        return df * len(moved)
    of_trace = (1 + 1 / df) * trace**2 - 2 / df * of_product
    return min(df * len(moved), max(df, df * of_trace / squared))
