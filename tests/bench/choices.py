"""What `batch_norm` and `precision` do to a trained model: `python -m tests.bench.choices`.

Pareto training (four branches) of a small network with BatchNorm on real images, by seeds: with a
joint pass for all branches, with a pass for each, and jointly under bfloat16. --data has MNIST and
CIFAR-10 (or a part of it) as torchvision lays them out. Evaluations are in float32.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import Any

import torch

from trainer.config import Trial, read_trial, with_preset
from trainer.data import load
from trainer.evaluation.suite import evaluate, read_suite
from trainer.input.document import Document
from trainer.training.loop import train

CHOICES: dict[str, dict[str, Any]] = {
    "joint": {},
    "separate": {"batch_norm": "separate"},
    "joint, bfloat16": {"precision": "bfloat16"},
}

_SUITE_MNIST = {
    "pgd": {"epsilon": 0.2, "ladder": [20]},
    "flow": {"epsilon": 0.05, "ladder": [20]},
    "rt": {"epsilon": 0.15, "num_restarts": 4, "ladder": [10]},
    "examples": 1000,
}
_SUITE_CIFAR = {
    "pgd": {"epsilon": "4/255", "ladder": [20]},
    "flow": {"epsilon": 0.02, "ladder": [20]},
    "rt": {"epsilon": 0.1, "num_restarts": 4, "ladder": [10]},
    "examples": 1000,
}


def _attacks(suite: dict[str, Any], num_steps: int) -> dict[str, Any]:
    radii = {label: suite[label]["epsilon"] for label in ("pgd", "flow", "rt")}
    return {
        label: {"epsilon": e, "step_size": None, "num_steps": num_steps}
        for label, e in radii.items()
    }


SETS: dict[str, dict[str, Any]] = {
    "mnist": {
        "data": {"name": "mnist", "train_examples": 4000},
        "suite": _SUITE_MNIST,
        "epochs": 8,
    },
    "cifar10": {
        "data": {"name": "cifar10", "verify": False, "validation": 500},
        "suite": _SUITE_CIFAR,
        "epochs": 10,
    },
}


class Silent:
    """A reporter that keeps nothing."""

    def step_done(self, checkpoint: Any) -> None: ...
    def epoch_done(self, row: Any, checkpoint: Any) -> None: ...


def trial_of(name: str, choice: dict[str, Any], *, root: str, seed: int) -> Trial:
    """One run."""
    described = SETS[name]
    training = {
        "epochs": described["epochs"],
        "batch_size": 100,
        "optimiser": {
            "name": "adam",
            "learning_rate": 2e-3,
            "schedule": [[0, 1], [0.6, 0.2]],
            "interpolation": "step",
        },
        "attacks": _attacks(described["suite"], 4),
        **choice,
    }
    document = Document.from_plain(
        {
            "data": {**described["data"], "root": root},
            "model": {"name": "tests.bench.networks:strided"},
            "method": {"method": "pareto", "rho": 0.6},
            "training": training,
            "validation": {"every": 100, "examples": 10},
            "fingerprint": "",
            "seed": seed,
        },
        "choices",
    )
    return read_trial(with_preset(document))


def measured(trial: Trial, suite: dict[str, Any]) -> dict[str, float]:
    """Accuracies of the trained model, percentage points."""
    cpu = torch.device("cpu")
    dataset = load(trial.data, cpu)
    model = train(trial, dataset, device=cpu, reporter=Silent(), resume=None, micro_batches=1)
    outcomes = evaluate(
        model, read_suite(Document.from_plain(suite, "suite")), dataset, progress=None
    )
    worst = {label: outcomes.worst_accuracy(label) for label in outcomes.robust}
    every = {"natural": outcomes.natural_accuracy(), **worst, "union": outcomes.union_accuracy()}
    return {label: 100 * value for label, value in every.items()}


def main() -> None:
    """Print a row a choice and data set: mean and standard deviation over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the real images")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for name, described in SETS.items():
        for label, choice in CHOICES.items():
            runs = []
            for seed in range(options.seeds):
                trial = trial_of(name, choice, root=options.data, seed=seed)
                runs.append(measured(trial, described["suite"]))
                print(name, label, seed, runs[-1], file=sys.stderr, flush=True)
            rows.append({"data": name, "choice": label, "runs": runs})
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        cells = []
        for measure in row["runs"][0]:
            values = [run[measure] for run in row["runs"]]
            cells.append(
                f"{measure} {statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"
            )
        print(f"{row['data']:8} {row['choice']:16} {'  '.join(cells)}")


if __name__ == "__main__":
    main()
