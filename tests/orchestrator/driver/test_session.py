"""The stages of a start, in their order, with a back end that the test stands in for."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.driver.live_page import PageWhen
from orchestrator.driver.preflight import Ready
from orchestrator.driver.session import Outcome, keep, start
from orchestrator.driver.site import Site
from orchestrator.execution.address import NoClusterError
from orchestrator.execution.backend import RealTime, Workload
from orchestrator.results.reevaluation import plan_start
from orchestrator.spec.policy import Resources
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import LocalFiles
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.starts import HeldError, all_starts, begun
from tests.orchestrator.finished import do_sweep, read_sweep, store_of
from tests.orchestrator.working import contents


class Standin(RealTime):
    """Does with a workload what the test says."""

    def __init__(self, do: Callable[[Workload], None]) -> None:
        self._do = do
        self.workloads: list[Workload] = []

    def run(self, workload: Workload) -> None:
        self.workloads.append(workload)
        self._do(workload)


StandIn = Callable[[Callable[[Workload], None]], Standin]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Puts a stand-in in the place of every back end."""

    def put(do: Callable[[Workload], None]) -> Standin:
        its = Standin(do)
        monkeypatch.setattr(Site, "back_end", lambda site: its)
        return its

    return put


@pytest.fixture
def spec(tmp_path: Path) -> SweepSpec:
    """Two trials, `standard` and `pgd`."""
    return read_sweep(tmp_path)


def begin(
    spec: SweepSpec, *, joins: bool = False, address: str | None = None, page: PageWhen = "none"
) -> tuple[Outcome, str]:
    """A start in this process, and what it says."""
    console = Console(width=200)
    with console.capture() as said:
        outcome = start(
            spec,
            address=address,
            is_local=address is None,
            joins=joins,
            retry_failed=False,
            page=page,
            console=console,
        )
    return outcome, said.get()


def nothing(workload: Workload) -> None:
    """What a back end does that is stopped at once."""


def files_of(spec: SweepSpec) -> LocalFiles:
    return LocalFiles(Path(spec.storage))


def test_all_is_held_and_kept_while_trials_run(spec: SweepSpec, stand_in: StandIn) -> None:
    def look(workload: Workload) -> None:
        (its,) = all_starts(files_of(spec), spec.name)
        assert its.folder == workload.start
        assert not its.is_over
        names = contents(Path(spec.storage) / spec.folder)
        assert {"spec.yaml", "plan.json"} <= names.keys()
        assert "trials.csv" not in names
        assert not workload.is_stopped()

    its = stand_in(look)
    outcome, said = begin(spec)
    (workload,) = its.workloads
    assert [planned.method for planned in workload.trials] == ["standard", "pgd"]
    assert said == "small: 2 trials, 2 to run\n"
    assert outcome.plan.counts() == {"pending": 2}
    assert {"trials.csv", "front.csv", "front.json"} <= set(outcome.files)
    assert outcome.folder == f"{spec.storage}/sweeps/small"
    assert (outcome.signal, outcome.budget, outcome.tracked) == (None, None, True)
    (over,) = all_starts(files_of(spec), spec.name)
    assert over.is_over


@pytest.mark.slow
def test_a_live_page_is_there_while_trials_run_and_is_over_at_the_end(
    spec: SweepSpec, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("orchestrator.page.document", "orchestrator.driver.live_page"):
        monkeypatch.setattr(f"{module}.charting_library", lambda: "")  # takes a second
    path = Path(spec.storage) / spec.folder / "report.html"
    live = []

    def look(workload: Workload) -> None:
        end = time.monotonic() + 120
        while not path.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        live.append(path.read_text())

    stand_in(look)
    outcome, _ = begin(spec, page="live")
    assert '"live":true' in live[0]
    assert "0 of 2 done; 2 pending" in live[0]
    assert outcome.files[-1] == "report.html"
    assert '"live":false' in path.read_text()


@pytest.mark.slow
def test_budget_stops_nothing_where_nothing_is_left_to_do(
    tmp_path: Path, stand_in: StandIn
) -> None:
    """So a sweep that ends at its cap, or is looked at again, is done: nobody needs to raise it."""
    spec = read_sweep(tmp_path, "small", "budget.disk_gb=1e-9")
    its = stand_in(nothing)
    do_sweep(spec)
    outcome, _ = begin(spec)
    assert outcome.plan.counts() == {"done": 2}
    assert outcome.budget is None
    assert not its.workloads


def test_where_a_cluster_refuses_nothing_is_written(
    spec: SweepSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(site: Site) -> None:
        raise NoClusterError("none takes this driver")

    monkeypatch.setattr(Site, "join", refuse)
    with pytest.raises(NoClusterError):
        begin(spec)
    assert not Path(spec.storage).exists()


@pytest.mark.slow
def test_held_by_another_nothing_is_run(spec: SweepSpec, stand_in: StandIn) -> None:
    its = stand_in(nothing)
    files = files_of(spec)
    enter(files)
    with begun(files, files, spec.name, joins=False, lasts=60.0, on_tick=lambda lease: None):
        with pytest.raises(HeldError):
            begin(spec)
        assert its.workloads == []
        begin(spec, joins=True)
        assert len(its.workloads) == 1


def test_start_that_is_asked_to_stop_still_leaves_its_results(
    spec: SweepSpec, stand_in: StandIn
) -> None:
    def interrupt(workload: Workload) -> None:
        signal.raise_signal(signal.SIGTERM)
        assert workload.is_stopped()

    stand_in(interrupt)
    outcome, _ = begin(spec)
    assert outcome.signal == signal.SIGTERM
    assert (Path(outcome.folder) / "trials.csv").exists()


@pytest.mark.slow
def test_finished_sweep_asks_for_no_back_end(spec: SweepSpec, stand_in: StandIn) -> None:
    do_sweep(spec)
    its = stand_in(nothing)
    outcome, said = begin(spec)
    assert (its.workloads, said) == ([], "")
    assert outcome.plan.counts() == {"done": 2}


def test_what_is_found_before_anything_runs_is_kept(spec: SweepSpec) -> None:
    store = store_of(spec)
    enter(store.files)
    plan = plan_start(spec, store)
    checked = Ready(recorded=plan, plan=plan, pending=plan.trials, resources=Resources())
    console = Console(width=200)
    with console.capture() as said:
        assert keep(spec, checked, store, console, retry_failed=False) == (plan, plan.trials)
    assert said.get() == ""
    assert set(contents(Path(spec.storage) / spec.folder)) == {"spec.yaml", "plan.json"}
