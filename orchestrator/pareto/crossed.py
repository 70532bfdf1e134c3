"""Means of cells over crossed seeds and images, with all that is known of their noise.

`crossed_means` takes the score of every model on every image and keeps what any number made of
the cells' means needs: how each mean moves with each image, with each seed, and with seeds that
nobody trained. From it come intervals (here) and resamples (`orchestrator.pareto.resampling`),
which therefore agree.

The noise of the vector of all means, over cells c and measures k, is taken as a sum of

- images: mean over images of u_i (m_cki - m_ck), m_cki the mean over the cell's seeds;
- seeds that were trained: sqrt(1 - w) times the deviations of the seeds' means;
- seeds as cells have them in general: sqrt(w) times a part that all cells share, seed by seed, and
  one of each cell's own, with the covariances between measures that all cells have on average.

w = d0 / (d0 + S - 1) is how far a cell's own seed variance is moderated (`prior_df`). What only one
seed does with one image is in the images' part already; it is taken out of both seeds' parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.components import Floats, effective_df, prior_df

Floats32 = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossedMeans:
    """Means of C cells under K measures, over S seeds and I images, and their noise.

    The noise's parts are scaled so that each is a sum of independent draws of variance 1.
    """

    means: Floats  # C K; of a cell without a seed NaN
    trained: npt.NDArray[np.bool_]  # C S: whether the cell has a model of the seed
    images: int  # that all models answered
    left_out: int  # images that some model did not
    by_image: Floats32  # C K I: deviations / sqrt(I (I - 1)); 0 where there is one image
    by_seed: Floats  # C K S: deviations, moderated
    shared: Floats  # K K: factor of the part that cells share, for one seed
    own: Floats  # K K: factor of each cell's own part, for one seed
    moderation: Floats  # C K: w, the share of all cells' seed variance in a cell's
    df: Floats  # C K: degrees of freedom of the cells' seed variances

    @property
    def seeds(self) -> npt.NDArray[np.int64]:
        """Number of seeds (C,) of each cell."""
        return np.asarray(self.trained.sum(axis=1), dtype=np.int64)

    @property
    def knows_images(self) -> bool:
        """Whether noise of images is known: not where scores are means over images already."""
        return self.images > 1

    def variances(self, weights: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return the variances (Q, K) of contrasts `weights` (Q, C), from images and from seeds."""
        contrasts = np.array(weights, dtype=np.float64)
        of_images = np.empty((len(contrasts), self.means.shape[1]))
        of_seeds = np.empty_like(of_images)
        each = self.trained / np.maximum(self.seeds, 1)[:, None]  # C S: weight of a seed's effect
        for k in range(self.means.shape[1]):
            moved = contrasts.astype(np.float32) @ self.by_image[:, k]
            of_images[:, k] = np.einsum("qi,qi->q", moved, moved, dtype=np.float64)
            general = contrasts * np.sqrt(self.moderation[:, k])
            of_seeds[:, k] = (
                np.sum((contrasts @ self.by_seed[:, k]) ** 2, axis=1)
                + np.sum((general @ each) ** 2, axis=1) * np.sum(self.shared[k] ** 2)
                + general**2 @ np.sum(each**2, axis=1) * np.sum(self.own[k] ** 2)
            )
        return of_images, of_seeds

    def intervals(self, weights: npt.ArrayLike, level: float) -> tuple[Floats, Floats, Floats]:
        """Return the values (Q, K) of contrasts `weights` (Q, C) and the ends of their intervals.

        A cell's mean is a contrast with one weight of 1; a difference of two has 1 and -1, and
        what cells sacrifice has 1 for the standard reference. value -+ t(df) sqrt(variance), with
        Satterthwaite's degrees of freedom (1946): V^2 / df = V_images^2 / (I - 1) + V_seeds^2 / d,
        d the smallest among the cells that have part.

        Raises:
            ValueError: no cell has two seeds, or one that has part has none.
        """
        from scipy.special import stdtrit  # noqa: PLC0415  # SciPy takes its time to import

        contrasts = np.array(weights, dtype=np.float64)
        self.require_seeds(contrasts)
        values = contrasts @ np.nan_to_num(self.means)
        of_images, of_seeds = self.variances(contrasts)
        has_part = contrasts != 0
        seed_df = np.stack([np.where(has_part, it, np.inf).min(axis=1) for it in self.df.T], axis=1)
        total = of_images + of_seeds
        spread = of_images**2 / max(1, self.images - 1) + of_seeds**2 / seed_df
        df = np.divide(total**2, spread, out=np.full_like(total, np.inf), where=spread > 0)
        reach = stdtrit(np.minimum(df, 1e9), (1 + level) / 2) * np.sqrt(total)
        return values, values - reach, values + reach

    def require_seeds(self, contrasts: npt.ArrayLike) -> None:
        """Raise ValueError unless the noise of seeds is known, of cells that all have one."""
        if not (self.seeds >= 2).any():
            raise ValueError(
                "seeds: a cell with two at least must be there, got none; without, how far another "
                "training would give other numbers cannot be told"
            )
        has_part = np.any(np.asarray(contrasts) != 0, axis=0)
        empty = has_part & (self.seeds == 0)
        if empty.any():
            raise ValueError(f"cells must have a seed, got none of cell {int(empty.argmax())}")


def crossed_means(scores: npt.ArrayLike) -> CrossedMeans:
    """Average `scores` (C, S, K, I) over seeds and images, and estimate their noise.

    Cells' seeds are paired: place s is the same seed for all. A model that is missing (failed, or
    never asked for) is NaN on every image under every measure; cells may have unequally many. An
    image that a model lacks is left out for all. Scores are fractions, such as bits or means over a
    ladder; with one image they are means over images, whose noise is then not known.

    Needs C K I + S K I numbers beside the scores.

    Raises:
        ValueError: another shape, or no image that all models answered.
    """
    array = np.asarray(scores)
    if array.ndim != 4 or 0 in array.shape:
        raise ValueError(f"scores must be of shape (C, S, K, I), none 0, got {array.shape}")
    is_there = np.isfinite(array)
    trained = is_there.any(axis=(2, 3))
    is_whole = np.where(trained[:, :, None, None], is_there, True).all(axis=(0, 1, 2))
    if not (trained.any() and is_whole.any()):
        raise ValueError("scores: an image that all models answered must be there, got none")
    if not is_whole.all():
        array = array[..., is_whole]
    return _estimated(array, trained, left_out=int((~is_whole).sum()))


@dataclass(frozen=True, kw_only=True)
class _Pooled:
    """Covariances (K, K) between measures, on average over cells."""

    shared: Floats  # of two cells
    own: Floats  # what a cell has beside that

    @classmethod
    def of(cls, own: Floats, all_products: Floats, trained: npt.NDArray[np.bool_]) -> _Pooled:
        """Estimate them from deviations of the cells' seeds from the cells' means.

        Args:
            own: products (K, K) of a cell's deviations, summed over seeds and cells.
            all_products: the same of the deviations' sums over cells.
        """
        counts = np.maximum(trained.sum(axis=1), 1)
        both = trained.astype(np.float64) @ trained.T
        lost = 1 - 1 / counts[:, None] - 1 / counts + both / np.outer(counts, counts)
        df = both * lost  # of two cells' products: S - 1 where both have the same S seeds
        of_own, of_pairs = float(np.trace(df)), float(df.sum() - np.trace(df))
        total = own / of_own if of_own > 0 else np.zeros_like(own)
        shared = (all_products - own) / of_pairs if of_pairs > 0 else np.zeros_like(own)
        return cls(shared=shared, own=total - shared)


def _estimated(
    array: npt.NDArray[np.floating], trained: npt.NDArray[np.bool_], *, left_out: int
) -> CrossedMeans:
    cells, seeds, measures, images = array.shape
    counts = trained.sum(axis=1)
    means = np.full((cells, measures), np.nan)
    deviations = np.zeros((cells, seeds, measures))
    by_image = np.zeros((cells, measures, images), dtype=np.float32)
    rest = np.zeros((measures, measures))  # products of what is left, summed over all
    summed = np.zeros((seeds, measures, images), dtype=np.float32)  # what is left, over cells
    for cell in np.flatnonzero(counts):
        has = trained[cell]
        scores = array[cell, has].astype(np.float32)
        by_seed = scores.mean(axis=2, dtype=np.float64)
        means[cell] = by_seed.mean(axis=0)
        deviations[cell, has] = by_seed - means[cell]
        scores -= by_seed[:, :, None].astype(np.float32)
        by_image[cell] = scores.mean(axis=0)
        scores -= by_image[cell]
        rest += _products(scores)
        summed[has] += scores
    raw = _Pooled.of(
        np.einsum("csk,csl->kl", deviations, deviations),
        _products(deviations.sum(axis=0)[..., None]),
        trained,
    )
    shared, own = raw.shared, raw.own
    if images > 1:
        by_image /= np.float32(np.sqrt(images * (images - 1)))
        left = _Pooled.of(rest / (images - 1), _products(summed) / (images - 1), trained)
        shared, own = shared - left.shared / images, own - left.own / images
    shared_factor, own_factor = _factor(shared), _factor(own)
    moderation, df = _moderated(deviations, counts)
    kept = _kept(shared_factor, raw.shared), _kept(own_factor, raw.own)
    scale = np.sqrt((1 - moderation) / np.maximum(counts * (counts - 1), 1)[:, None])
    return CrossedMeans(
        means=means,
        trained=trained,
        images=images,
        left_out=left_out,
        by_image=by_image,
        by_seed=np.swapaxes(_scaled(deviations, trained, *kept) * scale[:, None], 1, 2),
        shared=shared_factor,
        own=own_factor,
        moderation=moderation,
        df=df,
    )


def _products(deviations: npt.NDArray[np.floating]) -> Floats:
    """Products (K, K) of measures, summed over the seeds and images of `deviations` (S, K, I)."""
    products = np.matmul(deviations, np.swapaxes(deviations, 1, 2))
    return np.asarray(np.sum(products, axis=0, dtype=np.float64))


def _moderated(deviations: Floats, counts: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the share (C, K) of all cells' seed variance in a cell's, and its degrees of
    freedom."""
    moderation, df = np.ones((2, *deviations.shape[::2]))
    freedom = np.maximum(counts - 1, 0)
    is_several = freedom > 0
    for k in range(deviations.shape[2]):
        of_measure = deviations[:, :, k]
        variances = np.sum(of_measure**2, axis=1) / np.maximum(freedom, 1)
        prior = prior_df(variances, freedom)
        mean_df = float(freedom[is_several].mean()) if is_several.any() else 0.0
        most = effective_df(of_measure[is_several], mean_df)
        if np.isfinite(prior):
            moderation[is_several, k] = prior / (prior + freedom[is_several])
        df[:, k] = np.minimum(np.maximum(prior + freedom, 1), max(1.0, most))
    return moderation, df


def _scaled(
    deviations: Floats, trained: npt.NDArray[np.bool_], shared: Floats, own: Floats
) -> Floats:
    """Scale the part of `deviations` (C, S, K) that cells share by `shared` (K,), the rest by
    `own`; a single cell shares nothing."""
    if len(deviations) == 1:
        return deviations * own
    present = np.maximum(trained.sum(axis=0), 1)[:, None]
    common = deviations.sum(axis=0) / present * trained[:, :, None]
    return np.asarray(common * shared + (deviations - common) * own)


def _factor(covariance: Floats) -> Floats:
    """Return F (K, K) with F F' the nearest covariance to a symmetric matrix: none below 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _kept(factor: Floats, raw: Floats) -> Floats:
    """Return the share (K,) of standard deviations that is the seeds' own, of what seeds' means
    vary by."""
    estimated, seen = np.sum(factor**2, axis=1), np.diag(raw)
    share = np.divide(estimated, seen, out=np.zeros_like(estimated), where=seen > 0)
    return np.asarray(np.sqrt(np.minimum(share, 1.0)))
