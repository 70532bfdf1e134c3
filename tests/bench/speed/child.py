"""A training in a process of its own, step by step on request: `python -m tests.bench.speed.child`.

It says `ready` and then, for each line that it is given, takes its steps and says how many seconds
they took.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from tests.bench.speed.steps import METHODS, stepping
from tests.bench.speed.subjects import random_dataset, trial_of

ROOT = Path(__file__).parents[3]
ALLOCATOR = "trainer.device.allocator"


class Child:
    """The process, seen from the one that started it."""

    def __init__(self, *, threads: int, batch: int, steps: int, keeps_memory: bool) -> None:
        """Start it; it is ready when `run` first returns."""
        words = [sys.executable, "-m", __name__, f"--threads={threads}", f"--batch={batch}"]
        words += [f"--steps={steps}", *(["--keep-memory"] if keeps_memory else [])]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        self._is_ready = False

    def begin(self) -> None:
        """Let it take its steps."""
        if not self._is_ready:
            self._read()
            self._is_ready = True
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def end(self) -> float:
        """Seconds of the steps that it was last let take, once they are over."""
        return float(self._read())

    def run(self) -> float:
        """Both, one after the other."""
        self.begin()
        return self.end()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the training process ended with {self._process.wait()}")
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """It ends where its input does."""
        self._process.communicate()


def has_allocator() -> bool:
    """Whether this version of the trainer can keep freed memory."""
    return find_spec(ALLOCATOR) is not None


def keep_freed_memory() -> bool:
    """As the trainer's own processes do; whether it could be had."""
    return has_allocator() and bool(import_module(ALLOCATOR).keep_freed_memory())


def main() -> None:
    """Train by PGD on random images of MNIST's size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True, help="images a step")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--keep-memory", action="store_true")
    options = parser.parse_args()
    if options.keep_memory:
        keep_freed_memory()

    torch.set_num_threads(options.threads)
    dataset = random_dataset("mnist", torch.device("cpu"))
    dataset = replace(dataset, train=dataset.train.select(torch.arange(options.batch)))
    trial = trial_of("cnn", METHODS["pgd"], num_steps=3)
    step = stepping(trial, dataset, options.batch)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        for _ in range(options.steps):
            step()
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
