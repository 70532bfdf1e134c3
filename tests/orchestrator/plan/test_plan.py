"""What there is to do: order, statuses as the store has them, and what is tried again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from orchestrator.plan.named_trials import blamed_on
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Attempt, Store
from orchestrator.sweep import app
from trainer.config import Trial
from trainer.data import fingerprint
from trainer.input import own_code
from trainer.input.problems import BadInput
from trainer.weights.checkpoint import Checkpoint

Read = Callable[..., SweepSpec]
Begin = Callable[[Trial], Attempt]
Finish = Callable[..., None]

SWEEP = """\
data: digits
training: {epochs: 4}
methods:
  flow: {}
  pareto: {vary: {rho: [0.2, 0.4]}}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null}
seeds: [3, 1]
"""
NATURAL, ROBUST = [1, 1, 0, 1], {"pgd": [[1, 1, 0, 0], [1, 0, 0, 0]]}


def train_epochs(begin: Begin, trial: Trial, epochs: int) -> None:
    """Leave a trial as one that was stopped after some epochs."""
    attempt = begin(trial)
    for done in range(1, epochs + 1):
        attempt.keep_row({"epoch": done, "seconds": 0.5})
        attempt.keep_checkpoint(
            Checkpoint(
                epochs_done=done,
                steps_done=0,
                epoch={},
                model={"weight": torch.full((2,), float(done))},
                optimiser={},
                weighting={},
            )
        )
    attempt.end("stopped")


def statuses(plan: Plan) -> list[str]:
    return [planned.status for planned in plan.trials]


@pytest.fixture
def spec(read: Read) -> SweepSpec:
    return read(SWEEP)


def test_one_seed_of_every_cell_before_the_next_seed(spec: SweepSpec, store: Store) -> None:
    plan = make_plan(spec, store)
    assert [planned.title for planned in plan.trials] == [
        "standard seed=3",
        "flow seed=3",
        "pareto rho=0.2 seed=3",
        "pareto rho=0.4 seed=3",
        "standard seed=1",
        "flow seed=1",
        "pareto rho=0.2 seed=1",
        "pareto rho=0.4 seed=1",
    ]
    assert len({planned.id for planned in plan.trials}) == 8
    assert [planned.is_reference for planned in plan.trials] == [True, False, False, False] * 2


def test_trials_stand_on_the_data_that_are_there(spec: SweepSpec, store: Store) -> None:
    planned = make_plan(spec, store).trials[0]
    assert planned.trial.fingerprint == fingerprint(planned.trial.data)
    assert planned.id == planned.trial.id


def test_statuses_are_the_stores(
    spec: SweepSpec, store: Store, begin: Begin, finish: Finish
) -> None:
    trials = make_plan(spec, store).trials
    finish(trials[0].trial, spec.suite, NATURAL, ROBUST)
    train_epochs(begin, trials[1].trial, 3)
    begin(trials[2].trial).fail("diverged", "losses must be finite", "")
    finish(trials[3].trial, spec.suite.model_copy(update={"examples": 3}), NATURAL, ROBUST)
    begin(trials[4].trial)
    plan = make_plan(spec, store)
    expected = ["done", "stopped", "failed", "stopped", "running", *["pending"] * 3]
    assert statuses(plan) == expected
    assert plan.counts() == {"done": 1, "stopped": 2, "failed": 1, "running": 1, "pending": 3}
    assert [planned.todo for planned in plan.trials[:6]] == [
        "",
        "1 of 4 epochs, evaluation",
        "",
        "evaluation",
        "4 epochs, evaluation",
        "4 epochs, evaluation",
    ]
    assert [planned.epochs_left for planned in plan.trials[:6]] == [0, 1, 4, 0, 4, 4]


def test_other_suite_makes_only_evaluations_pending(
    read: Read, store: Store, finish: Finish
) -> None:
    spec = read(SWEEP)
    for planned in make_plan(spec, store).trials:
        finish(planned.trial, spec.suite, NATURAL, ROBUST)
    assert set(statuses(make_plan(spec, store))) == {"done"}
    stronger = make_plan(read(SWEEP, "evaluation.pgd.ladder=[1, 2, 50]"), store)
    assert {(planned.status, planned.todo) for planned in stronger.trials} == {
        ("stopped", "evaluation")
    }


def test_edited_sweep_has_only_the_difference_to_do(
    read: Read, store: Store, finish: Finish
) -> None:
    spec = read(SWEEP)
    for planned in make_plan(spec, store).trials:
        finish(planned.trial, spec.suite, NATURAL, ROBUST)
    edited = read(SWEEP.replace("[0.2, 0.4]", "[0.1, 0.2, 0.4]").replace("[3, 1]", "[3, 1, 0]"))
    pending = make_plan(edited, store).pending(retry_failed=False)
    assert [planned.title for planned in pending] == [
        "pareto rho=0.1 seed=3",
        "pareto rho=0.1 seed=1",
        "standard seed=0",
        "flow seed=0",
        "pareto rho=0.1 seed=0",
        "pareto rho=0.2 seed=0",
        "pareto rho=0.4 seed=0",
    ]


@pytest.mark.parametrize(
    ("kind", "is_retried"),
    [
        ("diverged", False),
        ("exception", False),
        ("out_of_memory", False),
        ("hung", False),
        ("time_limit", False),
        ("worker_lost", True),
        ("data", True),
    ],
)
def test_what_would_fail_again_is_left_until_asked_for(
    spec: SweepSpec, store: Store, begin: Begin, kind: str, is_retried: bool
) -> None:
    planned = make_plan(spec, store).trials[0]
    begin(planned.trial).fail(kind, "why", "Traceback ...")

    def is_pending(*, retry_failed: bool) -> bool:
        pending = make_plan(spec, store).pending(retry_failed=retry_failed)
        return planned.id in [each.id for each in pending]

    assert is_pending(retry_failed=False) is is_retried
    assert is_pending(retry_failed=True)


def test_damaged_evaluation_is_to_be_made_again(
    spec: SweepSpec, store: Store, finish: Finish, tmp_path: Path
) -> None:
    first = make_plan(spec, store).trials[0]
    finish(first.trial, spec.suite, NATURAL, ROBUST)
    record = tmp_path / "runs" / "trials" / first.id / "evaluations" / f"{spec.suite.id}.json"
    record.write_bytes(record.read_bytes()[:-20])
    again: PlannedTrial = make_plan(spec, store).trials[0]
    assert (again.status, again.todo) == ("stopped", "evaluation")


@pytest.mark.parametrize(
    ("schedule", "todo"),
    [
        ("[[0, 1]]", "2 of 6 epochs, evaluation; goes on from {}"),
        (
            "[[0, 1], [0.5, 0.1]]",
            "6 epochs, evaluation; anew: the learning rates of {} (4 epochs) differ from the "
            "first on",
        ),
    ],
)
def test_longer_trials_say_whether_they_go_on_from_their_shorter_siblings(
    read: Read, store: Store, begin: Begin, schedule: str, todo: str
) -> None:
    rates = f"training.optimiser.schedule={schedule}"
    shorter = make_plan(read(SWEEP, rates), store).trials[1]
    train_epochs(begin, shorter.trial, 4)
    longer = make_plan(read(SWEEP, rates, "training.epochs=6"), store)
    assert longer.trials[1].todo == todo.format(shorter.id)
    assert longer.trials[2].todo == "6 epochs, evaluation"


def test_missing_data_are_the_sweep_files_mistake(read: Read, store: Store) -> None:
    spec = read("data:\n  name: mnist\n  root: nowhere\nmethods: {flow: {}}\n")
    with pytest.raises(BadInput, match=r"sweep.yaml:2: data.name: 'mnist' needs .*nowhere/MNIST"):
        make_plan(spec, store)


def test_dry_run_tells_the_plan_and_writes_nothing(
    spec: SweepSpec, store: Store, tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, ["sweep.yaml", "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["name"], told["counts"]) == ("sweep", {"pending": 8})
    planned = make_plan(spec, store).trials[2]
    assert told["trials"][2] == {
        "trial_id": planned.id,
        "method": "pareto",
        "seed": 3,
        "status": "pending",
        "todo": "4 epochs, evaluation",
        "left_out": None,
        "settings": {"rho": 0.2},
        "parents": [],
        "stage": "sweep",
        "has_other_rows": False,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


def test_finished_sweep_is_written_anew_without_ray_or_its_machine(
    spec: SweepSpec, store: Store, finish: Finish, tmp_path: Path
) -> None:
    for planned in make_plan(spec, store).trials:
        finish(planned.trial, spec.suite, NATURAL, ROBUST)
    arguments = ["--set", "tracking=none", "--set", "resources.cpu=4096", "--json"]
    result = CliRunner().invoke(app, ["sweep.yaml", *arguments])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["counts"] == {"done": 8}
    left = {path.name for path in (tmp_path / "runs" / "sweeps" / "sweep").iterdir()}
    assert {"spec.yaml", "trials.csv", "front.csv", "front.json", "front.png", "front.svg"} <= left
    ray = sys.modules.get("ray")
    assert ray is None or not ray.is_initialized()


def test_names_show_what_varies_within_a_method_alone(read: Read, store: Store) -> None:
    """The epsilon that pgd varies is a constant of pareto's, and hides its rho."""
    spec = read(
        "data: digits\nmethods:\n  pgd: {vary: {pgd.epsilon: [0.1, 0.2]}}\n"
        "  pareto: {vary: {rho: [0.2, 0.4]}}\n"
    )
    names = make_plan(spec, store).names()
    assert list(names.values()) == [
        *("standard", "pgd pgd.epsilon=0.1", "pgd pgd.epsilon=0.2"),
        *("pareto rho=0.2", "pareto rho=0.4"),
    ]
    seeded = make_plan(read("data: digits\nmethods: {flow: {}}\nseeds: [0, 1]\n"), store).names()
    assert set(seeded.values()) == {
        f"{method} seed={seed}" for method in ("standard", "flow") for seed in (0, 1)
    }


# --- whose fault it is


@pytest.fixture
def _no_code_is_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests raise counts as raised by the project, or by a library that it uses."""
    monkeypatch.setattr(own_code, "PROJECT", {*own_code.PROJECT, "tests"})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("data.root must be a folder"), "sweep.yaml:1: data.root: must be a folder"),
        (ValueError("there is no room"), "sweep.yaml:1: data: there is no room"),
        (ValueError("methods.a must be one"), "sweep.yaml:1: data: methods.a must be one"),
        (
            KeyError("images"),
            "sweep.yaml:1: data: must be read or made without an error, got KeyError: 'images'",
        ),
    ],
)
@pytest.mark.usefixtures("_no_code_is_ones_own")
def test_what_goes_wrong_is_said_of_its_section(
    spec: SweepSpec, error: Exception, said: str
) -> None:
    with pytest.raises(BadInput) as caught, blamed_on("data", spec.document):
        raise error
    assert str(caught.value) == said
    assert caught.value.__cause__ is error


def test_what_goes_wrong_in_ones_own_code_is_said_with_its_line(spec: SweepSpec) -> None:
    told = (
        r"^sweep\.yaml:1: data\.name: the code that it names must run .*; see .*test_plan\.py:\d+$"
    )
    with pytest.raises(BadInput, match=told), blamed_on("data", spec.document):
        raise KeyError("images")


@pytest.mark.usefixtures("_no_code_is_ones_own")
def test_data_that_cannot_be_read_end_a_plan_as_bad_input(spec: SweepSpec, store: Store) -> None:
    def unread(_: object) -> str:
        raise OSError(5, "Input/output error")

    with pytest.raises(BadInput, match=r"sweep\.yaml:1: data: must be read .* got OSError.*output"):
        make_plan(spec, store, fingerprint_of=unread)
