"""Which radii of a data set tell methods apart: `python -m tests.bench.threats`.

Radii are a threat, not a knob of the result, so they are chosen from the standard and the
PGD-trained model alone, on validation images: at good radii the standard model withstands next to
nothing (its union is near 0), each of the PGD model's worst cases lies between 20 and 80 %, so that
there is room above and below it, and PGD training costs natural accuracy. Each seed trains a
standard model, and a PGD one at each radius; one evaluation of each model under all radii gives the
bits of every combination of them.
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


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is trained on a data set, as its sweep file trains it, and the radii that are tried."""

    settings: dict[str, Any]
    radii: dict[str, tuple[float, ...]]
    examples: int | None = None
    """Validation images of an evaluation; None: all that are held out."""


STUDIES = {
    "digits": Study(
        settings={
            "data": {"name": "digits", "validation": 239},
            "training": {"epochs": 12, "epsilon_warmup": 4},
        },
        radii={
            "pgd": (0.1, 0.125, 0.15, 0.175, 0.2, 0.225, 0.25, 0.3),
            "flow": (0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2),
            "rt": (0.05, 0.08, 0.1, 0.12, 0.15, 0.18, 0.2, 0.25, 0.3),
        },
    ),
    "fashion_mnist": Study(
        settings={
            "data": {
                "name": "fashion_mnist",
                "root": "data",
                "train_examples": 4000,
                "validation": 1000,
            },
            "model": {"name": "cnn", "channels": [16, 32], "kernel_size": 3, "hidden": 128},
            "training": {
                "epochs": 8,
                "epsilon_warmup": 3,
                "attacks": {"pgd": {"num_steps": 5}},
            },
        },
        radii={
            "pgd": (0.05, 0.075, 0.1, 0.15),
            "flow": (0.02, 0.03, 0.04, 0.06, 0.08, 0.1),
            "rt": (0.03, 0.05, 0.08, 0.1, 0.15, 0.2),
        },
        examples=300,
    ),
}
STEPS = 50

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


def trained_outcomes(study: Study, method: str, epsilon: float, seed: int) -> Outcomes:
    """Train a model and try it on validation images under all radii of the study."""
    radius = {"epsilon": epsilon, "step_size": None}
    varied = {
        "method": {"method": method},
        "training": {"attacks": {"pgd": radius}},
        "validation": {"every": 100, "examples": 10},
        "fingerprint": "",
        "seed": seed,
    }
    settings = Document.from_plain(study.settings, "threats")
    document = Document.from_plain(varied, "threats").merged_over(settings)
    trial = read_trial(with_preset(document))
    trial = trial.model_copy(update={"fingerprint": fingerprint(trial.data)})
    cpu = torch.device("cpu")
    dataset = load(trial.data, cpu)
    model = train(trial, dataset, device=cpu, reporter=_Silent(), resume=None, micro_batches=1)
    return evaluate(model, read_suite(_suite(study)), dataset, progress=None)


def _suite(study: Study) -> Document:
    restarts = {"rt": {"num_restarts": 4}}
    categories = {
        f"{label}_{radius:g}".replace(".", "_"): {
            "attack": label,
            "epsilon": radius,
            "ladder": [STEPS],
            **restarts.get(label, {}),
        }
        for label, radii in study.radii.items()
        for radius in radii
    }
    examples = {} if study.examples is None else {"examples": study.examples}
    return Document.from_plain({"split": "validation", **examples, **categories}, "threats")


def _bits(outcomes: Outcomes, label: str, radius: float) -> npt.NDArray[np.bool_]:
    return outcomes.robust[f"{label}_{radius:g}".replace(".", "_")][0]


def candidates(
    radii: dict[str, tuple[float, ...]],
    standard: list[Outcomes],
    by_epsilon: dict[float, list[Outcomes]],
) -> Iterator[Candidate]:
    """Judge every combination of radii; models of one seed stand at one place in the lists."""
    for values in product(*radii.values()):
        combination = dict(zip(radii, values, strict=True))
        against = by_epsilon[combination["pgd"]]

        def union(models: list[Outcomes], under: dict[str, float] = combination) -> float:
            unions = [
                np.logical_and.reduce([_bits(each, *item) for item in under.items()]).mean()
                for each in models
            ]
            return float(np.mean(unions))

        yield Candidate(
            **combination,
            standard_union=union(standard),
            pgd_worst={
                label: float(np.mean([_bits(each, label, radius).mean() for each in against]))
                for label, radius in combination.items()
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
    parser.add_argument("--data", choices=STUDIES, default="digits")
    parser.add_argument("--root", metavar="FOLDER", help="where the data set's files lie")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all combinations")
    parser.add_argument("--show", type=int, default=20, help="combinations to print")
    options = parser.parse_args()
    torch.set_num_threads(1)
    study = STUDIES[options.data]
    if options.root:
        study.settings["data"]["root"] = options.root
    seeds = range(options.seeds)
    standard = [trained_outcomes(study, "standard", 0.1, seed) for seed in seeds]
    by_epsilon = {
        epsilon: [trained_outcomes(study, "pgd", epsilon, seed) for seed in seeds]
        for epsilon in study.radii["pgd"]
    }
    every = candidates(study.radii, standard, by_epsilon)
    found = sorted(every, key=lambda found: found.rank)
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
