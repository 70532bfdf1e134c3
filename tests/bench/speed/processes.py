"""Whole processes: what keeping freed memory gains, and how trials share two cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tests.bench.speed.child import Child, has_allocator
from tests.bench.speed.contest import Contender, Contest, OwnSeconds
from tests.bench.speed.setting import Setting

TARGET = 1.15
CORES = 2
TRIAL_BATCH = 100
TRIAL_FACTOR = 4
"""Steps of a trial's small batches for one of a large batch."""


def contests(setting: Setting) -> Iterator[Contest]:
    """Each with processes that live as long as it does."""
    with ExitStack() as living:
        if has_allocator():
            yield memory_contest(setting, living)
    if (os.cpu_count() or 1) >= CORES:
        with ExitStack() as living:
            yield sharing_contest(setting, living)


def memory_contest(setting: Setting, living: ExitStack) -> Contest:
    """Training in large batches, the allocator as it comes and as the trainer sets it."""
    sizes = setting.sizes

    def training(*, keeps_memory: bool) -> Callable[[], OwnSeconds]:
        child = Child(
            threads=sizes.process_threads,
            batch=sizes.process_batch,
            steps=sizes.process_steps,
            keeps_memory=keeps_memory,
        )
        living.enter_context(child)
        return lambda: OwnSeconds(child.run())

    return Contest(
        title=f"freed memory, training of the small network in batches of {sizes.process_batch}",
        bound=Contender(name="given back, as it comes", run=training(keeps_memory=False)),
        contenders=(Contender(name="kept", run=training(keeps_memory=True)),),
    )


def sharing_contest(setting: Setting, living: ExitStack) -> Contest:
    """Two trials at once, a thread each, beside the better of two ways to run them in turn."""
    sizes = setting.sizes

    def trials(threads: int) -> list[Child]:
        return [
            living.enter_context(
                Child(
                    threads=threads,
                    batch=min(TRIAL_BATCH, sizes.process_batch),
                    steps=sizes.process_steps * TRIAL_FACTOR,
                    keeps_memory=True,
                )
            )
            for _ in range(CORES)
        ]

    narrow = trials(1)
    wide = trials(sizes.process_threads) if sizes.process_threads > 1 else narrow

    def at_once() -> None:
        for child in narrow:
            child.begin()
        for child in narrow:
            child.end()

    def in_turn(children: list[Child]) -> Callable[[], OwnSeconds]:
        return lambda: OwnSeconds(sum(child.run() for child in children))

    serial = {
        f"one after the other, {sizes.process_threads} threads": in_turn(wide),
        "one after the other, 1 thread": in_turn(narrow),
    }
    tried = {label: [run(), run()][1] for label, run in serial.items()}  # the first warms up
    better, *others = sorted(serial, key=lambda label: tried[label])
    return Contest(
        title=f"{CORES} trainings of the small network on {CORES} cores",
        bound=Contender(name=better, run=serial[better]),
        contenders=(
            Contender(name="at once, 1 thread each", run=at_once, target=TARGET),
            *(Contender(name=label, run=serial[label]) for label in others),
        ),
    )
