"""Small trials that are run, stopped, and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from trainer.config import Trial
from trainer.data import load
from trainer.training.loop import EpochRow, Reporter, new_model, train
from trainer.training.step import Descent
from trainer.weights.checkpoint import Checkpoint

CPU = torch.device("cpu")
MakeTrial = Callable[..., Trial]

TIMES = {"time", "seconds", "examples_per_second"}
"""Of an epoch's row, what differs from run to run."""


class StopError(Exception):
    """Raised by a reporter in the place of a machine that fails."""


class Diary:
    """Keeps each epoch's row and its checkpoint's bytes; fails after some steps if it should."""

    def __init__(self, *, fails_after: int | None = None) -> None:
        self.rows: list[EpochRow] = []
        self.checkpoints: list[bytes] = []  # of whole epochs
        self.stopped: bytes | None = None  # the checkpoint at the failure
        self.steps = 0
        self._fails_after = fails_after

    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None:
        self.steps += 1
        if self.steps == self._fails_after:
            self.stopped = checkpoint().to_bytes()
            raise StopError

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        self.rows.append(row)
        self.checkpoints.append(checkpoint().to_bytes())
        self.step_done(checkpoint)

    def facts(self) -> list[EpochRow]:
        """The rows without what differs from run to run."""
        return [{k: v for k, v in row.items() if k not in TIMES} for row in self.rows]


def run(
    trial: Trial, *, resume: bytes | None = None, micro_batches: int = 1
) -> tuple[nn.Module, Diary]:
    """The trained model, and what was told on the way."""
    diary = Diary()
    return told(diary, trial, resume=resume, micro_batches=micro_batches), diary


def told(
    reporter: Reporter,
    trial: Trial,
    *,
    resume: bytes | None,
    micro_batches: int,
    schedule: Tensor | None = None,
) -> nn.Module:
    """The trained model, where the reporter does not fail."""
    return train(
        trial,
        load(trial.data, CPU),
        device=CPU,
        reporter=reporter,
        resume=None if resume is None else Checkpoint.from_bytes(resume),
        micro_batches=micro_batches,
        schedule=schedule,
    )


def descent_of(trial: Trial, *, micro_batches: int) -> Descent:
    """What takes a small trial's steps, five an epoch, from its first weights on."""
    dataset = load(trial.data, CPU)
    model = new_model(trial, dataset, CPU).train()
    return Descent(
        trial=trial,
        split=dataset.train,
        model=model,
        optimiser=trial.training.optimiser.build(model.parameters()),
        weighting=trial.method.weighting(),
        micro_batches=micro_batches,
        num_steps=5,
    )


def run_with_stops(trial: Trial, stops: Iterable[int]) -> tuple[nn.Module, Diary]:
    """As `run`, but stopped after those numbers of steps and gone on with each time."""
    whole, done, resume = Diary(), 0, None
    for stop in sorted(stops):
        part = Diary(fails_after=stop - done)
        try:
            told(part, trial, resume=resume, micro_batches=1)
        except StopError:
            torch.manual_seed(stop)  # another process has another generator
        whole.rows += part.rows
        whole.checkpoints += part.checkpoints
        done, resume = stop, part.stopped
    model, rest = run(trial, resume=resume)
    whole.rows += rest.rows
    whole.checkpoints += rest.checkpoints
    return model, whole


def assert_same_bits(one: Any, other: Any) -> None:
    """Of tensors at any depth; NaN, as for a loss that a step left out, is the same as NaN."""
    if isinstance(one, Tensor):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same_bits(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for each, its in zip(one, other, strict=True):
            assert_same_bits(each, its)
    else:
        assert one == other


def assert_same_state(one: bytes, other: bytes) -> None:
    """Of model, optimiser and method."""
    first, second = Checkpoint.from_bytes(one), Checkpoint.from_bytes(other)
    assert_same_bits(vars(first), vars(second))


def differs(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return any(not torch.equal(a, b) for a, b in pairs)


OWN = '''
import torch
from torch import Tensor, nn

from trainer.attacks import Attack
from trainer.data import Pictures, Split
from trainer.methods import Method, Weighting

CALLS = []


class Darker(Attack):
    """Takes light away, and keeps what it was called with."""

    epsilon: float
    version = 3

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        CALLS.append((self.epsilon, keys.tolist(), [image.numpy().tobytes() for image in images]))
        return (images - self.epsilon).clamp(0, 1)


class Exploding(Method):
    """Its loss is finite and its gradient is not."""

    def branches(self) -> tuple[str, ...]:
        return ("natural",)

    def weighting(self) -> Weighting:
        return Weighting([float("inf")])


class Leaning(Method):
    """Leans from the natural loss to the dark one as steps go by; remembers how far it is."""

    steps: int

    def branches(self) -> tuple[str, ...]:
        return ("natural", "dark")

    def weighting(self) -> Weighting:
        return Lean(self.steps)


class Lean(Weighting):
    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._done = 0

    def weigh(self, losses: Tensor) -> Tensor:
        share = min(1.0, self._done / self._steps)
        return losses.new_tensor([1 - share, share])[:, None]

    def observe(self, losses: Tensor) -> None:
        self._done += 1

    def state(self) -> dict[str, int]:
        return {"done": self._done}

    def restore(self, state: dict[str, int]) -> None:
        self._done = state["done"]

    def epoch_report(self) -> dict[str, float]:
        return {"lean": min(1.0, self._done / self._steps)}


def forgetful(*, image_shape: tuple[int, int, int], num_classes: int, share: float) -> nn.Module:
    """Drops units, and normalises by the batch."""
    return nn.Sequential(
        nn.Conv2d(image_shape[0], 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(share),
        nn.Linear(4 * image_shape[1] * image_shape[2], num_classes),
    )


class Stripes:
    """Which of three columns is bright: 40 images to train on, 10 to test."""

    downloadable = False

    def missing(self, settings):
        return None

    def fingerprint(self, settings):
        return "stripes"

    def read(self, settings):
        def split(count):
            labels = torch.arange(count) % 3
            images = torch.zeros(count, 1, 6, 6, dtype=torch.uint8)
            for index, label in enumerate(labels):
                images[index, 0, :, 2 * label] = 200 + index % 50
            return Split.of(images, labels)

        return Pictures(
            train=split(40), test=split(10), num_classes=3, mean=(0.2,), std=(0.3,)
        )


STRIPES = Stripes()
'''


FORGETFUL = {"name": "of_mine:forgetful", "share": 0.4}
SECTIONS: dict[str, dict[str, Any]] = {
    "standard": {},
    "pareto": {"method": {"method": "pareto", "rho": 0.5, "window": 12}},
    "maximum": {"method": {"method": "maximum", "natural_weight": 0.2}},
    "average, sgd": {
        "method": {"method": "average"},
        "training": {
            "epsilon_warmup": 1.5,
            "optimiser": {
                "name": "sgd",
                "learning_rate": 0.05,
                "schedule": [[0, 0.1], [0.4, 1], [1, 0]],
                "interpolation": "linear",
            },
        },
    },
    "dropout, batch norm, augmentation": {
        "data": {"augmentation": "crop_flip"},
        "model": FORGETFUL,
        "method": {"method": "pgd", "natural_weight": 0.5},
        "training": {"batch_norm": "separate"},
    },
}
