"""Trials in the store: what is read was written, nothing damaged is taken up, one winner of each
race."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from orchestrator.store import Attempt, LocalFiles, Store, StoredTrial
from orchestrator.store.leases import lease
from orchestrator.store.leases.lease import LostError, SilenceTimer
from orchestrator.store.leases.records import About
from orchestrator.store.records.sealed import write_blob
from orchestrator.store.trials.records import (
    Evaluated,
    Halves,
    OnImages,
    Predecessor,
    Trained,
    steering,
)
from tests.orchestrator.plain import read_plain
from tests.orchestrator.working import IN_MEMORY, MakeTrial
from trainer.config import Trial
from trainer.evaluation.outcomes import Outcomes
from trainer.training.loop import EpochRow
from trainer.weights.checkpoint import Checkpoint, Weights

# --- trials

LASTS = 60.0


@pytest.fixture(scope="module")
def trial(small_trial: MakeTrial) -> Trial:
    """Of three epochs at one learning rate: a longer one could go on from it."""
    return small_trial()


@pytest.fixture(scope="module")
def falling(small_trial: MakeTrial) -> Trial:
    """Of three epochs at a learning rate that falls half way."""
    return small_trial(training={"optimiser": {"schedule": [[0, 1], [0.5, 0.1]]}})


@pytest.fixture
def stored(store: Store, trial: Trial) -> StoredTrial:
    return store.trial(trial.id)


@pytest.fixture
def folder(tmp_path: Path, trial: Trial) -> Path:
    return tmp_path / "runs" / "trials" / trial.id


@pytest.fixture
def begin(stored: StoredTrial, trial: Trial) -> Callable[..., Attempt]:
    """Begin the attempt after all so far, whoever is at work."""

    def attempt(**about: Any) -> Attempt:
        number = len(stored.past_attempts()) + 1
        found = stored.begin(trial, number, lasts=LASTS, about=About(**about))
        assert found is not None
        return found

    return attempt


def state_after(epochs: int, steps: int = 0) -> Checkpoint:
    """A checkpoint whose weights say where it stands."""
    return Checkpoint(
        epochs_done=epochs,
        steps_done=steps,
        model={"weight": torch.tensor([epochs + steps / 100])},
        optimiser={"lr": 0.1},
        weighting={},
        epoch={"steps": steps} if steps else {},
    )


def row(epoch: int) -> EpochRow:
    return {"epoch": epoch, "loss/natural": 1 / epoch}


def run_epochs(attempt: Attempt, epochs: range) -> Attempt:
    for epoch in epochs:
        attempt.keep_row(row(epoch))
        attempt.keep_checkpoint(state_after(epoch))
    return attempt


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def weights(value: float) -> Weights:
    return Weights(trial={"seed": 0}, model={"weight": torch.tensor([value])})


def published(attempt: Attempt, value: float, *, keeps_last: bool = False) -> bool:
    return attempt.publish(weights(value), Trained(epochs=3, seconds=1.5), keeps_last=keeps_last)


def value_of(stored: StoredTrial) -> float | None:
    found = stored.weights()
    return None if found is None else float(found.model["weight"])


def outcomes_of(bits: list[bool]) -> Outcomes:
    return Outcomes(
        natural=np.array([True, True, False]),
        robust={"pgd": np.array([bits, [False] * 3])},
        ladders={"pgd": (1, 5)},
    )


def checkpoints(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("checkpoints/*"))


def test_newest_two_checkpoints_of_an_attempt_are_kept(
    begin: Callable[..., Attempt], stored: StoredTrial, folder: Path
) -> None:
    attempt = begin()
    for epochs, steps in [(0, 3), (1, 0), (1, 2), (1, 4)]:
        attempt.keep_checkpoint(state_after(epochs, steps))
    names = ["000001-000002.pt", "000001-000004.pt"]
    both = [f"attempts/000001/checkpoints/{name}{end}" for name in names for end in ("", ".sha256")]
    assert checkpoints(folder) == both
    progress = stored.progress("")
    assert (progress.epochs_done, progress.steps_done) == (1, 4)
    attempt.keep_checkpoint(state_after(1, 4))
    assert checkpoints(folder) == both


POSITIONS = [(0, 1), (0, 10), (0, 9), (1, 0), (1, 2), (2, 0), (10, 0), (9, 99)]


@settings(max_examples=20)
@given(st.lists(st.sampled_from(POSITIONS), min_size=1, max_size=3, unique=True))
def test_farthest_checkpoint_is_gone_on_from_whoever_wrote_it(
    small_trial: MakeTrial, positions: list[tuple[int, int]]
) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        trial = small_trial()
        stored = Store(LocalFiles(Path(folder))).trial(trial.id)
        for number, position in enumerate(positions, start=1):
            attempt = stored.begin(trial, number, lasts=LASTS, about=About())
            assert attempt is not None
            attempt.keep_checkpoint(state_after(*position))
        checkpoint, origin = stored.resume_point(trial)
        assert checkpoint is not None
        assert origin is not None
        assert checkpoint.position == max(positions)
        assert origin.attempt == 1 + positions.index(max(positions))
        progress = stored.progress("")
        assert (progress.epochs_done, progress.steps_done) == max(positions)


def test_new_attempt_goes_on_with_the_rows_so_far(
    begin: Callable[..., Attempt], stored: StoredTrial, trial: Trial
) -> None:
    run_epochs(begin(), range(1, 3)).keep_checkpoint(state_after(2, 4))
    second = begin()
    checkpoint, origin = stored.resume_point(trial)
    assert checkpoint is not None
    assert origin is not None
    assert checkpoint.position == (2, 4)
    assert checkpoint.epoch == {"steps": 4}
    second.go_on_from(origin)
    run_epochs(second, range(3, 5))
    assert second.rows == stored.rows() == [row(epoch) for epoch in (1, 2, 3, 4)]
    checkpoint, origin = stored.resume_point(trial)
    assert checkpoint is not None
    assert origin == Predecessor(
        trial=trial.id,
        attempt=2,
        degraded=False,
        validation=trial.validation_id,
        rows=tuple(row(n) for n in (1, 2, 3, 4)),
    )


def test_row_after_the_checkpoint_is_told_again(
    begin: Callable[..., Attempt], stored: StoredTrial, trial: Trial
) -> None:
    run_epochs(begin(), range(1, 2)).keep_row(row(2))
    _, origin = stored.resume_point(trial)
    assert origin is not None
    assert origin.rows == (row(1),)


@pytest.mark.parametrize(
    ("damaged", "position"),
    [
        (["000003-000000.pt"], (2, 0)),
        (["000003-000000.pt.sha256"], (2, 0)),
        (["000003-000000.pt", "000002-000000.pt"], (1, 7)),
        (["000003-000000.pt", "000002-000000.pt", "000001-000007.pt"], None),
    ],
)
def test_damaged_checkpoint_is_set_aside(
    begin: Callable[..., Attempt],
    stored: StoredTrial,
    folder: Path,
    trial: Trial,
    *,
    damaged: list[str],
    position: tuple[int, int] | None,
) -> None:
    begin().keep_checkpoint(state_after(1, 7))
    run_epochs(begin(), range(1, 4))
    for name in damaged:
        (path,) = folder.glob(f"attempts/*/checkpoints/{name}")
        flip_a_bit(path)
    checkpoint, _ = stored.resume_point(trial)
    assert (checkpoint and checkpoint.position) == position
    aside = {path.name for path in folder.rglob("*.damaged")}
    assert aside == {f"{name.removesuffix('.sha256')}.damaged" for name in damaged}


def test_whole_file_of_another_format_is_no_checkpoint(
    begin: Callable[..., Attempt], stored: StoredTrial, folder: Path, trial: Trial
) -> None:
    run_epochs(begin(), range(1, 3))
    write_blob(LocalFiles(folder), "attempts/000001/checkpoints/000002-000000.pt", b"of old")
    checkpoint, _ = stored.resume_point(trial)
    assert checkpoint is not None
    assert checkpoint.position == (1, 0)


def test_damaged_row_costs_no_training(
    begin: Callable[..., Attempt],
    stored: StoredTrial,
    folder: Path,
    trial: Trial,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run_epochs(begin(), range(1, 4))
    flip_a_bit(folder / "attempts/000001/rows/000002.json")
    checkpoint, origin = stored.resume_point(trial)
    assert checkpoint is not None
    assert origin is not None
    assert checkpoint.position == (3, 0)
    assert [row["epoch"] for row in origin.rows] == [1, 3]
    assert "1 of the rows of its 3 epochs are damaged or gone" in caplog.text


def test_degradation_is_remembered_through_all_that_goes_on_from_it(
    begin: Callable[..., Attempt], stored: StoredTrial, trial: Trial
) -> None:
    run_epochs(begin(micro_batches=1), range(1, 2))
    _, origin = stored.resume_point(trial)
    assert origin is not None
    assert not origin.degraded
    for epoch, micro_batches in ((2, 4), (3, 1), (4, 1)):
        attempt = begin(micro_batches=micro_batches)
        attempt.go_on_from(origin)
        run_epochs(attempt, range(epoch, epoch + 1))
        _, origin = stored.resume_point(trial)
        assert origin is not None
        assert origin.attempt == epoch
        assert origin.degraded


# --- siblings


@pytest.mark.parametrize("is_constant", [True, False])
def test_longer_trial_goes_on_from_the_longest_shorter_one_where_the_rate_is_constant(
    store: Store, trial: Trial, falling: Trial, *, is_constant: bool
) -> None:
    shortest = trial if is_constant else falling

    def lasting(epochs: int) -> Trial:
        training = shortest.training.model_copy(update={"epochs": epochs})
        return shortest.model_copy(update={"training": training})

    for epochs in (3, 5, 4, 9):
        sibling = lasting(epochs)
        stored = store.trial(sibling.id)
        stored.describe(sibling)
        attempt = stored.begin(sibling, 1, lasts=LASTS, about=About())
        assert attempt is not None
        run_epochs(attempt, range(1, epochs + 1))
        published(attempt, 1.0, keeps_last=True)
    longer = lasting(7)
    store.trial(longer.id).describe(longer)
    checkpoint, origin = store.trial(longer.id).resume_point(longer)
    if is_constant:
        assert checkpoint is not None
        assert origin is not None
        assert checkpoint.position == (5, 0)
        assert origin.trial == lasting(5).id
        assert [row["epoch"] for row in origin.rows] == [1, 2, 3, 4, 5]
    else:
        assert (checkpoint, origin) == (None, None)


def test_sibling_of_another_seed_is_none(store: Store, trial: Trial) -> None:
    other = trial.model_copy(update={"seed": 1})
    stored = store.trial(other.id)
    stored.describe(other)
    attempt = stored.begin(other, 1, lasts=LASTS, about=About())
    assert attempt is not None
    run_epochs(attempt, range(1, 3))
    training = trial.training.model_copy(update={"epochs": 9})
    longer = trial.model_copy(update={"training": training})
    assert store.trial(longer.id).resume_point(longer) == (None, None)


# --- results


@pytest.mark.parametrize(("is_constant", "keeps_last"), [(1, 1), (1, 0), (0, 1), (0, 0)])
def test_publishing_ends_the_training(
    store: Store,
    trial: Trial,
    falling: Trial,
    tmp_path: Path,
    *,
    is_constant: bool,
    keeps_last: bool,
) -> None:
    it = trial if is_constant else falling
    stored, folder = store.trial(it.id), tmp_path / "runs" / "trials" / it.id
    first = stored.begin(it, 1, lasts=LASTS, about=About())
    second = stored.begin(it, 2, lasts=LASTS, about=About())
    assert first is not None
    assert second is not None
    run_epochs(first, range(1, 3)).keep_checkpoint(state_after(2, 4))
    run_epochs(second, range(1, 4))
    assert published(second, 7.0, keeps_last=keeps_last)
    progress = stored.progress("")
    assert progress.trained
    assert progress.result is not None
    assert (progress.result.attempt, progress.result.seconds) == (2, 1.5)
    assert value_of(stored) == 7.0
    assert [row["epoch"] for row in stored.rows()] == [1, 2, 3]
    last = "attempts/000002/checkpoints/000003-000000.pt"
    kept = [last, f"{last}.sha256"] if is_constant and keeps_last else []
    assert checkpoints(folder) == kept


def test_first_of_several_attempts_to_publish_is_the_trials(
    begin: Callable[..., Attempt], stored: StoredTrial, folder: Path
) -> None:
    attempts = [run_epochs(begin(), range(1, 2)) for _ in range(6)]
    barrier = threading.Barrier(6)

    def publish(number: int) -> bool:
        barrier.wait()
        return published(attempts[number], float(number))

    with ThreadPoolExecutor(6) as threads:
        told = list(threads.map(publish, range(6)))
    assert sum(told) == 1
    assert value_of(stored) == float(told.index(True))
    assert len(list(folder.rglob("weights.pt"))) == 1
    assert checkpoints(folder) == []


@pytest.mark.parametrize("damage", [flip_a_bit, Path.unlink, lambda path: path.write_bytes(b"")])
def test_result_without_whole_weights_is_set_aside(
    begin: Callable[..., Attempt],
    stored: StoredTrial,
    folder: Path,
    damage: Callable[[Path], object],
) -> None:
    published(run_epochs(begin(), range(1, 3)), 1.0)
    (path,) = folder.rglob("weights.pt")
    damage(path)
    assert stored.weights() is None
    assert not stored.progress("").trained
    assert (folder / "result.json.damaged").exists()
    assert published(begin(), 2.0)
    assert value_of(stored) == 2.0


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_result_whose_weights_are_short_is_seen_by_their_size(
    begin: Callable[..., Attempt],
    stored: StoredTrial,
    folder: Path,
    damage: Callable[[Path], object],
) -> None:
    published(begin(), 1.0)
    assert stored.progress("").trained
    (path,) = folder.rglob("weights.pt")
    damage(path)
    assert not stored.progress("").trained


def test_whole_file_of_another_format_is_no_weights(
    begin: Callable[..., Attempt], stored: StoredTrial, folder: Path
) -> None:
    published(begin(), 1.0)
    write_blob(LocalFiles(folder), "attempts/000001/weights.pt", b"whole, but not of torch.save")
    assert stored.weights() is None
    assert not stored.progress("").trained


def test_damaged_result_is_published_anew(
    begin: Callable[..., Attempt], stored: StoredTrial, folder: Path
) -> None:
    published(begin(), 1.0)
    flip_a_bit(folder / "result.json")
    assert not stored.progress("").trained
    assert value_of(stored) is None
    assert published(begin(), 2.0)
    assert value_of(stored) == 2.0


def test_outcomes_come_back_as_they_were(
    begin: Callable[..., Attempt], stored: StoredTrial, folder: Path
) -> None:
    attempt = begin()
    published(attempt, 1.0)
    kept = outcomes_of([True, False, False])
    attempt.keep_outcomes("e1", kept, Evaluated(seconds=0.5, accuracies=kept.accuracies()))
    record = stored.evaluation("e1")
    assert record is not None
    assert record.accuracies == kept.accuracies()
    assert stored.progress("e1").evaluation == record
    assert stored.evaluation("e2") is None
    assert stored.outcomes("e2") is None
    found = stored.outcomes("e1")
    assert found is not None
    assert found.accuracies() == kept.accuracies()
    assert found.ladders == {"pgd": (1, 5)}
    flip_a_bit(folder / "attempts/000001/outcomes/e1.npz")
    assert stored.outcomes("e1") is None
    assert stored.evaluation("e1") is None, "without its bits an evaluation is none"
    begin().keep_outcomes("e1", kept, Evaluated(seconds=0.5, accuracies=kept.accuracies()))
    assert stored.outcomes("e1") is not None


def test_evaluation_of_weights_that_are_gone_is_none(
    begin: Callable[..., Attempt], stored: StoredTrial, folder: Path
) -> None:
    attempt, kept = begin(), outcomes_of([True] * 3)
    published(attempt, 1.0)
    attempt.keep_outcomes("e1", kept, Evaluated(seconds=0.5, accuracies=kept.accuracies()))
    (folder / "attempts/000001/weights.pt").unlink()
    assert stored.progress("e1").evaluation is None


def test_evaluations_are_those_under_every_suite_but_the_damaged(
    begin: Callable[..., Attempt], stored: StoredTrial, folder: Path
) -> None:
    attempt, kept = begin(), outcomes_of([True] * 3)
    published(attempt, 1.0)
    assert stored.evaluations() == {}
    for suite_id in ("e1", "e2"):
        attempt.keep_outcomes(suite_id, kept, Evaluated(seconds=0.5, accuracies=kept.accuracies()))
    found = {suite_id: stored.evaluation(suite_id) for suite_id in ("e1", "e2")}
    assert stored.evaluations() == found
    flip_a_bit(folder / "evaluations/e1.json")
    assert stored.evaluations() == {"e2": found["e2"]}


def test_a_rule_is_told_of_the_validation_images_that_steer_alone(
    begin: Callable[..., Attempt], stored: StoredTrial
) -> None:
    """Not of the test set, nor of the images that pick."""
    attempt, kept = begin(), outcomes_of([True] * 3)
    published(attempt, 1.0)
    halves = Halves(
        steering=OnImages(examples=1, accuracies={"natural_accuracy": 0.25}),
        picking=OnImages(examples=2, accuracies={"natural_accuracy": 0.75}),
    )
    for suite_id, split, its_halves in (
        ("e1", "test", None),
        ("e2", "validation", halves),
        ("e3", "validation", None),
    ):
        facts = Evaluated(
            suite={"split": split},
            examples=3,
            seconds=0.5,
            accuracies={"natural_accuracy": 0.5},
            halves=its_halves,
        )
        attempt.keep_outcomes(suite_id, kept, facts)
    told = steering(stored.evaluations())
    found = {name: (it.accuracies["natural_accuracy"], it.examples) for name, it in told.items()}
    assert found == {"e2": (0.25, 1), "e3": (0.5, 3)}, "of e3 the halves are not told apart"


# --- what was lost and follows from the rest


def test_end_of_an_attempt_whose_evaluation_stands_is_made_again(
    begin: Callable[..., Attempt], stored: StoredTrial, trial: Trial, folder: Path
) -> None:
    """Not that of an attempt after it, of which nobody knows how it ended."""
    attempt, kept = begin(), outcomes_of([True] * 3)
    published(attempt, 1.0)
    attempt.keep_outcomes("e1", kept, Evaluated(seconds=0.5, accuracies=kept.accuracies()))
    attempt.end("done")
    ended = folder / "attempts/000001/ended.json"
    ended.unlink()
    stored.mend(trial, stored.progress("e2"), has_family=True)
    assert not ended.exists(), "under that suite it may not be done"
    stored.mend(trial, stored.progress("e1"), has_family=True)
    (past,) = stored.past_attempts()
    assert past.ended is not None
    assert past.ended.how == "done"
    begin()
    stored.mend(trial, stored.progress("e1"), has_family=True)
    assert [it.ended and it.ended.how for it in stored.past_attempts()] == ["done", None]


@pytest.mark.parametrize("is_lost", [True, False])
def test_description_that_is_lost_or_not_found_by_siblings_is_made_again(
    begin: Callable[..., Attempt], stored: StoredTrial, trial: Trial, folder: Path, *, is_lost: bool
) -> None:
    stored.describe(trial)
    begin().end("stopped")
    before = (folder / "trial.json").read_bytes()
    families = {path: path.read_bytes() for path in folder.parents[1].glob("families/*/*")}
    assert len(families) == 1
    if is_lost:
        (folder / "trial.json").unlink()
    for path in families:
        path.unlink()
    stored.mend(trial, stored.progress(""), has_family=False)
    assert (folder / "trial.json").read_bytes() == before
    assert {path: path.read_bytes() for path in families} == families


# --- who is at work, how it ended


def test_failure_stands_until_another_attempt_begins(
    begin: Callable[..., Attempt], stored: StoredTrial
) -> None:
    assert stored.progress("").failure is None
    attempt = begin()
    assert stored.progress("").is_held
    attempt.fail("diverged", "losses must be finite", "Traceback ...")
    progress = stored.progress("")
    assert not progress.is_held
    assert progress.failure is not None
    assert (progress.failure.kind, progress.failure.message) == (
        "diverged",
        "losses must be finite",
    )
    assert progress.failure.details == "Traceback ..."
    begin()
    assert stored.progress("").failure is None
    ends = [state.ended and state.ended.how for state in stored.past_attempts()]
    assert ends == ["failed", None]


def test_failures_are_kept_without_secrets(
    begin: Callable[..., Attempt], stored: StoredTrial
) -> None:
    message = "no answer of db://me:canary@host/x?token=canary"
    begin().fail("exception", message, f"Traceback ...\n  {message}")
    for _ in range(2):
        failure = stored.progress("").failure
        assert failure is not None
        assert failure.message == "no answer of db://me:***@host/x?token=***"
        assert failure.details == f"Traceback ...\n  {failure.message}"
        stored.record_failure("worker_lost", message, f"Traceback ...\n  {message}")


def test_attempt_begins_only_after_the_one_before(stored: StoredTrial, trial: Trial) -> None:
    watch = SilenceTimer()
    assert stored.next_attempt(watch, LASTS) == 1
    first = stored.begin(trial, 1, lasts=LASTS, about=About(sweep="front"))
    assert first is not None
    assert stored.begin(trial, 1, lasts=LASTS, about=About()) is None
    assert stored.next_attempt(watch, LASTS) is None
    first.end("stopped")
    assert stored.next_attempt(watch, LASTS) == 2
    (state,) = stored.past_attempts()
    assert state.about == About(sweep="front")


def test_trial_that_is_given_up_is_lost_to_whoever_is_at_work(
    begin: Callable[..., Attempt], stored: StoredTrial, folder: Path
) -> None:
    attempt = begin()
    with attempt.kept(lambda: None):
        stored.record_failure("worker_lost", "its worker died 3 times", "its last words")
    failure = stored.progress("").failure
    assert failure is not None
    assert (failure.kind, failure.details) == ("worker_lost", "its last words")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    kept = outcomes_of([True] * 3)
    origin = Predecessor(trial="t1", attempt=1, degraded=False, rows=())
    writes: list[Callable[[], object]] = [
        lambda: attempt.keep_row(row(1)),
        lambda: attempt.keep_checkpoint(state_after(1)),
        lambda: attempt.keep_last_steps([{"epoch": 1}]),
        lambda: attempt.go_on_from(origin),
        lambda: published(attempt, 1.0),
        lambda: attempt.keep_outcomes("e1", kept, Evaluated(seconds=0.5)),
    ]
    with attempt.kept(lambda: None):
        for write in writes:
            with pytest.raises(LostError, match=r"attempts/000001 is succeeded by 000002$"):
                write()
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    attempt.end("lost")
    assert stored.progress("").failure == failure


def test_attempt_that_loses_its_lease_while_it_publishes_has_not(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing the weights took longer than the lease lasts."""
    now = 0.0
    monkeypatch.setattr(lease, "clock", lambda: now)

    class Slow(LocalFiles):
        def write(self, name: str, data: bytes) -> None:
            nonlocal now
            now += LASTS if name.endswith("weights.pt") else 0.1
            super().write(name, data)

    stored = Store(Slow(tmp_path)).trial(trial.id)
    attempt = stored.begin(trial, 1, lasts=LASTS, about=About())
    assert attempt is not None
    with pytest.raises(LostError, match="could not be renewed for 60 s"):
        published(attempt, 1.0)
    assert not stored.progress("").trained


def test_last_steps_are_lines_of_json(begin: Callable[..., Attempt], folder: Path) -> None:
    begin().keep_last_steps([{"epoch": 1, "loss": 0.5}, {"epoch": 1, "loss": float("nan")}])
    lines = (folder / "attempts/000001/last_steps.jsonl").read_text().splitlines()
    assert lines == ['{"epoch": 1, "loss": 0.5}', '{"epoch": 1, "loss": NaN}']


def test_trial_is_described_once(stored: StoredTrial, trial: Trial, folder: Path) -> None:
    stored.describe(trial)
    before = (folder / "trial.json").stat().st_mtime_ns
    stored.describe(trial)
    about = read_plain(LocalFiles(folder), "trial.json")
    assert about == {"version": 2, "trial": trial.record(), "family": trial.family}
    assert (folder / "trial.json").stat().st_mtime_ns == before
    (member,) = (folder.parent.parent / "families" / trial.family).iterdir()
    assert member.name == f"000003-{trial.id}"


# --- all of it, in any order


class TrialAmongWorkers(RuleBasedStateMachine):
    """Two workers begin, write, publish, evaluate, fall silent, come back and end: what
    is read is what was written, by whoever was to write it."""

    workers = st.integers(0, 1)

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(dir=IN_MEMORY)
        self._root = Path(self._folder.name)
        self._stored = Store(LocalFiles(self._root)).trial(self.trial.id)
        self._now = 0.0
        self._clock = lease.clock
        lease.clock = lambda: self._now
        self._watches = [SilenceTimer(), SilenceTimer()]
        self._at_work: dict[int, Attempt] = {}
        self._reached: dict[int, int] = {}  # epochs by worker
        self._checkpoints: set[tuple[int, int]] = set()  # all that were ever written
        self._published: dict[int, float] = {}  # values by attempt that was told yes
        self._is_damaged = False

    trial: Trial

    def _still(self, worker: int) -> Attempt | None:
        """The worker's attempt, if it may go on."""
        attempt = self._at_work.get(worker)
        with suppress(LostError):
            if attempt is not None:
                attempt.check()
                return attempt
        return None

    @rule(worker=workers)
    def begin(self, worker: int) -> None:
        number = self._stored.next_attempt(self._watches[worker], LASTS)
        if number is None or worker in self._at_work:
            return
        attempt = self._stored.begin(self.trial, number, lasts=LASTS, about=About())
        if attempt is not None:
            checkpoint, origin = self._stored.resume_point(self.trial)
            if origin is not None:
                attempt.go_on_from(origin)
            self._reached[worker] = checkpoint.epochs_done if checkpoint else 0
            self._at_work[worker] = attempt

    @rule()
    def train_an_epoch(self) -> None:
        for worker, attempt in self._at_work.items():
            epoch = self._reached[worker] + 1
            try:
                attempt.keep_checkpoint(state_after(epoch - 1, 1))
                self._checkpoints.add((epoch - 1, 1))
                attempt.keep_row(row(epoch))
                attempt.keep_checkpoint(state_after(epoch))
                self._checkpoints.add((epoch, 0))
                self._reached[worker] = epoch
            except LostError:
                assert self._still(worker) is None

    @rule()
    def publish(self) -> None:
        for worker, attempt in self._at_work.items():
            if attempt.number in self._published:
                continue
            was_trained = self._stored.weights() is not None
            try:
                first = published(attempt, float(attempt.number))
            except LostError:
                assert self._still(worker) is None
                continue
            assert first is not was_trained
            if first:
                self._published[attempt.number] = float(attempt.number)
                assert value_of(self._stored) == float(attempt.number)

    @rule()
    def evaluate(self) -> None:
        for attempt in self._at_work.values():
            if self._stored.weights() is not None:
                kept = outcomes_of([True, False, True])
                with suppress(LostError):
                    attempt.keep_outcomes(
                        "e1", kept, Evaluated(seconds=0.5, accuracies=kept.accuracies())
                    )
                    assert self._stored.evaluation("e1") is not None

    @rule(worker=workers, how=st.sampled_from(["done", "stopped", "die"]))
    def leave(self, worker: int, how: str) -> None:
        attempt = self._at_work.pop(worker, None)
        if attempt is not None and how != "die":
            attempt.end(how)

    @rule(beat=st.booleans(), seconds=st.sampled_from([20.0, 45.0, 61.0]))
    def let_time_pass(self, beat: bool, seconds: float) -> None:
        for attempt in self._at_work.values() if beat else ():
            with attempt.kept(lambda: None):
                pass
        self._now += seconds
        for watch in self._watches:
            self._stored.next_attempt(watch, LASTS)

    @invariant()
    def one_is_at_work(self) -> None:
        assert sum(self._still(worker) is not None for worker in (0, 1)) <= 1

    @invariant()
    def weights_are_whole_and_those_of_a_publisher(self) -> None:
        value = value_of(self._stored)
        assert value is None or value in self._published.values()
        if not self._is_damaged and self._published:
            assert [value] == list(self._published.values())

    @invariant()
    def one_goes_on_from_what_was_written(self) -> None:
        checkpoint, origin = self._stored.resume_point(self.trial)
        if checkpoint is not None:
            assert origin is not None
            assert checkpoint.position in self._checkpoints
            assert float(checkpoint.model["weight"]) == pytest.approx(
                checkpoint.epochs_done + checkpoint.steps_done / 100
            )
            epochs = [each["epoch"] for each in origin.rows]
            assert epochs == sorted(set(epochs))
            assert list(origin.rows) == [row(int(epoch)) for epoch in epochs]
            if not self._is_damaged:
                assert epochs == list(range(1, checkpoint.epochs_done + 1))
        if not self._is_damaged and not self._published and self._checkpoints:
            assert checkpoint is not None
            assert checkpoint.position == max(self._checkpoints)

    @invariant()
    def outcomes_are_whole(self) -> None:
        found = self._stored.outcomes("e1")
        if found is not None:
            assert found.accuracies() == outcomes_of([True, False, True]).accuracies()
        record = self._stored.evaluation("e1")
        if record is not None:
            assert record.accuracies == outcomes_of([True, False, True]).accuracies()
            assert found is not None

    def teardown(self) -> None:
        lease.clock = self._clock
        self._folder.cleanup()


class TrialAmongWorkersAndDamage(TrialAmongWorkers):
    """The same while files are damaged: what is read may be missing, but is never anything else."""

    @rule(which=st.integers(0, 99), share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 9))
    def damage(self, which: int, share: float, bit: int) -> None:
        paths = sorted(path for path in self._root.rglob("*") if path.is_file())
        if paths:
            path = paths[which % len(paths)]
            data = path.read_bytes()
            position = int(share * len(data))
            if bit < 8 and data:
                flipped = bytes([data[position] ^ 1 << bit])
                path.write_bytes(data[:position] + flipped + data[position + 1 :])
            else:
                path.write_bytes(data[:position])
            self._is_damaged = True


@pytest.mark.slow
@pytest.mark.parametrize("machine", [TrialAmongWorkers, TrialAmongWorkersAndDamage])
def test_what_is_read_of_a_trial_was_written(
    small_trial: MakeTrial, machine: type[TrialAmongWorkers]
) -> None:
    machine.trial = small_trial()
    run_state_machine_as_test(
        machine,
        settings=settings(
            deadline=None, derandomize=True, max_examples=200, stateful_step_count=30
        ),
    )
