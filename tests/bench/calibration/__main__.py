"""Do intervals hold the truth as often as they say: `python -m tests.bench.calibration PART`.

`simulate` draws from a population that is known, in some minutes. `record` trains and attacks the
models of the study on real images, in 3 hours of one core at the lowest priority; it goes on where
it was stopped, and two at once may share the seeds (`--first 0 --last 19`, `--first 20`). `judge`
draws from what they left.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from tests.bench.calibration.coverage import judged
from tests.bench.calibration.simulated import (
    RECORDED,
    population_of,
    recorded,
    shares_of,
    simulated,
)
from tests.bench.calibration.study import DRAWN_SEEDS, SEEDS, drawn, packed, record, unpacked

FOLDER = Path("docs/calibration")
SIMULATED_SEEDS = (3, 5, 8)
IMAGES = 500


def simulate(draws: int) -> dict[str, Any]:
    """Judge draws of the simulated population, by their number of seeds."""
    means, shares = shares_of(recorded(RECORDED))
    population = population_of(means)
    return {
        str(seeds): judged(
            (population, scores)
            for scores in simulated(population, shares, seeds=seeds, images=IMAGES, draws=draws)
        )
        for seeds in SIMULATED_SEEDS
    }


def main() -> None:
    """Run one part of the study."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=["simulate", "record", "judge"])
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--data", help="folder of the real images")
    parser.add_argument("--work", type=Path, help="folder in which each model's bits are kept")
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--last", type=int, default=SEEDS - 1, help="seed")
    options = parser.parse_args()
    if options.part == "simulate":
        _write("simulated", simulate(options.draws))
        return
    if options.work is None or (options.part == "record" and options.data is None):
        parser.error("record needs --work and --data, judge needs --work")
    if options.part == "record":
        os.nice(19)
        seeds = range(options.first, options.last + 1)
        record(options.work, root=options.data, seeds=seeds)
        return
    data = packed(options.work)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "fashion.json.xz").write_bytes(data)
    _write("fashion", {str(DRAWN_SEEDS): judged(drawn(unpacked(data), options.draws))})


def _write(name: str, found: Any) -> None:
    text = json.dumps(found, indent=1) + "\n"
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
