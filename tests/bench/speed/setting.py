"""What a run of the benchmark is about: how large the work is, and which images."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Amounts of work, chosen so that one run of a contender takes 0.1 to 2 s on two cores.

    Attributes:
        networks: those that are attacked and trained.
        batch, steps: images of an attack and its steps, by network.
        training_batch, training_steps: the same in a training step.
        taught: training steps before anything is timed, of that batch.
        motions: rotations, and translations along each axis, of the searches without gradients.
        evaluated: images of the evaluation, by network.
        pixel_ladder, spatial_ladder: its numbers of steps.
        loaded: batches read; trained: batches of the epoch that reading is held against.
        problems: alpha problems solved.
        process_batch, process_steps: of the training in processes of its own.
        process_threads: of such a process that has all cores to itself.
    """

    networks: tuple[str, ...]
    batch: dict[str, int]
    steps: dict[str, int]
    training_batch: dict[str, int]
    training_steps: dict[str, int]
    taught: int
    motions: dict[str, tuple[int, int]]
    evaluated: dict[str, int]
    pixel_ladder: tuple[int, ...]
    spatial_ladder: tuple[int, ...]
    loaded: int
    trained: int
    problems: int
    process_batch: int
    process_steps: int
    process_threads: int


FULL = Sizes(
    networks=("cnn", "preact_resnet18"),
    batch={"cnn": 100, "preact_resnet18": 32},
    steps={"cnn": 10, "preact_resnet18": 3},
    training_batch={"cnn": 100, "preact_resnet18": 16},
    training_steps={"cnn": 10, "preact_resnet18": 2},
    taught=30,
    motions={"cnn": (3, 3), "preact_resnet18": (3, 1)},
    evaluated={"cnn": 32, "preact_resnet18": 4},
    pixel_ladder=(1, 5, 10, 20, 50, 100),
    spatial_ladder=(1, 5, 10, 20, 50),
    loaded=32,
    trained=2,
    problems=300,
    process_batch=512,
    process_steps=2,
    process_threads=2,
)

TINY = Sizes(
    networks=("cnn",),
    batch={"cnn": 12, "preact_resnet18": 2},
    steps={"cnn": 2, "preact_resnet18": 1},
    training_batch={"cnn": 12, "preact_resnet18": 2},
    training_steps={"cnn": 1, "preact_resnet18": 1},
    taught=20,
    motions={"cnn": (3, 1), "preact_resnet18": (3, 1)},
    evaluated={"cnn": 4, "preact_resnet18": 2},
    pixel_ladder=(1, 3),
    spatial_ladder=(1, 2),
    loaded=2,
    trained=1,
    problems=3,
    process_batch=8,
    process_steps=1,
    process_threads=1,
)
"""To see that everything runs; its seconds mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The sizes, the folder of the real images (None: random ones of the same shapes), and where
    they lie."""

    sizes: Sizes
    data: str | None
    device: torch.device

    def clock(self) -> float:
        """Seconds, rising, read once the device has done what was queued."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
