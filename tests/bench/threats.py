"""Which radii of a data set tell methods apart: `python -m tests.bench.threats`.

Radii are a threat, not a knob of the result, so they are chosen from the standard and the
PGD-trained model alone, on validation images: at good radii the standard model withstands next to
nothing (its union is near 0), each of the PGD model's worst cases lies between 20 and 80 %, so that
there is room above and below it, and PGD training costs natural accuracy. For digits, each seed
trains a standard model, and a PGD one at each radius; one evaluation of each model under all radii
gives the bits of every combination of them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trainer.config import read_trial, with_preset
from trainer.data import fingerprint, load
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import evaluate, read_suite
from trainer.input.document import Document
from trainer.training.loop import train

RADII: dict[str, tuple[float, ...]] = {
    "pgd": (0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.3),
    "flow": (0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2),
    "rt": (0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.2, 0.25, 0.3),
}
STEPS = {"pgd": 50, "flow": 50, "rt": 50}

NEAR_NOTHING = 0.05
"""Union accuracy of the standard model that counts as none."""

ROOM = (0.2, 0.8)
"""Bounds of the PGD model's worst cases, between which methods can be told apart."""

COST = 0.01
"""Natural accuracy that PGD training must at least cost, for a front to have two directions."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What the two models do under a combination of radii: means over the seeds, fractions."""

    pgd: float
    flow: float
    rt: float
    standard_union: float
    pgd_worst: dict[str, float]
    pgd_union: float
    sacrificed: float

    @property
    def distance(self) -> float:
        """Return by how much, in accuracy, the rules are missed; 0 where all hold."""
        low, high = ROOM
        missed = [max(0.0, low - worst, worst - high) for worst in self.pgd_worst.values()]
        missed += [max(0.0, self.standard_union - NEAR_NOTHING), max(0.0, COST - self.sacrificed)]
        return max(missed)

    @property
    def rank(self) -> tuple[float, ...]:
        """Return what combinations are sorted by, the best least: the rules first; then the room
        that is left about one half, to 5 points, which is what so few images tell; then the natural
        accuracy that PGD training costs; then how far apart its worst cases lie, since the weakest
        of categories that differ decides the union alone."""
        worst = list(self.pgd_worst.values())
        off_centre = max(abs(each - 0.5) for each in worst)
        return (self.distance, int(off_centre / 0.05), -self.sacrificed, max(worst) - min(worst))


class _Silent:
    def step_done(self, checkpoint: Any) -> None: ...
    def epoch_done(self, row: Any, checkpoint: Any) -> None: ...


def trained_outcomes(method: str, epsilon: float, seed: int, *, validation: int) -> Outcomes:
    """Train a model on digits and try it on its validation images under all radii."""
    document = Document.from_plain(
        {
            "data": {"name": "digits", "validation": validation},
            "method": {"method": method},
            "training": {
                "epochs": 12,
                "epsilon_warmup": 4,
                "attacks": {"pgd": {"epsilon": epsilon}},
            },
            "validation": {"every": 100, "examples": 10},
            "fingerprint": "",
            "seed": seed,
        },
        "threats",
    )
    trial = read_trial(with_preset(document))
    trial = trial.model_copy(update={"fingerprint": fingerprint(trial.data)})
    cpu = torch.device("cpu")
    dataset = load(trial.data, cpu)
    model = train(trial, dataset, device=cpu, reporter=_Silent(), resume=None, micro_batches=1)
    return evaluate(model, read_suite(_suite()), dataset, progress=None)


def _suite() -> Document:
    restarts = {"rt": {"num_restarts": 4}}
    categories = {
        f"{label}_{radius:g}".replace(".", "_"): {
            "attack": label,
            "epsilon": radius,
            "ladder": [STEPS[label]],
            **restarts.get(label, {}),
        }
        for label, radii in RADII.items()
        for radius in radii
    }
    return Document.from_plain({"split": "validation", **categories}, "threats")


def _bits(outcomes: Outcomes, label: str, radius: float) -> npt.NDArray[np.bool_]:
    return outcomes.robust[f"{label}_{radius:g}".replace(".", "_")][0]


def candidates(
    standard: list[Outcomes], by_epsilon: dict[float, list[Outcomes]]
) -> Iterator[Candidate]:
    """Judge every combination of radii; models of one seed stand at one place in the lists."""
    for combination in product(*RADII.values()):
        radii = dict(zip(RADII, combination, strict=True))
        against = by_epsilon[radii["pgd"]]

        def union(models: list[Outcomes], radii: dict[str, float] = radii) -> float:
            unions = [
                np.logical_and.reduce([_bits(each, *item) for item in radii.items()]).mean()
                for each in models
            ]
            return float(np.mean(unions))

        yield Candidate(
            **radii,
            standard_union=union(standard),
            pgd_worst={
                label: float(np.mean([_bits(each, label, radius).mean() for each in against]))
                for label, radius in radii.items()
            },
            pgd_union=union(against),
            sacrificed=float(
                np.mean([each.natural_accuracy() for each in standard])
                - np.mean([each.natural_accuracy() for each in against])
            ),
        )


def main() -> None:
    """Print the combinations that keep the rules, or come nearest, best first."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validation", type=int, default=239, help="images held out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all combinations")
    parser.add_argument("--show", type=int, default=20, help="combinations to print")
    options = parser.parse_args()
    torch.set_num_threads(1)
    held_out = {"validation": options.validation}
    seeds = range(options.seeds)
    standard = [trained_outcomes("standard", 0.1, seed, **held_out) for seed in seeds]
    by_epsilon = {
        epsilon: [trained_outcomes("pgd", epsilon, seed, **held_out) for seed in seeds]
        for epsilon in RADII["pgd"]
    }
    found = sorted(candidates(standard, by_epsilon), key=lambda found: found.rank)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=1))
    for each in found[: options.show]:
        worst = "  ".join(f"{label} {value:5.1%}" for label, value in each.pgd_worst.items())
        print(
            f"{each.pgd:g} {each.flow:g} {each.rt:g}  missed {each.distance:.3f}  "
            f"standard union {each.standard_union:.1%}  PGD: {worst}  union {each.pgd_union:.1%}  "
            f"sacrificed {each.sacrificed:.1%}"
        )


if __name__ == "__main__":
    main()
