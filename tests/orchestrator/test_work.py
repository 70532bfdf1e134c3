"""The work on one trial, on real digits: done once, gone on with, and failing by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from orchestrator.execution.work import carry_out
from orchestrator.store import Store
from trainer.checkpoint import Weights
from trainer.config import Trial
from trainer.data import Dataset, fingerprint
from trainer.document import Document
from trainer.evaluation import Suite, evaluate, read_suite
from trainer.training import EpochRow, new_model

CPU = torch.device("cpu")
CLOCKS = {"time", "seconds", "examples_per_second"}
"""Of an epoch's facts, those that differ from run to run."""


@pytest.fixture(scope="module")
def suite() -> Suite:
    attacks = {"pgd": {"epsilon": 0.2, "ladder": [1, 3]}, "rt": {"epsilon": 0.2, "ladder": [1]}}
    return read_suite(Document.from_plain({**attacks, "examples": 60}, "test"))


@pytest.fixture
def trial(small_trial: Callable[..., Trial]) -> Callable[..., Trial]:
    """A small trial on the digits that are there."""
    found = fingerprint(small_trial().data)

    def make(method: str = "standard", **sections: Any) -> Trial:
        options = {"pareto": {"rho": 0.5}}.get(method, {})
        chosen = {"method": {"method": method, **options}}
        return small_trial(**{**chosen, "fingerprint": found, **sections})

    return make


def run(trial: Trial, suite: Suite, store: Store) -> tuple[bool, list[int]]:
    """Whether it worked, and the epochs that were trained."""
    epochs: list[int] = []

    def report(row: EpochRow) -> None:
        epochs.append(int(row["epoch"]))

    return carry_out(trial, suite, store, device=CPU, report=report), epochs


def run_until_killed(trial: Trial, suite: Suite, store: Store, *, after: int) -> None:
    """Run, and be gone once an epoch is over."""

    def report(row: EpochRow) -> None:
        if row["epoch"] == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(trial, suite, store, device=CPU, report=report)


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
        "rows": [{k: v for k, v in row.items() if k not in CLOCKS} for row in stored.rows()],
    }


def files_and_times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


# --- what is done


def test_trial_is_trained_and_evaluated(
    trial: Callable[..., Trial], suite: Suite, store: Store
) -> None:
    it = trial()
    assert run(it, suite, store) == (True, [1, 2, 3])
    stored = store.trial(it.id)
    assert stored.progress().trained
    evaluation, outcomes = stored.evaluation(suite.id), stored.outcomes(suite.id)
    assert evaluation is not None
    assert outcomes is not None
    assert evaluation["examples"] == len(outcomes.natural) == 60
    assert evaluation["accuracies"] == outcomes.accuracies()
    assert evaluation["suite"] == suite.record()
    facts = stored.training_facts()
    assert facts["epochs"] == 3
    assert facts["seconds"] == sum(row["seconds"] for row in stored.rows())
    assert facts["provenance"]["torch"] == torch.__version__


def test_evaluation_is_of_the_weights_that_are_kept(
    trial: Callable[..., Trial], suite: Suite, store: Store, digits: Dataset
) -> None:
    it = trial()
    run(it, suite, store)
    weights, kept = store.trial(it.id).weights(), store.trial(it.id).outcomes(suite.id)
    assert weights is not None
    assert kept is not None
    model = new_model(it, digits, CPU)
    model.load_state_dict(weights.model)
    again = evaluate(model, suite, digits, progress=None)
    np.testing.assert_array_equal(again.natural, kept.natural)
    for label in suite.categories:
        np.testing.assert_array_equal(again.robust[label], kept.robust[label])


def test_second_time_nothing_is_done(
    trial: Callable[..., Trial], suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial()
    run(it, suite, store)
    before = files_and_times(tmp_path)
    assert run(it, suite, store) == (True, [])
    assert files_and_times(tmp_path) == before


def test_other_suite_needs_no_training(
    trial: Callable[..., Trial], suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial()
    run(it, suite, store)
    before = files_and_times(tmp_path)
    fewer = suite.model_copy(update={"examples": 20})
    assert run(it, fewer, store) == (True, [])
    after = files_and_times(tmp_path)
    assert {name: after[name] for name in before} == before
    assert {Path(name).name.partition(".")[0] for name in after.keys() - before.keys()} == {
        fewer.id
    }


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
    trial: Callable[..., Trial], suite: Suite, store: Store, tmp_path: Path, method: str
) -> None:
    it = trial(method)
    run(it, suite, store)
    undisturbed = result_of(it, suite, store)
    for after in (1, 2, 3):
        elsewhere = Store(type(store.files)(tmp_path / f"killed after {after}"))
        run_until_killed(it, suite, elsewhere, after=after)
        assert elsewhere.trial(it.id).progress().epochs_done == after
        assert run(it, suite, elsewhere) == (True, list(range(after + 1, 4)))
        assert result_of(it, suite, elsewhere) == undisturbed


@pytest.mark.slow
def test_killed_twice_with_a_damaged_checkpoint(
    trial: Callable[..., Trial], suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial("pareto", training={"epochs": 5})
    elsewhere = Store(type(store.files)(tmp_path / "elsewhere"))
    run(it, suite, elsewhere)
    run_until_killed(it, suite, store, after=2)
    run_until_killed(it, suite, store, after=4)
    (newest,) = (tmp_path / "runs").rglob("000004.pt")
    newest.write_bytes(newest.read_bytes()[:-1])
    assert run(it, suite, store) == (True, [4, 5])
    assert result_of(it, suite, store) == result_of(it, suite, elsewhere)


def test_damaged_weights_are_trained_again(
    trial: Callable[..., Trial], suite: Suite, store: Store, tmp_path: Path
) -> None:
    it = trial()
    run(it, suite, store)
    before = result_of(it, suite, store)
    (weights,) = tmp_path.rglob("weights.pt")
    weights.write_bytes(weights.read_bytes()[::-1])
    assert run(it, suite, store) == (True, [1, 2, 3])
    assert result_of(it, suite, store) == before


def test_who_is_second_evaluates_the_firsts_weights(
    trial: Callable[..., Trial], suite: Suite, store: Store, digits: Dataset
) -> None:
    it = trial()
    zeros = {
        name: tensor if name.startswith("0.") else torch.zeros_like(tensor)  # 0: normalisation
        for name, tensor in new_model(it, digits, CPU).state_dict().items()
    }

    def report(row: EpochRow) -> None:
        if row["epoch"] == 3:
            first = store.trial(it.id).begin()
            assert first.publish(Weights(trial=it.record(), model=zeros), {})

    assert carry_out(it, suite, store, device=CPU, report=report)
    outcomes = store.trial(it.id).outcomes(suite.id)
    assert outcomes is not None
    labels = digits.test.labels[torch.arange(60) * len(digits.test) // 60]
    assert outcomes.natural.tolist() == (labels == 0).tolist()


# --- what fails


METHOD = """
import torch
from trainer.methods import Standard, Weighting

class Broken(Standard):
    def weighting(self):
        {line}
"""
ATTACK = """
from pathlib import Path
from trainer.attacks import Attack

class Broken(Attack):
    def perturb(self, model, images, labels, keys):
        if Path("{flag}").exists():
            raise RuntimeError("no room for the images")
        return images
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


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("raise KeyError('window')", "exception", "KeyError: 'window'"),
        ("return Weighting([float('nan')])", "diverged", "DivergedError: losses and weights of "),
        ("raise MemoryError", "out_of_memory", "MemoryError: "),
        ("torch.empty(1 << 60)", "out_of_memory", "RuntimeError: "),
        ("raise torch.OutOfMemoryError('CUDA')", "out_of_memory", "OutOfMemoryError: CUDA"),
    ],
)
def test_failure_is_recorded_and_ends_the_trial_alone(
    trial: Callable[..., Trial],
    suite: Suite,
    store: Store,
    own: Callable[[str], str],
    *,
    line: str,
    kind: str,
    message: str,
) -> None:
    it = trial(own(METHOD.format(line=line)))
    assert run(it, suite, store) == (False, [])
    progress = store.trial(it.id).progress()
    assert progress.failure is not None
    assert progress.failure.kind == kind
    assert progress.failure.message.startswith(message)
    assert progress.failure.details.startswith("Traceback (most recent call last)")
    assert not progress.trained


def test_divergence_of_the_optimiser_is_told_as_such(
    trial: Callable[..., Trial], suite: Suite, store: Store
) -> None:
    optimiser = {"name": "sgd", "learning_rate": 1e30}
    it = trial(training={"optimiser": optimiser})
    assert run(it, suite, store) == (False, [])
    failure = store.trial(it.id).progress().failure
    assert failure is not None
    assert failure.kind == "diverged"
    assert "training.optimiser.learning_rate" in failure.message


def test_failed_evaluation_keeps_the_weights(
    trial: Callable[..., Trial], own: Callable[[str], str], store: Store, tmp_path: Path
) -> None:
    flag = tmp_path / "broken"
    attack = {"attack": own(ATTACK.format(flag=flag)), "ladder": [1]}
    suite = read_suite(Document.from_plain({"mine": attack, "examples": 20}, "test"))
    it = trial()
    flag.touch()
    assert run(it, suite, store) == (False, [1, 2, 3])
    progress = store.trial(it.id).progress()
    assert progress.trained
    assert progress.failure is not None
    assert progress.failure.message == "RuntimeError: no room for the images"
    flag.unlink()
    assert run(it, suite, store) == (True, [])
    assert store.trial(it.id).progress().failure is None


def test_failure_is_forgotten_when_the_trial_works(
    trial: Callable[..., Trial], suite: Suite, store: Store
) -> None:
    it = trial()
    store.trial(it.id).fail("worker_lost", "its worker died 3 times", "")
    assert run(it, suite, store)[0]
    assert store.trial(it.id).progress().failure is None


def test_other_data_than_planned_are_refused(
    trial: Callable[..., Trial], suite: Suite, store: Store
) -> None:
    it = trial(fingerprint="0123456789abcdef")
    assert run(it, suite, store) == (False, [])
    failure = store.trial(it.id).progress().failure
    assert failure is not None
    assert failure.kind == "data"
    assert "(fingerprint 0123456789ab), got " in failure.message
    assert "put the same files on every machine" in failure.message
    assert not failure.is_deterministic
