"""What a dry run foresees of r and rho: the weights, and which values are one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from orchestrator.driver.alpha_preview import lines, previews, warnings
from orchestrator.driver.stated_losses import read_losses
from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Progress, Store
from orchestrator.store.trials.records import Result
from trainer.input.problems import BadInput
from trainer.methods.alpha import solve_alpha
from trainer.training.loop import EpochRow

Read = Callable[..., SweepSpec]

SWEEP = """\
data: digits
methods:
  pareto: {vary: {rho: [0.2, 0.4]}}
  absolute: {method: pareto, vary: {r: [0.3, 2, 5]}}
  means: {method: pareto, moments: means, rho: 0.2}
  replay: {of: pareto}
seeds: [0, 1]
tracking: none
"""


@pytest.fixture
def trials(read: Read, store: Store) -> Sequence[PlannedTrial]:
    return make_plan(read(SWEEP), store, fingerprint_of=lambda data: "made up").trials


def nothing(trial_id: str) -> Sequence[EpochRow]:
    del trial_id
    return ()


def test_with_equal_losses_the_natural_weight_is_what_rho_leaves(
    trials: Sequence[PlannedTrial],
) -> None:
    found = {each.name: each for each in previews(trials, nothing)}
    assert list(found) == [
        "pareto rho=0.2", "pareto rho=0.4", "absolute r=0.3", "absolute r=2", "absolute r=5",
        "means rho=0.2"
    ]  # fmt: skip
    for name, share in {
        "pareto rho=0.2": 0.2,
        "pareto rho=0.4": 0.4,
        "absolute r=0.3": 0.3,
    }.items():
        assert found[name].alpha["natural"] == pytest.approx(1 - share, abs=1e-6)
        assert found[name].alpha["rt"] == pytest.approx(share / 3, abs=1e-6)
        assert not found[name].clipped
    assert found["absolute r=2"].clipped
    assert list(warnings(list(found.values()))) == [
        "absolute r=2, absolute r=5 come to the same weights on these losses: keep one of them",
        "absolute r=2, absolute r=5 would give the natural loss no weight on these losses: lower r "
        "or rho",
    ]
    said = list(lines(list(found.values())))
    assert said[0] == ("alpha", "pareto rho=0.2: natural 0.8 pgd 0.067 flow 0.067 rt 0.067")
    assert said[6] == (
        "", "on the losses natural 1 pgd 1 flow 1 rt 1 (equal losses, for want of a trained trial)"
    )  # fmt: skip


def test_what_a_solver_rounds_is_shown_as_nothing(read: Read, store: Store) -> None:
    spec = read(SWEEP, "methods={pareto: {rho: 0}}")
    found = previews(make_plan(spec, store, fingerprint_of=lambda data: "made up").trials, nothing)
    dusty = [replace(found[0], alpha={"natural": 1.0, "pgd": 0.0, "flow": 1.6e-28, "rt": 7.9e-29})]
    for each in (found, dusty):
        assert next(lines(each)) == ("alpha", "pareto rho=0: natural 1 pgd 0 flow 0 rt 0")


def test_recorded_losses_are_those_of_a_trained_trial(trials: Sequence[PlannedTrial]) -> None:
    """Of its middle epoch; an r that equal losses would clip is one like any other then."""
    first = next(planned for planned in trials if planned.method == "pareto")
    result = Result(epochs=3, seconds=1.0, attempt=1, bytes=1)
    done = Progress(result=result, evaluation=None, epochs_done=3, steps_done=0, lease=None)
    known = [replace(it, progress=done) if it is first else it for it in trials]
    means = {"natural": 2.0, "pgd": 3.0, "flow": 4.0, "rt": 8.0}
    rows = [{f"loss/{branch}": k * mean for branch, mean in means.items()} for k in (9, 1, 0.1)]
    found = {each.name: each for each in previews(known, lambda trial_id: rows)}
    for each in found.values():
        assert each.losses == means
        assert each.origin == first.id
        assert sum(each.alpha.values()) == pytest.approx(1)
    for name, r in {"absolute r=2": 2.0, "absolute r=5": 5.0, "pareto rho=0.4": 0.4 * 8}.items():
        robust = sum(found[name].alpha[branch] * means[branch] for branch in ("pgd", "flow", "rt"))
        assert robust == pytest.approx(r, rel=1e-6)
        assert not found[name].clipped


def test_a_sweep_without_it_hears_nothing(read: Read, store: Store) -> None:
    plan = make_plan(read("data: digits\nmethods: {pgd: {}}\n"), store,
                     fingerprint_of=lambda data: "made up")  # fmt: skip
    assert list(lines(previews(plan.trials, nothing))) == []


STATED = "natural=0.6, pgd=1.6, flow=1.4, rt=4/5"


def test_losses_may_be_stated_with_second_moments(trials: Sequence[PlannedTrial]) -> None:
    means = np.array([0.6, 1.6, 1.4, 0.8])
    found = {it.name: it for it in previews(trials, nothing, read_losses(STATED))}
    second = np.outer(means, means)
    expected = solve_alpha(second, means, 0.4 * 1.6).alpha
    assert list(found["pareto rho=0.4"].alpha.values()) == pytest.approx(expected)
    assert found["pareto rho=0.4"].record()["losses_of"] == "stated"
    said = [text for _, text in lines(list(found.values()))]
    assert "on the losses natural 0.6 pgd 1.6 flow 1.4 rt 0.8 (as stated)" in said

    more = read_losses(f"{STATED}, pgd*pgd=4, flow*pgd=3")
    second[1, 1], second[1, 2], second[2, 1] = 4.0, 3.0, 3.0
    again = {it.name: it for it in previews(trials, nothing, more)}
    expected = solve_alpha(second, means, 0.4 * 1.6).alpha
    assert list(again["pareto rho=0.4"].alpha.values()) == pytest.approx(expected)
    assert again["means rho=0.2"].alpha == found["means rho=0.2"].alpha, "of means alone"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("natural", "must be BRANCH=LOSS with commas between, got 'natural'"),
        ("natural=high", "of natural must be a number >= 0, got 'high'"),
        ("natural=-1", "of natural must be a number >= 0, got '-1'"),
        ("natural=1/0", "of natural must not divide by zero, got '1/0'"),
        ("natural=1,natural=2", "must have natural once, got it twice"),
        (f"{STATED},pgd*pgd=2", "of pgd*pgd must be at least its mean squared, 2.56"),
        (f"{STATED},blur=1", "must be of natural, pgd, flow, rt, got 'blur'"),
        (f"{STATED},pgd*blur=1", "must be of natural, pgd, flow, rt, got 'blur'"),
        ("natural=1,pgd=1", "must have the loss of each branch, got none of flow, rt"),
    ],
)
def test_bad_losses_are_refused(trials: Sequence[PlannedTrial], text: str, message: str) -> None:
    with pytest.raises(BadInput) as error:
        previews(trials, nothing, read_losses(text))
    assert message in str(error.value)


def test_losses_of_a_sweep_without_pareto_training_are_refused(read: Read, store: Store) -> None:
    spec = read(SWEEP, "methods={pgd: {}}")
    plan = make_plan(spec, store, fingerprint_of=lambda data: "made up")
    with pytest.raises(BadInput, match="must be left out of a sweep without Pareto training"):
        previews(plan.trials, nothing, read_losses(STATED))
