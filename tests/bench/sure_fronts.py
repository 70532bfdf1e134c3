"""How sure a front of very many trials is: `python -m tests.bench.sure_fronts`.

Intervals, resamples, recurrence, membership and the hypervolume of a table of trials, from marks of
every model on every image as `orchestrator.results.answers` reads them: CPU seconds, wall seconds
and the most memory held, each size in a process of its own. Cells have five seeds; objectives vary
by cell, seed and image, and bits follow from them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.pareto.answers import Answers
from orchestrator.pareto.front import extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.table.objectives import parse_objectives

NAMES = ("union_accuracy", "natural_accuracy", "robust_accuracy_pgd", "robust_accuracy_rt")
SEEDS = 5
SIZES = ((10_000, 4, 1_000), (10_000, 2, 1_000), (1_000, 4, 10_000), (1_000, 2, 10_000))
"""Trials, objectives and images."""


def drawn(trials: int, objectives: int, images: int) -> tuple[pd.DataFrame, Answers]:
    """A table of so many trials, and the marks that its numbers are means of."""
    random = np.random.default_rng(0)
    cells = trials // SEEDS
    strength = random.random(cells)  # what one objective gains, another loses
    sides = np.array([1, -1, 1, -1])[:objectives]
    means = (
        0.5 + 0.3 * np.outer(strength - 0.5, sides) + random.normal(0, 0.03, (cells, objectives))
    )
    hardness = random.normal(0, 0.1, (objectives, images))
    marks, rows = {}, []
    for cell in range(cells):
        for seed in range(SEEDS):
            luck = random.normal(0, 0.01, (objectives, 1))
            right = random.random((objectives, images)) < means[cell][:, None] + hardness + luck
            trial_id = f"t{cell}-{seed}"
            marks[trial_id] = right.astype(np.uint8)
            rows.append(
                (trial_id, "pareto", seed, "done", *right.mean(axis=1), False, strength[cell])
            )
    names = NAMES[:objectives]
    columns = ["trial_id", "method", "seed", "status", *names, "on_front", "rho"]
    answers = Answers(columns=names, full=(1,) * objectives, signs=(1,) * objectives, marks=marks)
    return pd.DataFrame(rows, columns=columns), answers


def measured(trials: int, objectives: int, images: int) -> dict[str, Any]:
    """What one such table takes, its making left out."""
    table, answers = drawn(trials, objectives, images)
    front = extract_front(
        table,
        objectives=parse_objectives(NAMES[:objectives]),
        reference_point=(0.0,) * objectives,
        keep_collapsed=False,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    found = with_certainty(front, table, answers).certainty
    assert found is not None
    assert found.members is not None
    return {
        "trials": trials,
        "objectives": objectives,
        "images": found.images,
        "resamples": found.resamples,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        * (1 if sys.platform == "darwin" else 1024),
    }


def main() -> None:
    """Print a row a size, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, nargs=3, metavar=("TRIALS", "OBJECTIVES", "IMAGES"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sizes = SIZES if arguments.size is None else (tuple(arguments.size),)
    found = []
    for size in sizes:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found.append(pool.apply(measured, size))
        row = found[-1]
        if not arguments.json:
            print(
                f"{row['trials']:>6} x {row['objectives']} objectives x {row['images']:>6} images  "
                f"{row['resamples']} resamples  {row['seconds']:6.1f} s  "
                f"{row['cpu_seconds']:6.1f} s of CPU  {row['peak_bytes'] / 1e9:5.2f} GB",
                flush=True,
            )
    if arguments.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
