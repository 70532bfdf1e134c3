"""How often intervals hold the truth: the part that simulated and real draws have in common.

A draw is the bits of cells under some seeds on some images; the truth of its population is known.
What is judged is union accuracy against sacrificed natural accuracy. Beside the intervals of
`orchestrator.pareto` stand three that others use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.crossed import CrossedMeans, crossed_means
from orchestrator.pareto.dominance import hypervolume, non_dominated
from orchestrator.pareto.held import held
from orchestrator.pareto.many_fronts import volumes
from orchestrator.pareto.membership import Membership, membership
from orchestrator.pareto.resampling import resampled

MEASURES = ("natural_accuracy", "union_accuracy")
LEVEL = 0.9
RESAMPLES = 500

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Population:
    """What is true of cells, of which the first is the standard reference."""

    means: Floats  # C K, of `MEASURES`
    pairs: tuple[tuple[int, int], ...]  # of cells whose difference is judged
    near: tuple[tuple[int, int], ...]  # pairs of near-tied cells

    @property
    def reference_point(self) -> Floats:
        """A tenth of the sacrifices' range beyond the largest, and a union of 0."""
        sacrifices = objectives(self.means)[:, 0]
        return np.array([sacrifices.max() + 0.1 * np.ptp(sacrifices), 0.0])


def objectives(means: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Turn means (..., C, K) into what is minimised: sacrifice, and minus the union."""
    return np.stack([means[..., :1, 0] - means[..., 0], -means[..., 1]], axis=-1)


def judged(draws: Iterable[tuple[Population, npt.NDArray[Any]]]) -> dict[str, Any]:
    """Return the shares of draws (each C S K I) in which each interval holds what is true of the
    population beside it."""
    hits: dict[str, list[Any]] = {}
    for number, (population, scores) in enumerate(draws):
        for name, held_truth in _of_draw(population, scores, seed=number).items():
            hits.setdefault(name, []).append(held_truth)
    found: dict[str, Any] = {"draws": len(next(iter(hits.values())))}
    for name, values in hits.items():
        shares = np.mean(values, axis=0)  # of each cell or pair, and measure
        found[name] = round(float(np.mean(shares)), 4)
        if np.size(shares) > 1:
            found[f"{name}, lowest"] = round(float(np.min(shares)), 4)
    return found


def _of_draw(
    population: Population, scores: npt.NDArray[Any], *, seed: int
) -> Mapping[str, npt.NDArray[np.bool_] | np.bool_ | float]:
    truth = population.means
    cells = len(truth)
    crossed = crossed_means(scores)
    pairs, near = _contrasts(population.pairs, cells), _contrasts(population.near, cells)
    one = np.eye(cells)
    found = {
        "mean": _holds(crossed, one, truth),
        "difference": _holds(crossed, pairs, truth),
        "near-tied difference": _holds(crossed, near, truth),
        "sacrifice": _holds(crossed, one[0] - one[1:], truth)[:, 0],
    }
    draws = resampled(crossed, count=RESAMPLES, seed=seed)
    reference = population.reference_point
    known = hypervolume(objectives(truth), reference)
    points, drawn = objectives(crossed.means), objectives(draws)
    estimate = held(points, drawn, reference, level=LEVEL)
    found["hypervolume"] = np.bool_(estimate.low <= known <= estimate.high)
    found["hypervolume, seen too much by"] = estimate.seen / known - 1
    found["hypervolume, estimated too much by"] = estimate.value / known - 1
    said = membership(points, drawn)
    is_on = non_dominated(objectives(truth))
    known_cells = [it is not Membership.POSSIBLE for it in said]
    is_right = [
        it is Membership.POSSIBLE or (it is Membership.YES) == on
        for it, on in zip(said, is_on, strict=True)
    ]
    found["membership, all right"] = np.bool_(all(is_right))
    found["membership, said of cells"] = float(np.mean(known_cells))
    return found | _others(population, scores, crossed, drawn, known, seed=seed)


def _others(
    population: Population,
    scores: npt.NDArray[Any],
    crossed: CrossedMeans,
    drawn: npt.NDArray[Any],
    known: float,
    *,
    seed: int,
) -> dict[str, Any]:
    """What intervals would hold that are not used."""
    random = np.random.default_rng(seed)
    cells, seeds, measures, images = scores.shape
    truth = population.means
    by_seed = scores.mean(axis=3, dtype=np.float64)  # C S K
    chosen = random.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds  # B S
    of_seeds = np.einsum("bs,csk->bck", chosen, by_seed)
    drawn_images = random.multinomial(images, np.full(images, 1 / images), RESAMPLES) / images
    flat = scores.reshape(-1, images).astype(np.float32)
    on_images = (flat @ drawn_images.T.astype(np.float32)).reshape(cells, seeds, measures, -1)
    product = np.einsum("bs,cskb->bck", chosen, on_images)
    pairs = _contrasts(population.pairs, cells)
    volume = np.quantile(volumes(drawn, population.reference_point), [0.05, 0.95])
    seen = volumes(objectives(crossed.means)[None], population.reference_point)[0]
    half = (volume[1] - volume[0]) / 2
    return {
        "mean, seeds' percentiles": _inside(of_seeds, truth),
        "difference, seeds' percentiles": _inside(pairs @ of_seeds, pairs @ truth),
        "mean, product weights": _inside(product, truth),
        "difference, product weights": _inside(pairs @ product, pairs @ truth),
        "hypervolume, percentiles": np.bool_(volume[0] <= known <= volume[1]),
        "hypervolume, with its optimism": np.bool_(abs(seen - known) <= half),
    }


def _contrasts(pairs: Iterable[tuple[int, int]], cells: int) -> Floats:
    one = np.eye(cells)
    return np.array([one[first] - one[second] for first, second in pairs])


def _holds(crossed: CrossedMeans, contrasts: Floats, truth: Floats) -> npt.NDArray[np.bool_]:
    _, low, high = crossed.intervals(contrasts, LEVEL)
    known = contrasts @ truth
    return (low <= known) & (known <= high)


def _inside(draws: Floats, truth: Floats) -> npt.NDArray[np.bool_]:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return np.asarray((low <= truth) & (truth <= high))
