"""What all tests share: one thread, reproducible property tests, small trials on real digits."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
import torch
from torch import nn

from trainer.config import Trial, read_trial, with_preset
from trainer.data import Dataset, load
from trainer.input.document import Document
from trainer.training.loop import EpochRow, train
from trainer.weights.checkpoint import Checkpoint

hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")

CPU = torch.device("cpu")
RADII: dict[str, dict[str, float]] = {
    "pgd": {"epsilon": 0.2},
    "flow": {"epsilon": 0.15},
    "rt": {"epsilon": 0.25},
    "integrated": {"rt_epsilon": 0.25, "flow_epsilon": 0.15},
}
"""Radii of the small trial's attacks: its stored numbers are not those of a preset."""

SMALL_TRIAL = {
    "data": {"name": "digits", "train_examples": 160, "validation": 180},
    "fingerprint": "",
    "method": {"method": "standard"},
    "training": {
        "epochs": 3,
        "batch_size": 32,
        "attacks": {label: {**radii, "num_steps": 2} for label, radii in RADII.items()},
    },
    "validation": {
        "examples": 16,
        "attacks": {label: {**RADII[label], "num_steps": 1} for label in ("pgd", "flow", "rt")},
    },
    "seed": 0,
}
"""A trial that takes a tenth of a second: 15 steps, enough for Pareto training to solve."""


HANG_SECONDS = {"long": 6 * 3600.0, "integration": 1200.0, "slow": 600.0}
"""After which a test has come to no end, by its tier: some ten times what any takes on a machine
that is slow and busy. No test asserts its own speed by it."""

QUICK_HANG_SECONDS = 300.0


gc.disable()  # until all tests are collected: what they are and import stays to the end


def pytest_collection_finish() -> None:
    """No test pays for looking through what all of them are: it was a sixth of the quick ones'
    time, at moments that no test could foresee."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test ends, be it by force."""
    for item in items:
        seconds = (HANG_SECONDS[tier] for tier in HANG_SECONDS if item.get_closest_marker(tier))
        item.add_marker(pytest.mark.timeout(next(seconds, QUICK_HANG_SECONDS)))


@pytest.fixture(autouse=True, scope="session")
def _nothing_remembered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is remembered in the user's state folder (`trainer.weights.own_weights`) stays out of
    there."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _no_power_cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quick tests do not wait for disks, a tenth of their time: what bytes outlive a power cut no
    test sees. Those of other tiers wait, and so do processes that a test starts."""
    if not any(map(request.node.get_closest_marker, HANG_SECONDS)):
        monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True, scope="session")
def _no_terminal() -> Iterator[None]:
    """pytest-xdist tells its workers a terminal's width, which commands would take for theirs."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("COLUMNS", "LINES"):
            patched.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def _compiled_for_these_kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the environment chooses a CPU's kernels, what PyTorch compiled for others and kept is
    not for it; PyTorch's own cache does not tell them apart."""
    with pytest.MonkeyPatch.context() as patched:
        if "ATEN_CPU_CAPABILITY" in os.environ:
            patched.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Sums depend on how many threads share them; bits are asserted with one."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _equal_chance() -> None:
    """What a test draws from PyTorch's generator does not depend on the tests before it."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """What a shell's script starts with `&` ignores SIGINT, and so would all that tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def small_trial() -> Callable[..., Trial]:
    """A small trial on the digits with some sections changed: `small_trial(seed=1)`."""

    def make(**sections: Any) -> Trial:
        changed = Document.from_plain(sections, "test")
        document = changed.merged_over(Document.from_plain(SMALL_TRIAL, "test"))
        return read_trial(with_preset(document))

    return make


@pytest.fixture(scope="session")
def digits(small_trial: Callable[..., Trial]) -> Dataset:
    """The data of the small trials."""
    return load(small_trial().data, CPU)


class _Silent:
    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None:
        """Keep nothing."""

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        """Keep nothing."""


@pytest.fixture(scope="session")
def trained(small_trial: Callable[..., Trial]) -> nn.Module:
    """A network that reads most digits and withstands some attacks."""
    trial = small_trial(data={"train_examples": 1200}, training={"epochs": 4})
    dataset = load(trial.data, CPU)
    return train(trial, dataset, device=CPU, reporter=_Silent(), resume=None, micro_batches=1)
