"""`front` on tables of very many trials: `python -m tests.bench.large_tables`.

The command itself, as a process with its imports: CPU seconds of all its threads, the most memory
that it held, and the pictures' sizes. Scores are normal, sacrifices follow them with noise; every
trial has a setting of its own, so that there are as many cells as trials. Two objectives on a
million rows, four on a hundred thousand.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

OBJECTIVES = ("robustness_score", "sacrificed_accuracy", "natural_accuracy", "union_accuracy")
SIZES = ((1_000_000, 2), (100_000, 4))
PICTURES = ("front.png", "front.svg")


def random_table(rows: int, seed: int) -> pd.DataFrame:
    """Trials of two methods with all of `OBJECTIVES`."""
    random = np.random.default_rng(seed)
    score = random.normal(0.2, 0.1, rows)
    return pd.DataFrame(
        {
            "trial_id": [f"t{k}" for k in range(rows)],
            "method": random.choice(["pgd", "pareto"], rows),
            "seed": 0,
            "status": "done",
            "natural_accuracy": random.random(rows),
            "union_accuracy": random.random(rows),
            "robustness_score": score,
            "sacrificed_accuracy": np.clip(score / 2 + random.normal(0, 0.1, rows), 0, 1),
            "on_front": False,
            "rho": random.random(rows),
        }
    )


def measured(rows: int, objectives: int) -> dict[str, Any]:
    """What the command takes on one such table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.csv"
        random_table(rows, seed=1).to_csv(path, index=False)
        names = [word for name in OBJECTIVES[:objectives] for word in ("--objective", name)]
        words = [sys.executable, "-m", "orchestrator.front", str(path), *names]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"the command failed: {os.waitstatus_to_exitcode(status)}")
        sizes = {name: (Path(folder) / name).stat().st_size for name in PICTURES}
    return {
        "rows": rows,
        "objectives": objectives,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_bytes": _peak_bytes(used),
        "picture_bytes": sizes,
    }


def _peak_bytes(used: resource.struct_rusage) -> int:
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Print a row a size, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, help="instead of both sizes, so many")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sizes = SIZES if arguments.rows is None else ((arguments.rows, 2), (arguments.rows, 4))
    found = [measured(*size) for size in sizes]
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    for row in found:
        megabytes = ", ".join(f"{k} {v / 1e6:.2f} MB" for k, v in row["picture_bytes"].items())
        print(
            f"{row['rows']:>9} x {row['objectives']}  {row['cpu_seconds']:6.1f} s of CPU  "
            f"{row['peak_bytes'] / 1e9:5.2f} GB  {megabytes}"
        )


if __name__ == "__main__":
    main()
