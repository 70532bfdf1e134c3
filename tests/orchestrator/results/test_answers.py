"""Answers of a sweep's models to single images: the numbers of its table, image by image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orchestrator.pareto.answers import Answers
from orchestrator.plan.plan import make_plan
from orchestrator.results.answers import answers
from orchestrator.results.reevaluation import OFF_FRONT
from orchestrator.results.trials_table import table_on
from orchestrator.search.stopping import Pruning
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.trials.records import Evaluated, Halves, OnImages, Trained
from tests.orchestrator.conftest import Begin, Finish, Read
from trainer.evaluation.outcomes import Outcomes
from trainer.weights.checkpoint import Weights

SWEEP = """\
data: digits
methods: {pareto: {vary: {rho: [0.2, 0.4]}}}
evaluation: {pgd: {ladder: [1, 2]}, flow: {ladder: [5]}, rt: null, split: validation}
seeds: [0, 1]
"""
NAMES = ("robustness_score", "sacrificed_accuracy", "union_accuracy", "natural_accuracy", "seconds")


def bits_of(number: int) -> tuple[list[int], Mapping[str, list[list[int]]]]:
    random = np.random.default_rng(number)
    natural = random.integers(0, 2, 8)
    pgd, flow = (natural & random.integers(0, 2, 8) for _ in range(2))
    harder = pgd & random.integers(0, 2, 8)
    return natural.tolist(), {"pgd": [pgd.tolist(), harder.tolist()], "flow": [flow.tolist()]}


@pytest.fixture
def spec(read: Read, store: Store, finish: Finish) -> SweepSpec:
    spec = read(SWEEP)
    for number, planned in enumerate(make_plan(spec, store).trials):
        finish(planned.trial, spec.suite, *bits_of(number))
    return spec


def found(spec: SweepSpec, store: Store, names: tuple[str, ...] = NAMES) -> Answers:
    read = answers(spec, make_plan(spec, store), store, "suite", names)
    assert isinstance(read, Answers)
    return read


def test_their_means_are_the_numbers_of_the_table(spec: SweepSpec, store: Store) -> None:
    read = found(spec, store)
    assert read.why_not == ""
    assert read.columns == NAMES[:4], "no bits say how long a training took"
    table = table_on(spec, make_plan(spec, store), "suite").set_index("trial_id")
    assert set(read.marks) == set(table.index)
    assert read.references == set(table.index[table["method"] == "standard"])
    means = pd.DataFrame(
        {
            trial_id: marks.mean(axis=1) * np.array(read.signs) / np.array(read.full)
            for trial_id, marks in read.marks.items()
        },
        index=list(read.columns),
    ).T
    for name in read.columns:
        off = table.loc[means.index, name].astype(float) - means[name]
        if name in {"robustness_score", "sacrificed_accuracy"}:
            off -= off.iloc[0]  # of the reference, from which all are counted
        np.testing.assert_allclose(off, 0, atol=1e-12)


def test_bits_that_are_gone_leave_noise_of_seeds_alone(spec: SweepSpec, store: Store) -> None:
    plan = make_plan(spec, store)
    last = plan.trials[-1].id
    [kept] = Path(spec.storage).glob(f"trials/{last}/**/*{spec.suite.id}*.npz")
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    read = answers(spec, plan, store, "suite", NAMES)
    assert isinstance(read, Answers)
    assert read.why_not == f"the bits of {last} are missing or damaged"
    assert read.references, "the reference is known all the same"


def test_models_that_results_chose_are_no_ground(read: Read, store: Store, finish: Finish) -> None:
    spec = read(SWEEP)
    *first, last = make_plan(spec, store).trials
    for number, planned in enumerate(first):
        finish(planned.trial, spec.suite, *bits_of(number))
    plan = make_plan(spec, store)
    assert isinstance(answers(spec, plan, store, "suite", NAMES), Answers), "it is pending"
    ended = Pruning(rule="collapse", settings={}, reason="right on one class", numbers={})
    chosen = plan.with_every([*plan.every[:-1], replace(last, pruning=ended)])
    said = answers(spec, chosen, store, "suite", NAMES)
    assert isinstance(said, str)
    assert said.startswith("stopping rules ended 1 trial by its results")
    left_out = plan.with_every([*plan.every[:-1], replace(last, left_out=OFF_FRONT)])
    said = answers(spec, left_out, store, "suite", NAMES)
    assert said == "only trials of an earlier front were evaluated, chosen by their results"


def test_on_validation_images_it_is_those_that_pick(read: Read, store: Store, begin: Begin) -> None:
    spec = read(SWEEP.replace(", split: validation", ""))
    assert spec.choice_suite is not None
    picks = np.array([1, 0, 1, 1, 0, 0, 1, 0], dtype=bool)
    plan = make_plan(spec, store)
    for number, planned in enumerate(plan.trials):
        natural, robust = bits_of(number)
        outcomes = Outcomes(
            natural=np.array(natural, dtype=bool),
            robust={label: np.array(bits, dtype=bool) for label, bits in robust.items()},
            ladders={label: it.ladder for label, it in spec.suite.categories.items()},
            steers=None if number == len(plan.trials) - 1 else ~picks,
        )
        attempt = begin(planned.trial)
        trained = Trained(epochs=2, seconds=1.0, collapsed=False, degraded=False)
        attempt.publish(Weights(trial={}, model={}), trained, keeps_last=True)
        halves = Halves(
            **{
                name: OnImages(examples=4, accuracies=outcomes.among(chosen).accuracies())
                for name, chosen in (("picking", picks), ("steering", ~picks))
            }
        )
        record = Evaluated(seconds=1.0, examples=8, accuracies=outcomes.accuracies(), halves=halves)
        attempt.keep_outcomes(spec.choice_suite.id, outcomes, record)
        attempt.keep_outcomes(spec.suite.id, outcomes, record)
        attempt.end("done")
    plan = make_plan(spec, store)
    *known, last = plan.trials
    unknown = answers(spec, plan, store, "picking", NAMES)
    assert isinstance(unknown, Answers)
    assert unknown.why_not == f"the bits of {last.id} do not say which images pick"
    read_of = answers(spec, plan.with_every(known), store, "picking", ("union_accuracy",))
    assert isinstance(read_of, Answers)
    table = table_on(spec, plan, "picking").set_index("trial_id")["union_accuracy"]
    for trial_id, marks in read_of.marks.items():
        assert marks.shape == (1, 4)
        assert marks.mean() == table[trial_id]
