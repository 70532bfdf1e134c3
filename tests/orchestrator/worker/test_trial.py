"""The work on one trial, on real digits: done once, gone on with, and failing by itself."""

from __future__ import annotations

import importlib
import io
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from orchestrator.spec.policy import Policy
from orchestrator.store import Failure, LocalFiles, Store
from orchestrator.store.files.contract import UnreachableError
from orchestrator.store.leases import lease
from orchestrator.store.leases.lease import SilenceTimer
from orchestrator.store.leases.records import About
from orchestrator.store.sweeps.orders import Orders
from orchestrator.store.trials.records import Trained
from orchestrator.worker.failures import failure_kind
from orchestrator.worker.provenance import code_version
from orchestrator.worker.trial import Ending, carry_out, passes_of_training
from tests.orchestrator.plain import read_plain, write_plain
from tests.orchestrator.working import (
    CPU,
    MakeTrial,
    contents,
    mission,
    on_digits,
    result_of,
    run,
    small_suite,
    started,
)
from trainer.answers import NotFiniteError
from trainer.config import Trial
from trainer.data import Dataset, load
from trainer.evaluation.suite import Suite, constant_accuracy, evaluate, origin_of, read_suite
from trainer.input.document import Document
from trainer.passes import Passes
from trainer.training.loop import EpochRow, new_model
from trainer.training.passes_ahead import most_passes_of_evaluation
from trainer.weights.checkpoint import Weights


@pytest.fixture(scope="module")
def suite() -> Suite:
    return small_suite(examples=60)


@pytest.fixture(scope="module")
def trial(small_trial: MakeTrial) -> MakeTrial:
    """A small trial by its method: `trial("pareto", seed=1)`."""
    return partial(on_digits, small_trial)


def run_until_killed(trial: Trial, suite: Suite, store: Store, *, after: int) -> None:
    """Run, and be gone once an epoch is over."""

    def report(row: EpochRow) -> None:
        if row["epoch"] == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(trial, suite, store, report=report)


def failure_of(trial: Trial, store: Store) -> Failure:
    failure = store.trial(trial.id).progress("").failure
    assert failure is not None
    return failure


def how_they_ended(trial: Trial, store: Store) -> list[str]:
    states = store.trial(trial.id).past_attempts()
    return [state.ended.how if state.ended else "" for state in states]


def files_and_times(folder: Path) -> dict[str, int]:
    """But for what each new attempt says of itself."""
    files = (path for path in folder.rglob("*") if path.is_file())
    own = {"lease.json", "beat.json", "ended.json"}
    return {str(path): path.stat().st_mtime_ns for path in files if path.name not in own}


# --- what is done


def test_trial_is_trained_and_evaluated(trial: MakeTrial, suite: Suite, store: Store) -> None:
    it = trial()
    assert run(it, suite, store) == (Ending.DONE, [1, 2, 3])
    stored = store.trial(it.id)
    progress, outcomes = stored.progress(suite.id), stored.outcomes(suite.id)
    assert progress.evaluation is not None
    assert progress.result is not None
    assert outcomes is not None
    assert progress.evaluation.examples == len(outcomes.natural) == 60
    assert progress.evaluation.accuracies == outcomes.accuracies()
    assert progress.evaluation.constant_accuracy == constant_accuracy(suite, load(it.data, CPU))
    assert progress.evaluation.suite == suite.record()
    assert progress.evaluation.warnings == ()
    assert outcomes.warnings == ()
    assert progress.result.epochs == 3
    assert progress.result.seconds == sum(row["seconds"] for row in stored.rows())
    assert progress.result.passes == Passes(forward=3 * 160, weight_backward=3 * 160)
    validated = stored.rows()[-1]["validation/passes/forward"]
    assert progress.result.validation_passes.forward == validated > 0
    most = most_passes_of_evaluation(suite, 60)
    assert most is not None
    assert 60 < progress.evaluation.passes.forward < most.forward
    assert progress.result.provenance.torch == torch.__version__
    assert progress.result.provenance.code == code_version()
    assert progress.result.degraded is False
    (attempt,) = stored.past_attempts()
    assert attempt.about.sweep == "front"
    assert attempt.ended is not None
    assert (attempt.ended.how, attempt.ended.epoch) == ("done", 3)


def test_passes_of_a_course_are_those_of_its_last_row() -> None:
    """So that rows of earlier epochs may be lost; without the last one, nobody knows."""
    first, second = (
        {"epoch": epoch, **Passes(forward=epoch).columns("passes/")} for epoch in (1, 2)
    )
    assert passes_of_training([second], 2)["passes"] == Passes(forward=2)
    for rows in ([first], [], [{"epoch": 2.0}]):
        assert passes_of_training(rows, 2) == {"passes": None, "validation_passes": None}


def test_evaluation_is_of_the_weights_that_are_kept(
    trial: MakeTrial, suite: Suite, store: Store, digits: Dataset
) -> None:
    it = trial()
    run(it, suite, store)
    weights, kept = store.trial(it.id).weights(), store.trial(it.id).outcomes(suite.id)
    assert weights is not None
    assert kept is not None
    assert kept.origin == origin_of(weights.model, suite, digits, it.fingerprint)
    model = new_model(it, digits, CPU)
    model.load_state_dict(weights.model)
    again = evaluate(model, suite, digits, progress=None)
    np.testing.assert_array_equal(again.natural, kept.natural)
    for label in suite.categories:
        np.testing.assert_array_equal(again.robust[label], kept.robust[label])


def test_second_time_nothing_is_done(
    trial: MakeTrial, suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial()
    run(it, suite, store)
    before = files_and_times(tmp_path)
    assert run(it, suite, store) == (Ending.DONE, [])
    assert files_and_times(tmp_path) == before


def test_other_suite_needs_no_training(
    trial: MakeTrial, suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial()
    run(it, suite, store)
    before = files_and_times(tmp_path)
    fewer = suite.model_copy(update={"examples": 20})
    assert run(it, fewer, store) == (Ending.DONE, [])
    after = files_and_times(tmp_path)
    assert {name: after[name] for name in before} == before
    fresh = {Path(name).name.partition(".")[0] for name in after.keys() - before.keys()}
    assert fresh == {fewer.id, fewer.on("validation").id}


def test_number_that_is_anothers_is_left_to_it(
    trial: MakeTrial, suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial()
    theirs = store.trial(it.id).begin(it, 1, lasts=60.0, about=About())
    assert theirs is not None
    before = contents(tmp_path / "runs" / "trials" / it.id / "attempts")
    ending = carry_out(it, suite, store, mission(), number=1, device=CPU, report=lambda row: None)
    assert ending is Ending.BUSY
    assert contents(tmp_path / "runs" / "trials" / it.id / "attempts") == before


# --- what was broken off


@pytest.mark.parametrize(
    "method",
    [
        "standard",
        pytest.param("maximum", marks=pytest.mark.slow),
        pytest.param("pareto", marks=pytest.mark.slow),
    ],
)
def test_killed_trial_goes_on_to_the_same_result(
    trial: MakeTrial, suite: Suite, store: Store, tmp_path: Path, method: str
) -> None:
    it = trial(method)
    run(it, suite, store)
    undisturbed = result_of(it, suite, store)
    for after in (1, 2, 3):
        elsewhere = Store(LocalFiles(tmp_path / f"killed after {after}"))
        run_until_killed(it, suite, elsewhere, after=after)
        assert elsewhere.trial(it.id).progress("").epochs_done == after
        assert run(it, suite, elsewhere) == (Ending.DONE, list(range(after + 1, 4)))
        assert result_of(it, suite, elsewhere) == undisturbed


@pytest.mark.slow
def test_killed_twice_with_a_damaged_checkpoint(
    trial: MakeTrial, suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial("pareto", training={"epochs": 5})
    elsewhere = Store(LocalFiles(tmp_path / "elsewhere"))
    run(it, suite, elsewhere)
    run_until_killed(it, suite, store, after=2)
    run_until_killed(it, suite, store, after=4)
    (newest,) = (tmp_path / "runs").rglob("000004-000000.pt")
    newest.write_bytes(newest.read_bytes()[:-1])
    assert run(it, suite, store) == (Ending.DONE, [4, 5])
    assert result_of(it, suite, store) == result_of(it, suite, elsewhere)


def test_damaged_weights_are_trained_again(
    trial: MakeTrial, suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial(training={"optimiser": {"schedule": [[0, 1], [0.5, 0.1]]}})
    run(it, suite, store)
    before = result_of(it, suite, store)
    (weights,) = tmp_path.rglob("weights.pt")
    weights.write_bytes(weights.read_bytes()[::-1])
    assert run(it, suite, store) == (Ending.DONE, [1, 2, 3])
    assert result_of(it, suite, store) == before


def test_damaged_weights_are_had_again_from_the_last_checkpoint(
    trial: MakeTrial, suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial()
    run(it, suite, store)
    before = result_of(it, suite, store)
    (weights,) = tmp_path.rglob("weights.pt")
    weights.unlink()
    assert run(it, suite, store) == (Ending.DONE, [])
    assert result_of(it, suite, store) == before


def test_who_is_second_evaluates_the_firsts_weights(
    trial: MakeTrial, suite: Suite, store: Store, digits: Dataset
) -> None:
    it = trial()
    zeros = {
        name: tensor if name.startswith("0.") else torch.zeros_like(tensor)  # 0: normalisation
        for name, tensor in new_model(it, digits, CPU).state_dict().items()
    }
    first = store.trial(it.id).begin(it, 1, lasts=60.0, about=About())
    assert first is not None

    def report(row: EpochRow) -> None:
        if row["epoch"] == 3:
            weights = Weights(trial=it.record(), model=zeros)
            assert first.publish(weights, Trained(epochs=3, seconds=1.5), keeps_last=False)

    assert run(it, suite, store, report=report)[0] is Ending.DONE
    outcomes = store.trial(it.id).outcomes(suite.id)
    assert outcomes is not None
    labels = digits.test.labels[torch.arange(60) * len(digits.test) // 60]
    assert outcomes.natural.tolist() == (labels == 0).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schedule", "epochs"), [([[0, 1]], [4, 5]), ([[0, 1], [0.9, 0.1]], [1, 2, 3, 4, 5])]
)
def test_longer_trial_is_equal_whether_it_goes_on_from_a_shorter_one_or_not(
    trial: MakeTrial,
    suite: Suite,
    store: Store,
    tmp_path: Path,
    *,
    schedule: list[list[float]],
    epochs: list[int],
) -> None:
    optimiser = {"schedule": schedule}
    shorter = trial("pareto", training={"epochs": 3, "optimiser": optimiser})
    longer = trial("pareto", training={"epochs": 5, "optimiser": optimiser})
    run(shorter, suite, store)
    assert run(longer, suite, store) == (Ending.DONE, epochs)
    elsewhere = Store(LocalFiles(tmp_path / "anew"))
    assert run(longer, suite, elsewhere) == (Ending.DONE, [1, 2, 3, 4, 5])
    assert result_of(longer, suite, store) == result_of(longer, suite, elsewhere)


# --- what is asked of it

METHOD = """
import time
from pathlib import Path

import torch
from trainer.methods import Standard, Weighting

class Broken(Standard):
    def weighting(self):
        {line}

class Counting(Weighting):
    def __init__(self, say, wait):
        super().__init__([1.0])
        self.say, self.wait, self.steps = Path(say), wait, 0

    def observe(self, losses):
        self.steps += 1
        self.say.write_text(str(self.steps))
        time.sleep(self.wait)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """A user's own class `Broken`, by dotted path."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str) -> str:
        (tmp_path / "own_code.py").write_text(source)
        return "own_code:Broken"

    yield write
    sys.modules.pop("own_code", None)


class Slow:
    """A trial of three epochs of five steps of at least 0.05 s."""

    def __init__(self, trial: Trial, told: Path) -> None:
        self.trial = trial
        self._told = told

    @property
    def steps(self) -> int:
        """Taken by the attempt at work."""
        try:
            return int(self._told.read_text() or 0)
        except FileNotFoundError:
            return 0


@pytest.fixture
def slow(
    trial: MakeTrial,
    own: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Slow:
    monkeypatch.setattr(lease, "SECONDS_BETWEEN_TICKS", 0.01)
    told = tmp_path / "steps"
    line = f"return Counting({str(told)!r}, 0.05)"
    return Slow(trial(own(METHOD.format(line=line))), told)


def positions(folder: Path) -> list[str]:
    found = sorted(folder.rglob("checkpoints/*.pt"))
    return [f"{int(path.stem[:6])}-{int(path.stem[7:])}" for path in found]


@pytest.mark.slow
def test_stop_leaves_a_checkpoint_of_the_next_step(
    slow: Slow, suite: Suite, store: Store, tmp_path: Path
) -> None:
    def stop_in_the_second_epoch() -> Orders:
        return Orders(stop=slow.steps >= 7)

    ending, epochs = run(slow.trial, suite, store, mission(read_orders=stop_in_the_second_epoch))
    stopped = slow.steps
    assert (ending, epochs) == (Ending.STOPPED, [1])
    assert 7 <= stopped < 10
    assert positions(tmp_path) == ["1-0", f"1-{stopped - 5}"]
    assert how_they_ended(slow.trial, store) == ["stopped"]
    assert run(slow.trial, suite, store) == (Ending.DONE, [2, 3])
    assert slow.steps == 15 - stopped
    elsewhere = Store(LocalFiles(tmp_path / "elsewhere"))
    run(slow.trial, suite, elsewhere)
    assert result_of(slow.trial, suite, store) == result_of(slow.trial, suite, elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize("stops", [False, True])
def test_paused_trial_takes_no_step(slow: Slow, suite: Suite, store: Store, *, stops: bool) -> None:
    seen: list[int] = []

    def orders() -> Orders:
        if slow.steps < 2 or len(seen) > 60:
            return Orders(stop=stops and slow.steps >= 2)
        seen.append(slow.steps)
        return Orders(paused=True)

    ending, epochs = run(slow.trial, suite, store, mission(read_orders=orders))
    assert len(set(seen[30:])) == 1, "no step was taken in the second half of the pause"
    assert (ending, epochs) == ((Ending.STOPPED, []) if stops else (Ending.DONE, [1, 2, 3]))


@pytest.mark.slow
def test_checkpoint_is_written_when_it_is_asked_for(
    slow: Slow, suite: Suite, store: Store, tmp_path: Path
) -> None:
    seen: set[str] = set()

    def orders() -> Orders:
        seen.update(positions(tmp_path))
        return Orders(checkpoints=int(slow.steps >= 2))

    assert run(slow.trial, suite, store, mission(read_orders=orders)) == (Ending.DONE, [1, 2, 3])
    within = {position for position in seen if not position.endswith("-0")}
    assert len(within) == 1
    assert within < {"0-2", "0-3", "0-4"}


@pytest.mark.slow
def test_hanging_trial_is_recorded_and_its_process_ends(
    trial: MakeTrial, suite: Suite, store: Store, own: Callable[[str], str]
) -> None:
    it = trial(own(METHOD.format(line="time.sleep(60)")))
    policy = Policy(lease=2.0, limits={"silent_minutes": 0.005})
    hanging = mission(policy, end_process=partial(os._exit, 1))
    worker = started(run, it, suite, store, hanging)
    worker.join(20)
    assert worker.exitcode == 1
    failure = failure_of(it, store)
    assert failure.kind == "hung"
    assert failure.message.endswith("s (limits.silent_minutes is 0.005)")
    assert store.trial(it.id).next_attempt(SilenceTimer(), 600.0) == 2


@pytest.mark.parametrize(
    ("rested", "ending"), [(0.0, Ending.FAILED), (3590.0, Ending.FAILED), (3700.0, Ending.DONE)]
)
def test_hours_are_those_of_all_attempts_but_for_their_rests(
    trial: MakeTrial, suite: Suite, store: Store, *, rested: float, ending: Ending
) -> None:
    it = trial()
    run_until_killed(it, suite, store, after=2)
    beat = f"trials/{it.id}/attempts/000001/beat.json"
    told = {**(read_plain(store.files, beat) or {}), "elapsed": 7200.0, "rested": rested}
    write_plain(store.files, beat, told)
    limited = mission(Policy(lease=600.0, limits={"hours": 1}))
    assert run(it, suite, store, limited)[0] is ending
    if ending is Ending.FAILED:
        failure = failure_of(it, store)
        assert (failure.kind, failure.is_deterministic) == ("time_limit", True)
        assert failure.message == "TimeLimitError: must end within 1 h (limits.hours)"


@pytest.mark.slow
def test_owner_that_stood_still_lets_its_successor_be(
    slow: Slow, suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = slow.trial
    worker = started(run, it, suite, store, mission(Policy(lease=1.0)))
    assert worker.pid is not None
    while slow.steps < 6:
        time.sleep(0.01)
    os.kill(worker.pid, signal.SIGSTOP)
    watch = SilenceTimer()
    while store.trial(it.id).next_attempt(watch, 600.0) is None:
        time.sleep(0.05)
    assert run(it, suite, store) == (Ending.DONE, [2, 3])
    runs = tmp_path / "runs"
    before = contents(runs)
    os.kill(worker.pid, signal.SIGCONT)
    worker.join(20)
    assert how_they_ended(it, store) == ["lost", "done"]
    after = contents(runs)
    own = f"trials/{it.id}/attempts/000001/"
    assert {name for name in after if after[name] != before.get(name)} <= {
        f"{own}{name}" for name in ("ended.json", "beat.json")
    }
    whole = {name for name in before if "/.writing-" not in name}  # it may have stood in a write
    assert whole <= after.keys()


# --- what fails

ATTACK = """
from pathlib import Path
from trainer.attacks import Attack

class Broken(Attack):
    def search(self, model, images, labels, keys):
        if Path("{flag}").exists():
            raise RuntimeError("no room for the images")
        return images
"""


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("raise KeyError('window')", "exception", "KeyError: 'window'"),
        ("raise SystemExit(3)", "exception", "SystemExit: 3; the trial's own code called sys.exit"),
        ("return Weighting([float('nan')])", "diverged", "losses and weights of epoch 1 must be"),
        ("torch.empty(1 << 60)", "out_of_memory", "RuntimeError: "),
        ("bytearray(1 << 60)", "out_of_memory", "MemoryError"),
        ("raise torch.OutOfMemoryError('CUDA')", "out_of_memory", "OutOfMemoryError: CUDA"),
    ],
)
def test_failure_is_recorded_and_ends_the_trial_alone(
    trial: MakeTrial,
    suite: Suite,
    store: Store,
    own: Callable[[str], str],
    *,
    line: str,
    kind: str,
    message: str,
) -> None:
    it = trial(own(METHOD.format(line=line)))
    assert run(it, suite, store) == (Ending.FAILED, [])
    failure = failure_of(it, store)
    assert failure.kind == kind
    assert failure.message.removeprefix("DivergedError: ").startswith(message)
    assert failure.details.startswith("Traceback (most recent call last)")
    assert not store.trial(it.id).progress("").trained
    assert how_they_ended(it, store) == ["failed"]
    assert run(trial(), suite, store)[0] is Ending.DONE


ROOM = 1_000_000_000  # bytes


def run_with_little_memory(trial: Trial, suite: Suite, store: Store, policy: Policy) -> None:
    """As on a machine that has 1 GB left: room for all threads, not for a whole batch of `wide`."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    ending, _ = run(trial, suite, store, mission(policy))
    os._exit(list(Ending).index(ending))


BIG = """
from torch import nn

def wide(*, image_shape, num_classes, width):
    return nn.Sequential(
        nn.Conv2d(image_shape[0], width, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes),
    )
"""


def test_want_of_memory_is_known_through_the_error_that_it_ends_in() -> None:
    class NoRoom(io.BytesIO):
        def write(self, data: object) -> int:
            raise MemoryError

    with pytest.raises(Exception) as raised:
        torch.save(torch.zeros(1000), NoRoom())
    assert failure_kind(raised.value) == "out_of_memory"
    assert failure_kind(ValueError("memory")) == "exception"
    assert failure_kind(NotFiniteError("logits must be finite")) == "diverged"


@pytest.mark.slow
def test_trial_without_memory_is_taken_up_in_smaller_parts_and_marked(
    trial: MakeTrial,
    suite: Suite,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "big_model.py").write_text(BIG)
    it = trial(
        data={"train_examples": 1024},
        model={"name": "big_model:wide", "width": 1 << 12},
        training={"epochs": 1, "batch_size": 512},
        validation={"examples": 8},
    )
    policy = Policy(lease=600.0, halve_batch=True)
    endings = []
    for _ in range(6):
        worker = started(run_with_little_memory, it, suite, store, policy)
        worker.join(60)
        endings.append(list(Ending)[worker.exitcode or 0])
        if endings[-1] is Ending.DONE:
            break
        assert failure_of(it, store).kind == "out_of_memory", failure_of(it, store)
    assert endings[0] is Ending.FAILED
    assert endings[-1] is Ending.DONE
    parts = [state.about.micro_batches for state in store.trial(it.id).past_attempts()]
    assert parts == [2**n for n in range(len(endings))]
    result = store.trial(it.id).progress("").result
    assert result is not None
    assert result.degraded is True


def test_whole_batches_are_tried_again_where_parts_are_not_wanted(
    trial: MakeTrial, suite: Suite, store: Store, own: Callable[[str], str]
) -> None:
    it = trial(own(METHOD.format(line="torch.empty(1 << 60)")))
    for _ in range(2):
        assert run(it, suite, store)[0] is Ending.FAILED
    parts = [state.about.micro_batches for state in store.trial(it.id).past_attempts()]
    assert parts == [1, 1]


LATE = """
import torch
from trainer.methods import Standard, Weighting

class Broken(Standard):
    def weighting(self):
        return Late([1.0])

AT_LAST_STEP = []

class Late(Weighting):
    steps = 0

    def observe(self, losses):
        self.steps += 1
        if self.steps == 7:
            self._weights = [float("inf")]
        for call in AT_LAST_STEP if self.steps == 10 else ():
            call()

    def state(self):
        return {"steps": self.steps}

    def restore(self, state):
        self.steps = state["steps"]
"""


def test_diverged_trial_leaves_a_finite_checkpoint_and_its_last_steps(
    trial: MakeTrial, suite: Suite, store: Store, own: Callable[[str], str], tmp_path: Path
) -> None:
    it = trial(own(LATE))
    assert run(it, suite, store) == (Ending.FAILED, [1])
    failure = failure_of(it, store)
    assert failure.kind == "diverged"
    assert "training.optimiser.learning_rate" in failure.message
    checkpoint, _ = store.trial(it.id).resume_point(it)
    assert checkpoint is not None
    assert checkpoint.position == (1, 0)
    assert all(tensor.isfinite().all() for tensor in checkpoint.model.values())
    (lines,) = tmp_path.rglob("last_steps.jsonl")
    steps = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(step["epoch"], step["step"]) for step in steps] == [
        *((1, n) for n in range(1, 6)),
        *((2, n) for n in range(1, 6)),
    ]
    assert [step["weight/natural"] for step in steps] == [1.0] * 7 + [float("inf")] * 3


def test_trial_that_diverges_after_it_was_lost_writes_nothing_of_it(
    trial: MakeTrial, suite: Suite, store: Store, own: Callable[[str], str], tmp_path: Path
) -> None:
    it = trial(own(LATE))

    def lose() -> None:
        store.trial(it.id).record_failure("worker_lost", "it is late", "")
        time.sleep(0.5)  # until it has heard of it

    importlib.import_module("own_code").AT_LAST_STEP.append(lose)
    ending, epochs = run(it, suite, store, mission(Policy(lease=1.0)))
    assert (ending, epochs) == (Ending.LOST, [1])
    assert failure_of(it, store).kind == "worker_lost"
    assert not list(tmp_path.rglob("last_steps.jsonl"))


def test_failed_evaluation_keeps_the_weights(
    trial: MakeTrial, own: Callable[[str], str], store: Store, tmp_path: Path
) -> None:
    flag = tmp_path / "broken"
    attack = {"attack": own(ATTACK.format(flag=flag))}
    suite = read_suite(Document.from_plain({"mine": attack, "examples": 20}, "test"))
    it = trial()
    flag.touch()
    assert run(it, suite, store) == (Ending.FAILED, [1, 2, 3])
    assert store.trial(it.id).progress("").trained
    assert failure_of(it, store).message == "RuntimeError: no room for the images"
    flag.unlink()
    assert run(it, suite, store) == (Ending.DONE, [])
    assert store.trial(it.id).progress("").failure is None


def test_attack_that_exits_fails_the_trial_alone(
    trial: MakeTrial, own: Callable[[str], str], store: Store
) -> None:
    attack = {"attack": own(ATTACK.format(flag="/").replace("RuntimeError", "SystemExit"))}
    suite = read_suite(Document.from_plain({"mine": attack, "examples": 20}, "test"))
    it = trial()
    assert run(it, suite, store)[0] is Ending.FAILED
    failure = failure_of(it, store)
    assert failure.message.startswith("SystemExit: no room for the images; the trial's own code")


def test_other_data_than_planned_are_refused(trial: MakeTrial, suite: Suite, store: Store) -> None:
    it = trial().model_copy(update={"fingerprint": "0123456789abcdef"})
    assert run(it, suite, store) == (Ending.FAILED, [])
    failure = failure_of(it, store)
    assert failure.kind == "data"
    assert "(fingerprint 0123456789ab), got " in failure.message
    assert "put the same files on every machine" in failure.message
    assert not failure.is_deterministic


class AwayAfter(LocalFiles):
    """Out of reach once a file of that name is to be written."""

    def __init__(self, root: Path, name: str) -> None:
        super().__init__(root)
        self._name = name

    def write(self, name: str, data: bytes) -> None:
        if name.endswith(self._name):
            raise UnreachableError("the share is away")
        super().write(name, data)

    def create(self, name: str, data: bytes) -> bool:
        if name.endswith(self._name):
            raise UnreachableError("the share is away")
        return super().create(name, data)


@pytest.mark.parametrize("name", ["trial.json", "lease.json"])
def test_store_that_is_away_before_an_attempt_has_begun_is_no_failure(
    trial: MakeTrial, suite: Suite, store: Store, tmp_path: Path, name: str
) -> None:
    it = trial()
    assert run(it, suite, Store(AwayAfter(tmp_path / "runs", name))) == (Ending.LOST, [])
    assert how_they_ended(it, store) == []
    assert run(it, suite, store)[0] is Ending.DONE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["000002.json", "000002-000000.pt", "weights.pt", ".npz"])
def test_trial_whose_store_is_away_is_let_go_and_taken_up_again(
    trial: MakeTrial, suite: Suite, store: Store, tmp_path: Path, name: str
) -> None:
    it = trial()
    assert run(it, suite, Store(AwayAfter(tmp_path / "runs", name)))[0] is Ending.LOST
    assert how_they_ended(it, store) == ["lost"]
    assert store.trial(it.id).progress("").failure is None
    assert run(it, suite, store)[0] is Ending.DONE
    elsewhere = Store(LocalFiles(tmp_path / "elsewhere"))
    run(it, suite, elsewhere)
    assert result_of(it, suite, store) == result_of(it, suite, elsewhere)
