"""Real models of which the truth is nearly known: forty seeds a cell, ten thousand images each.

A draw is five of the seeds and 500 images; the truth beside it is the mean over all forty seeds and
5,000 other images. For each draw the images are cut anew, so that no one cut decides. Cells are
cheap ones (a small network, 2,000 training images of Fashion-MNIST, three attacks of ten steps):
what is judged are intervals, not methods. Two pairs are near-tied by their settings.
"""

from __future__ import annotations

import base64
import json
import lzma
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tests.bench.calibration.coverage import MEASURES, Population
from tests.bench.choices import Silent
from trainer.config import Trial, read_trial, with_preset
from trainer.data import load
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import evaluate, read_suite
from trainer.input.document import Document
from trainer.training.loop import train

CELLS: dict[str, dict[str, Any]] = {
    "standard": {"method": "standard"},
    "pgd 0.6": {"method": "pgd", "natural_weight": 0.6},
    "pgd 0.58": {"method": "pgd", "natural_weight": 0.58},
    "average 0.5": {"method": "average", "natural_weight": 0.5},
    "pareto 0.3": {"method": "pareto", "rho": 0.3},
    "pareto 0.5": {"method": "pareto", "rho": 0.5},
    "pareto 0.51": {"method": "pareto", "rho": 0.51},
}
"""Cells by name, the standard reference first."""

NEAR = ((1, 2), (5, 6))
SEEDS = 40
DRAWN_SEEDS, DRAWN_IMAGES, TRUE_IMAGES = 5, 500, 5_000

_RADII = {"pgd": 0.1, "flow": 0.05, "rt": 0.08}
SUITE: dict[str, Any] = {
    **{label: {"epsilon": radius, "ladder": [10]} for label, radius in _RADII.items()},
    "unequal": "intervals are judged here, not models",
}


def trial_of(cell: str, *, root: str, seed: int) -> Trial:
    """One model of the study."""
    attacks = {
        label: {"epsilon": radius, "step_size": None, "num_steps": 3}
        for label, radius in _RADII.items()
    }
    training = {
        "epochs": 6,
        "epsilon_warmup": 2,
        "batch_size": 100,
        "optimiser": {
            "name": "adam",
            "learning_rate": 2e-3,
            "schedule": [[0, 1], [0.6, 0.2]],
            "interpolation": "step",
        },
        "attacks": attacks,
    }
    plain = {
        "data": {
            "name": "fashion_mnist",
            "root": root,
            "train_examples": 2000,
            "validation": 1000,
        },
        "model": {"name": "cnn", "channels": [8, 16], "kernel_size": 3, "hidden": 32},
        "method": CELLS[cell],
        "training": training,
        "validation": {"every": 100, "examples": 10},
        "fingerprint": "",
        "seed": seed,
    }
    return read_trial(with_preset(Document.from_plain(plain, "calibration")))


def record(folder: Path, *, root: str, seeds: range, examples: int | None = None) -> None:
    """Train and attack every cell under `seeds`, seed by seed, and keep each model's bits in
    `folder`; what lies there already is not done again."""
    cpu = torch.device("cpu")
    torch.set_num_threads(1)
    suite = SUITE if examples is None else {**SUITE, "examples": examples}
    dataset = load(trial_of("standard", root=root, seed=0).data, cpu)  # of all models
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for number, cell in enumerate(CELLS):
            path = _path(folder, number, seed)
            if path.exists():
                continue
            trial = trial_of(cell, root=root, seed=seed)
            model = train(
                trial, dataset, device=cpu, reporter=Silent(), resume=None, micro_batches=1
            )
            found = evaluate(
                model, read_suite(Document.from_plain(suite, "suite")), dataset, progress=None
            )
            _write(path, found.to_bytes())
            accuracies = {name: round(it, 3) for name, it in found.accuracies().items()}
            print(cell, seed, accuracies, flush=True)


def packed(folder: Path) -> bytes:
    """Put the bits of all seeds that are whole into one file: JSON under xz, bits in base64."""
    seeds = [seed for seed in range(SEEDS) if all(_path(folder, n, seed).exists() for n in _all())]
    bits: dict[str, list[list[str]]] = {}
    for number, cell in enumerate(CELLS):
        for seed in seeds:
            measures = Outcomes.from_bytes(_path(folder, number, seed).read_bytes()).measures()
            each = [np.packbits(measures[name].marks.astype(np.bool_)) for name in MEASURES]
            bits.setdefault(cell, []).append([base64.b64encode(it).decode() for it in each])
            images = len(measures[MEASURES[0]].marks)
    plain = {"measures": MEASURES, "images": images, "seeds": seeds, "bits": bits}
    return lzma.compress(json.dumps(plain, indent=1).encode(), preset=9)


def unpacked(data: bytes) -> npt.NDArray[np.bool_]:
    """Return the bits (C, S, K, I) of what `packed` wrote."""
    plain = json.loads(lzma.decompress(data))
    raw = [
        [[np.frombuffer(base64.b64decode(it), np.uint8) for it in each] for each in of_cell]
        for of_cell in plain["bits"].values()
    ]
    return np.unpackbits(np.array(raw), axis=3, count=plain["images"]).astype(np.bool_)


def drawn(bits: npt.NDArray[np.bool_], draws: int) -> Iterator[tuple[Population, Any]]:
    """Yield draws of the recorded bits (C, S, K, I), each with what is true beside it."""
    random = np.random.default_rng(0)
    cells, seeds, _, images = bits.shape
    counted = bits.sum(axis=1, dtype=np.int32)  # C K I
    for _ in range(draws):
        order = random.permutation(images)
        true, seen = order[:TRUE_IMAGES], order[TRUE_IMAGES:][:DRAWN_IMAGES]
        chosen = random.choice(seeds, DRAWN_SEEDS, replace=False)
        population = Population(
            means=counted[:, :, true].mean(axis=2) / seeds,
            pairs=tuple((one, other) for one in range(cells) for other in range(one)),
            near=NEAR,
        )
        yield population, bits[:, chosen][..., seen]


def _all() -> range:
    return range(len(CELLS))


def _path(folder: Path, number: int, seed: int) -> Path:
    return folder / f"{seed:02}-{number}.npz"


def _write(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    Path(file.name).replace(path)
