"""Memory: what a long evaluation and a long training take is set by their batches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STATUS = Path("/proc/self/status")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not STATUS.exists(), reason="reads Linux's /proc"),
]

COMMON = """\
import gc, sys
from pathlib import Path
import torch
from trainer.device.allocator import keep_freed_memory

keep_freed_memory()
torch.set_num_threads(1)

def resident(name):  # MiB
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024
"""

EVALUATION = (
    COMMON
    + """
from trainer.data import Dataset, Split
from trainer.input.document import Document
from trainer.evaluation.suite import evaluate, read_suite

count, batch_size = map(int, sys.argv[1:])
torch.manual_seed(0)
model = torch.nn.Sequential(
    torch.nn.Conv2d(3, 16, 3, stride=2, padding=1), torch.nn.ReLU(),
    torch.nn.Flatten(), torch.nn.Linear(16 * 16 * 16, 10),
).eval()
images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)
split = Split.of(images, torch.zeros(count, dtype=torch.int64))
with torch.no_grad():  # right on every image, so that every image is attacked
    answers = [model(split.images_at(part)).argmax(1) for part in torch.arange(count).split(100)]
split = Split.of(images, torch.cat(answers))
dataset = Dataset(
    train=split, validation=split, test=split, num_classes=10, image_shape=(3, 32, 32),
    steers=torch.arange(count) % 2 == 0, mean=(0.5,) * 3, std=(0.25,) * 3,
)
small = {"epsilon": 1e-5, "ladder": [1, 2]}
suite = read_suite(Document.from_plain({
    "pgd": small,
    "flow": small,
    "rt": {**small, "num_restarts": 2},
    "integrated": {"rt_epsilon": 1e-5, "flow_epsilon": 1e-5, "ladder": [2]},
    "rt_worst_of": {"epsilon": 1e-5, "ladder": [2]},
    "rt_grid": {"epsilon": 1e-5, "num_rotations": 3, "num_translations": 1},
    "batch_size": batch_size,
}, "suite"))
evaluate(model, suite.model_copy(update={"examples": 1}), dataset, progress=None)  # code alone
Path("/proc/self/clear_refs").write_text("5")  # the peak, from here
before = resident("VmRSS")
outcomes = evaluate(model, suite, dataset, progress=None)
assert len(outcomes.natural) == count and outcomes.natural.all()
print(resident("VmHWM") - before)
"""
)

TRAINING = (
    COMMON
    + """
from tests.conftest import SMALL_TRIAL
from trainer.config import read_trial, with_preset
from trainer.data import load
from trainer.input.document import Document
from trainer.training.loop import train

leaks = sys.argv[1] == "leaks"
kept, seen = [], []

class Watch:
    steps = 0
    def step_done(self, checkpoint):
        self.steps += 1
        if leaks:
            kept.append(bytearray(40_000))
        if self.steps in (300, 1300):
            seen.append(resident("VmRSS"))
    def epoch_done(self, row, checkpoint):
        checkpoint().to_bytes()
        self.step_done(checkpoint)

changes = Document.from_plain({
    "data": {"train_examples": 1200},
    "method": {"method": "pareto", "rho": 0.5, "idle_every": 2},
    "training": {
        "epochs": 9, "batch_size": 8,
        "attacks": {name: {"num_steps": 1} for name in ("pgd", "flow", "rt", "integrated")},
    },
}, "test")
trial = read_trial(with_preset(changes.merged_over(Document.from_plain(SMALL_TRIAL, "test"))))
cpu = torch.device("cpu")
train(trial, load(trial.data, cpu), device=cpu, reporter=Watch(), resume=None, micro_batches=1)
print(seen[1] - seen[0])
"""
)


COPIES = 32
"""Of a batch's images as floats: activations of a small network, gradients, warps, attacks."""


def budget(batch_size: int) -> float:
    """MiB that an evaluation may take, beside the images as they are stored."""
    return 32 + COPIES * batch_size * 3 * 32 * 32 * 4 / 2**20


def printed(script: str, *arguments: object) -> float:
    """The number that a script prints in a process of its own."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return float(done.stdout)


def test_an_evaluation_of_ten_thousand_images_takes_what_its_batch_takes() -> None:
    few, many, large = (printed(EVALUATION, *c) for c in ((2500, 250), (10_000, 250), (5000, 2500)))
    assert many < few + 48  # MiB: the heap settles; the 7,500 images more would be 88 as floats
    assert many < budget(250)
    assert large < budget(2500)
    assert large > 3 * many  # the measure sees what a batch takes


def test_a_thousand_steps_of_training_take_no_more_than_some() -> None:
    assert printed(TRAINING, "keeps nothing") < 16  # MiB
    assert printed(TRAINING, "leaks") > 24  # 40 kB a step are seen
