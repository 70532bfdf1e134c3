"""Weights are given up where nobody keeps them, results never, and both come back on demand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.driver.retention import drop_weights, keep_front_alone
from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import NOTHING
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import LocalFiles, Store
from orchestrator.store.housekeeping.verification import contents, verify
from orchestrator.store.leases.records import About
from tests.orchestrator.finished import do_sweep, read_sweep, store_of
from tests.orchestrator.working import contents as bytes_in
from tests.orchestrator.working import result_of, run, small_suite
from trainer.config import Trial


class KilledError(Exception):
    """In the place of what ends a process."""


class Dying(LocalFiles):
    """Files whose owner is killed at a change of them, before or after it is done."""

    def __init__(self, root: Path, changes: int) -> None:
        super().__init__(root)
        self._changes = changes

    def _live(self) -> None:
        self._changes -= 1
        if self._changes < 0:
            raise KilledError

    def write(self, name: str, data: bytes) -> None:
        self._live()
        super().write(name, data)

    def remove(self, name: str) -> None:
        self._live()
        super().remove(name)

    def rename(self, name: str, other: str) -> None:
        self._live()
        super().rename(name, other)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in whose storage a sweep is done; its front is the reference alone."""
    folder = tmp_path_factory.mktemp("done")
    do_sweep(read_sweep(folder, "small", "retention.weights=front"))
    return folder


@pytest.fixture
def spec(done: Path, tmp_path: Path) -> SweepSpec:
    """That sweep, in a copy of the storage."""
    shutil.copytree(done / "runs", tmp_path / "runs")
    return read_sweep(tmp_path, "small", "retention.weights=front")


def trials(spec: SweepSpec) -> tuple[Trial, Trial]:
    """The reference, and the one that is not on the front."""
    first, second = make_plan(spec, store_of(spec)).trials
    return first.trial, second.trial


def drop(spec: SweepSpec, store: Store | None = None) -> frozenset[str]:
    """As a sweep does at its end that keeps its reference alone."""
    reference, other = (trial.id for trial in trials(spec))
    return drop_weights(
        store or store_of(spec), sweep=spec.name, keep={reference}, candidates={reference, other}
    )


def has_weights(spec: SweepSpec, trial: Trial) -> bool:
    return store_of(spec).trial(trial.id).weights() is not None


def counts(spec: SweepSpec) -> dict[str, int]:
    return make_plan(spec, store_of(spec)).counts()


def blobs(spec: SweepSpec, trial: Trial) -> set[str]:
    names = bytes_in(Path(spec.storage) / "trials" / trial.id)
    return {Path(name).name for name in names if name.endswith((".pt", ".npz", ".sha256"))}


def damage(spec: SweepSpec, trial: Trial) -> None:
    for path in (Path(spec.storage) / "trials" / trial.id).rglob("weights.pt"):
        path.write_bytes(path.read_bytes()[::-1])


# --- what is given up


def test_weights_go_and_results_stay(spec: SweepSpec) -> None:
    reference, other = trials(spec)
    stored = store_of(spec).trial(other.id)
    before = (stored.progress(spec.suite.id), stored.rows(), stored.outcomes(spec.suite.id))
    kept = blobs(spec, reference)
    assert drop(spec) == {other.id}
    assert counts(spec) == {"done": 2}
    assert blobs(spec, other) == {
        f"{suite.id}.npz{end}" for suite in spec.suites for end in ("", ".sha256")
    }
    assert blobs(spec, reference) == kept
    assert has_weights(spec, reference)
    assert not has_weights(spec, other)
    after = (stored.progress(spec.suite.id), stored.rows(), stored.outcomes(spec.suite.id))
    assert after[0].result == before[0].result
    assert after[0].evaluation == before[0].evaluation
    assert after[1] == before[1]
    assert before[2] is not None and after[2] is not None
    assert (after[2].natural == before[2].natural).all()
    assert counts(spec) == {"done": 2}  # to ask for the weights has changed nothing


def test_weights_go_once_all_of_the_sweep_is_done(spec: SweepSpec) -> None:
    reference, other = trials(spec)
    plan = make_plan(spec, store_of(spec))
    first, second = plan.trials
    half = replace(plan, trials=(first, replace(second, progress=NOTHING)))
    keep_front_alone(store_of(spec), half, sweep=spec.name, kept=set(), others=set())
    assert has_weights(spec, other)
    keep_front_alone(store_of(spec), plan, sweep=spec.name, kept={other.id}, others=set())
    assert has_weights(spec, other)
    keep_front_alone(store_of(spec), plan, sweep=spec.name, kept=set(), others={"another"})
    assert has_weights(spec, other), "which may have more trials, that start from it"
    keep_front_alone(store_of(spec), plan, sweep=spec.name, kept=set(), others=set())
    assert has_weights(spec, reference)
    assert not has_weights(spec, other)


def test_dropping_again_changes_nothing(spec: SweepSpec) -> None:
    first = drop(spec)
    before = bytes_in(Path(spec.storage))
    assert drop(spec) == first
    assert bytes_in(Path(spec.storage)) == before


@pytest.mark.slow
def test_killed_anywhere_it_comes_to_the_same(spec: SweepSpec, tmp_path: Path) -> None:
    shutil.copytree(spec.storage, tmp_path / "whole")
    drop(spec)
    dropped = bytes_in(Path(spec.storage))
    for changes in range(100):
        shutil.rmtree(spec.storage)
        shutil.copytree(tmp_path / "whole", spec.storage)
        try:
            drop(spec, Store(Dying(Path(spec.storage), changes)))
        except KilledError:
            assert counts(spec) == {"done": 2}
            files = LocalFiles(Path(spec.storage))
            found = verify(files, contents(files), dry_run=True, on_read=lambda name: None)
            assert not [finding for finding in found if finding.is_damage]
            drop(spec)
            assert bytes_in(Path(spec.storage)) == dropped
        else:
            break
    assert changes == 5  # renamed, then two blobs with their checksums removed


def test_untrained_trials_are_passed_over(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path)
    store = store_of(spec)
    assert drop(spec) == frozenset()
    assert not store.files.sizes("trials")


def test_trial_at_work_keeps_its_weights(spec: SweepSpec) -> None:
    _, other = trials(spec)
    attempt = store_of(spec).trial(other.id).begin(other, 2, lasts=60.0, about=About())
    assert attempt is not None
    assert drop(spec) == frozenset()
    attempt.end("stopped")
    assert drop(spec) == {other.id}


# --- what another sweep keeps


def test_other_sweep_keeps_what_it_holds(spec: SweepSpec, tmp_path: Path) -> None:
    do_sweep(read_sweep(tmp_path, "other"))
    assert drop(spec) == frozenset()


def test_other_sweep_that_keeps_its_front_alone_does_not(spec: SweepSpec, tmp_path: Path) -> None:
    do_sweep(read_sweep(tmp_path, "other", "retention.weights=front"))
    assert drop(spec) == {trials(spec)[1].id}


@pytest.mark.slow
def test_other_sweep_keeps_its_front(tmp_path: Path) -> None:
    """Of trials long enough that none has collapsed: such are on no front."""
    longer = ("training.epochs=4", "retention.weights=front")
    spec = read_sweep(tmp_path, "small", *longer)
    do_sweep(spec)
    other = read_sweep(
        tmp_path,
        "other",
        *longer,
        "objectives=[min:natural_accuracy, min:worst_pgd]",  # the worse one is on its front
        "hypervolume.reference=[1, 1]",
    )
    do_sweep(other)
    assert trials(spec)[1].id.encode() in (
        store_of(other).files.read("sweeps/other/front.csv") or b""
    )
    assert drop(spec) == frozenset()


def test_other_sweeps_front_is_not_known_before_it_is_done(spec: SweepSpec, tmp_path: Path) -> None:
    other = read_sweep(tmp_path, "other", "retention.weights=front")
    do_sweep(other)
    files = store_of(other).files
    table = files.read("sweeps/other/trials.csv") or b""
    files.remove("sweeps/other/plan.json")
    files.write("sweeps/other/trials.csv", table.replace(b",done,", b",pending,", 1))
    assert drop(spec) == frozenset()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda files: [files.remove(f"sweeps/other/{it}") for it in ("plan.json", "trials.csv")],
        lambda files: files.write("sweeps/other/plan.json", b""),
        lambda files: files.write("sweeps/other/front.csv", b""),
        lambda files: files.remove("sweeps/other/front.csv"),
        lambda files: files.write("sweeps/other/spec.yaml", b""),
        lambda files: files.write("sweeps/other/spec.yaml", b"a: [b"),
        lambda files: files.remove("sweeps/other/spec.yaml"),
    ],
)
def test_other_sweep_of_which_too_little_is_known_keeps_all(
    spec: SweepSpec, tmp_path: Path, spoil: Callable[[LocalFiles], object]
) -> None:
    do_sweep(read_sweep(tmp_path, "other", "retention.weights=front"))
    spoil(LocalFiles(Path(spec.storage)))
    assert drop(spec) == frozenset()


# --- when they are wanted again


@pytest.mark.slow
def test_new_suite_trains_them_again_while_the_old_results_count(spec: SweepSpec) -> None:
    _, other = trials(spec)
    store = store_of(spec)
    before = result_of(other, spec.suite, store)
    drop(spec)
    stored, suite = store.trial(other.id), small_suite(20)
    seen = []

    def report(row: object) -> None:
        seen.append(stored.progress(spec.suite.id).evaluation)

    evaluation = stored.evaluation(spec.suite.id)
    assert run(other, suite, store, report=report) == ("done", [1, 2])
    assert seen == [evaluation, evaluation]
    assert stored.evaluation(spec.suite.id) == evaluation
    assert stored.evaluation(suite.id) is not None
    result = stored.progress(suite.id).result
    assert result is not None and result.attempt == 2
    assert result_of(other, spec.suite, store) == before
    assert run(other, suite, store) == ("done", [])


def test_killed_while_training_again_it_goes_on(spec: SweepSpec) -> None:
    _, other = trials(spec)
    store, suite = store_of(spec), small_suite(20)
    drop(spec)

    def report(row: object) -> None:
        raise KilledError

    assert run(other, suite, store, report=report) == ("failed", [1])
    assert counts(spec) == {"done": 2}
    assert run(other, suite, store) == ("done", [2])


def test_what_was_trained_again_may_be_dropped_again(spec: SweepSpec) -> None:
    _, other = trials(spec)
    drop(spec)
    run(other, small_suite(20), store_of(spec))
    assert has_weights(spec, other)
    drop(spec)
    assert not has_weights(spec, other)
    assert counts(spec) == {"done": 2}
    assert store_of(spec).trial(other.id).evaluation(small_suite(20).id) is not None


def test_damage_after_that_is_mended_as_ever(spec: SweepSpec) -> None:
    """The result from before the weights were dropped does not stand in for the damaged one."""
    _, other = trials(spec)
    drop(spec)
    run(other, small_suite(20), store_of(spec))
    damage(spec, other)
    assert not has_weights(spec, other)
    assert counts(spec) == {"done": 1, "stopped": 1}
    do_sweep(spec)
    assert has_weights(spec, other)


class Raced(LocalFiles):
    """Files in which the weights are dropped between a reader's looks at the result and at them."""

    def __init__(self, spec: SweepSpec) -> None:
        super().__init__(Path(spec.storage))
        self._spec = spec

    def read(self, name: str) -> bytes | None:
        if name.endswith("/weights.pt"):
            drop(self._spec)
        return super().read(name)


def test_reader_that_comes_too_late_takes_nothing_back(spec: SweepSpec) -> None:
    _, other = trials(spec)
    assert Store(Raced(spec)).trial(other.id).weights() is None
    assert counts(spec) == {"done": 2}
    assert not list(Path(spec.storage).rglob("*.damaged"))


def test_what_confirms_a_sweep_is_kept_from_all_others(spec: SweepSpec) -> None:
    """It is in the sweep's plan, and in no table of its own trials."""
    _, other = trials(spec)
    place = Path(spec.storage) / spec.folder / "trials.csv"
    whole = place.read_text().splitlines(keepends=True)

    def dropped() -> frozenset[str]:
        return drop_weights(store_of(spec), sweep="mine", keep=set(), candidates={other.id})

    place.write_text("".join(line for line in whole if other.id not in line))
    assert not dropped()
    place.write_text("".join(whole))
    assert dropped() == {other.id}
