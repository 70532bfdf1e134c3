"""Small trials on real digits, carried out as a worker does it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from functools import cache
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from orchestrator.plan.planned_trial import NOTHING, PlannedTrial
from orchestrator.spec.policy import Policy
from orchestrator.store import Store
from orchestrator.store.leases.lease import numbers
from orchestrator.store.sweeps.orders import Orders
from orchestrator.worker.trial import Ending, Mission, carry_out
from trainer.config import Trial
from trainer.data import DataSettings, fingerprint
from trainer.evaluation.suite import Suite, read_suite
from trainer.input.document import Document
from trainer.training.loop import EpochRow

MakeTrial = Callable[..., Trial]

CPU = torch.device("cpu")
PATIENT = Policy(lease=600.0)
"""Under which no lease ends by itself while a test runs."""

IN_MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
"""For folders in which so much is written that flushing it to a disk would take most of the time;
None: wherever temporary folders are."""

TIMES = {"time", "seconds", "examples_per_second"}
"""Of an epoch's facts, those that differ from run to run."""

fork = multiprocessing.get_context("fork")


@cache
def _fingerprint(settings: DataSettings) -> str:
    return fingerprint(settings)


def on_digits(small_trial: MakeTrial, method: str = "standard", **sections: Any) -> Trial:
    """A small trial on the digits that are there."""
    options = {"pareto": {"rho": 0.5}}.get(method, {})
    trial = small_trial(**{"method": {"method": method, **options}, **sections})
    return trial.model_copy(update={"fingerprint": _fingerprint(trial.data)})


def small_suite(examples: int) -> Suite:
    """Two attacks of a few steps."""
    attacks = {"pgd": {"epsilon": 0.2, "ladder": [1, 3]}, "rt": {"epsilon": 0.2, "ladder": [1]}}
    return read_suite(Document.from_plain({**attacks, "examples": examples}, "test"))


def planned(trial: Trial, *, parents: tuple[str, ...] = ()) -> PlannedTrial:
    """The trial as a plan has it that knows of no progress."""
    return PlannedTrial(
        id=trial.id,
        trial=trial,
        method="standard",
        settings={},
        is_reference=False,
        progress=NOTHING,
        sibling=None,
        trains=True,
        left_out=None,
        parents=parents,
    )


def never() -> None:
    """In the place of what ends a process that hangs."""
    raise AssertionError("nothing hangs here")


def mission(
    policy: Policy = PATIENT,
    *,
    trains: bool = True,
    read_orders: Callable[[], Orders] = Orders,
    end_process: Callable[[], None] = never,
) -> Mission:
    """What a worker knows, who is asked for nothing unless the test says so."""
    return Mission(
        policy=policy,
        trains=trains,
        sweep="front",
        start="sweeps/front/starts/000001",
        node="127.0.0.1",
        read_orders=read_orders,
        end_process=end_process,
    )


def next_number(trial: Trial, store: Store) -> int:
    """Of the attempt after all so far, whether or not anybody is still at work."""
    return max(numbers(store.files, f"trials/{trial.id}/attempts"), default=0) + 1


def run(
    trial: Trial,
    suite: Suite,
    store: Store,
    its_mission: Mission | None = None,
    *,
    number: int | None = None,
    report: Callable[[EpochRow], None] | None = None,
) -> tuple[Ending, list[int]]:
    """How an attempt ended, and the epochs that it trained; without a number it is the next."""
    epochs: list[int] = []

    def note(row: EpochRow) -> None:
        epochs.append(int(row["epoch"]))
        if report is not None:
            report(row)

    ending = carry_out(
        trial,
        suite,
        store,
        its_mission or mission(),
        number=number or next_number(trial, store),
        device=CPU,
        report=note,
    )
    return ending, epochs


def result_of(trial: Trial, suite: Suite, store: Store) -> dict[str, Any]:
    """All that a trial's result is, clocks apart, as bytes and numbers."""
    stored = store.trial(trial.id)
    weights, outcomes = stored.weights(), stored.outcomes(suite.id)
    assert weights is not None
    assert outcomes is not None
    return {
        "weights": {name: tensor.numpy().tobytes() for name, tensor in weights.model.items()},
        "bits": {name: bits.tobytes() for name, bits in outcomes.robust.items()},
        "natural": outcomes.natural.tobytes(),
        "passes": result.passes if (result := stored.progress(suite.id).result) else None,
        "rows": [{k: v for k, v in row.items() if k not in TIMES} for row in stored.rows()],
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, byte for byte."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def started(work: Callable[..., object], *args: Any) -> BaseProcess:
    """A process of its own that does the work."""
    process = fork.Process(target=work, args=args, daemon=True)
    process.start()
    return process
