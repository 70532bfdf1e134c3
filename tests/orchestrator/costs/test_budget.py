"""What a sweep used over all its starts, and when that is enough, in any back end's time."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.costs import budget
from orchestrator.costs.budget import BudgetWatch, Meter, Usage, usage
from orchestrator.spec.policy import BudgetSettings, Resources
from orchestrator.store import LocalFiles
from orchestrator.store.leases.lease import Lease, LeaseState, create
from orchestrator.store.leases.records import About, Beat, Ended
from orchestrator.store.sweeps.starts import place


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def span(minute: int, minutes: int, **facts: float) -> LeaseState:
    """A start of so many minutes, from that minute on."""
    since = datetime.fromisoformat("2026-01-01T00:00:00+00:00") + timedelta(minutes=minute)
    beat = Beat(elapsed=60.0 * minutes, count=1, at=since.isoformat(), **facts)
    return LeaseState(
        number=1,
        folder="",
        owner=None,
        since=since.isoformat(),
        lasts=60.0,
        about=About(),
        beat=None if minute % 2 else beat,
        ended=Ended.after(beat, how="over", at=beat.at) if minute % 2 else None,
    )


spans = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), max_size=6)


@pytest.mark.slow
@given(spans)
def test_hours_in_which_several_starts_ran_count_once(them: list[tuple[int, int]]) -> None:
    minutes = {minute for begin, length in them for minute in range(begin, begin + length)}
    used = usage(span(begin, length, core_hours=0.5, gpu_hours=0.25) for begin, length in them)
    assert used.hours == pytest.approx(len(minutes) / 60)
    assert (used.core_hours, used.gpu_hours) == (0.5 * len(them), 0.25 * len(them))


def test_start_of_which_nothing_is_known_used_nothing() -> None:
    damaged = LeaseState(
        number=1,
        folder="",
        owner=None,
        since=None,
        lasts=None,
        about=About(),
        beat=None,
        ended=None,
    )
    assert usage([damaged]) == Usage()


def test_meter_counts_what_trials_occupy(clock: Clock) -> None:
    meter = Meter(Resources(cpu=2.0, gpu=0.5), clock)
    meter.started("a")
    clock.now += 1800
    meter.started("b")
    clock.now += 1800
    assert meter.read() == {"core_hours": 3.0, "gpu_hours": 0.75}
    meter.ended("a")
    clock.now += 3600
    assert meter.read() == {"core_hours": 5.0, "gpu_hours": 1.25}
    meter.ended("b")
    meter.ended("b")  # nothing was left to end
    clock.now += 3600
    assert meter.read() == {"core_hours": 5.0, "gpu_hours": 1.25}


def a_start(files: LocalFiles, number: int) -> Lease:
    mine = create(
        files, place("front"), number, lasts=60.0, about=About(), is_shared=True, direct=files
    )
    assert mine is not None
    return mine


@pytest.mark.parametrize(
    ("cap", "said"),
    [
        ("core_hours", "budget.core_hours is 5, and 5 are used"),
        ("gpu_hours", "budget.gpu_hours is 1.25, and 1.25 are used"),
    ],
)
def test_budget_is_of_all_starts_together(
    files: LocalFiles, clock: Clock, cap: str, said: str
) -> None:
    resources = Resources(cpu=2.0, gpu=0.5)
    first, meter = a_start(files, 1), Meter(resources, clock)
    meter.started("a")
    clock.now += 3600
    first.note(**meter.read())
    first.end("over")  # 2 core-hours, 0.5 GPU-hours

    second, meter = a_start(files, 2), Meter(resources, clock)
    limit = {"core_hours": 5.0, "gpu_hours": 1.25}[cap]
    watch = BudgetWatch(files, "front", BudgetSettings(**{cap: limit}), meter)
    meter.started("b")
    watch.look(second)
    clock.now += 5399
    assert watch.reached is None
    clock.now += 1
    assert watch.reached == said
    clock.now += 3600
    assert watch.reached == said, "as it was when the cap was reached"


def test_others_are_looked_at_every_few_seconds_alone(files: LocalFiles, clock: Clock) -> None:
    mine, others = a_start(files, 1), a_start(files, 2)
    watch = BudgetWatch(files, "front", BudgetSettings(core_hours=2.0), Meter(Resources(), clock))
    watch.look(mine)
    others.note(core_hours=2.0)
    others.renew()
    clock.now += budget.SECONDS_BETWEEN_LOOKS
    watch.look(mine)
    assert watch.reached is None
    clock.now += 1
    watch.look(mine)
    assert watch.reached == "budget.core_hours is 2, and 2 are used"


def test_budget_of_hours(files: LocalFiles, clock: Clock) -> None:
    mine = a_start(files, 1)
    watch = BudgetWatch(files, "front", BudgetSettings(hours=2.0), Meter(Resources(), clock))
    watch.look(mine)
    clock.now += 7199
    assert watch.reached is None
    clock.now += 1
    assert watch.reached == "budget.hours is 2, and 2 are used"


def test_budget_of_the_disk(files: LocalFiles, clock: Clock) -> None:
    mine = a_start(files, 1)
    watch = BudgetWatch(files, "front", BudgetSettings(disk_gb=1e-4), Meter(Resources(), clock))
    files.write("trials/t1/weights.pt", bytes(50_000))
    watch.look(mine)
    assert watch.reached is None
    files.write("trials/t2/weights.pt", bytes(50_000))
    clock.now += budget.SECONDS_BETWEEN_WEIGHINGS + 1
    watch.look(mine)
    assert watch.reached == "budget.disk_gb is 0.0001, and 0.0001 are used"


def test_sweep_without_a_budget_looks_at_nothing(files: LocalFiles, clock: Clock) -> None:
    meter = Meter(Resources(), clock)
    watch = BudgetWatch(_Unread(files.root), "front", BudgetSettings(), meter)
    watch.look(a_start(files, 1))
    assert watch.reached is None


class _Unread(LocalFiles):
    def names(self, folder: str) -> list[str]:
        raise AssertionError(folder)

    sizes = names  # type: ignore[assignment]
