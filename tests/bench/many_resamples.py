"""Intervals and resamples of large sweeps: `python -m tests.bench.many_resamples`.

From bits in memory to how sure the front is: components and intervals, resamples, recurrence,
membership, hypervolume. A thousand models on ten thousand images with ten thousand resamples, and
ten thousand trials with four objectives. Seconds are the CPU's, of all threads; on the wall they
are fewer where cores are free, and more where they are not. Memory is the most that the process
held, the bits included.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from orchestrator.pareto.crossed import crossed_means
from orchestrator.pareto.held import held
from orchestrator.pareto.membership import membership, recurrence
from orchestrator.pareto.resampling import resampled

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of a sweep and what is asked of it."""

    cells: int
    seeds: int
    measures: int
    images: int
    resamples: int


SIZES = (
    Size(cells=200, seeds=5, measures=2, images=10_000, resamples=10_000),
    Size(cells=1_000, seeds=1, measures=2, images=10_000, resamples=10_000),
    Size(cells=2_000, seeds=5, measures=4, images=1_000, resamples=1_000),
)
"""A thousand models in two shapes, of which the second has a second seed in one cell; ten thousand
trials."""


def random_bits(size: Size) -> npt.NDArray[np.float32]:
    """Bits (C, S, K, I) of models that agree about the images."""
    random = np.random.default_rng(0)
    hardness = random.random((size.measures, size.images), dtype=np.float32)
    seeds = max(2, size.seeds)
    scores = np.full((size.cells, seeds, size.measures, size.images), np.nan, dtype=np.float32)
    for cell in range(size.cells):
        for seed in range(size.seeds if cell else seeds):
            noise = random.random(hardness.shape, dtype=np.float32)
            limits = random.random((size.measures, 1), dtype=np.float32)
            scores[cell, seed] = hardness + noise / 2 > limits
    return scores


def measured(size: Size) -> dict[str, Any]:
    """CPU seconds of each step, and gigabytes."""
    seconds: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Result]) -> Result:
        began = time.process_time()
        result = step()
        seconds[name] = time.process_time() - began
        return result

    scores = random_bits(size)
    crossed = timed("components", lambda: crossed_means(scores))
    timed("intervals", lambda: crossed.intervals(np.eye(size.cells), 0.9))
    draws = -timed("resamples", lambda: resampled(crossed, count=size.resamples, seed=1))
    timed("recurrence", lambda: recurrence(draws))
    timed("membership", lambda: membership(-crossed.means, draws))
    if size.measures == 2:
        reference = np.zeros(2)
        timed("hypervolume", lambda: held(-crossed.means, draws, reference, level=0.9))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    gigabytes = peak * (1 if sys.platform == "darwin" else 1024) / 1e9
    return {**asdict(size), "seconds": seconds, "gigabytes": gigabytes}


def main() -> None:
    """Print a row a size, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, choices=range(len(SIZES)), help="one of the sizes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = SIZES if options.size is None else SIZES[options.size : options.size + 1]
    found = [measured(size) for size in sizes]
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for row in found:
        steps = ", ".join(f"{name} {it:.1f}" for name, it in row["seconds"].items())
        shape = " x ".join(str(row[name]) for name in ("cells", "seeds", "measures", "images"))
        print(
            f"{shape}, {row['resamples']} resamples: {sum(row['seconds'].values()):.1f} s of CPU "
            f"({steps}), {row['gigabytes']:.2f} GB"
        )


if __name__ == "__main__":
    main()
