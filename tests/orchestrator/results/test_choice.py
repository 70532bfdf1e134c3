"""What chooses and what is told stand on different images, and every output says which."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from orchestrator.driver.conclusion import conclude
from orchestrator.front import app as front_app
from orchestrator.pareto.contrasts import STRICT, Heights, split_of
from orchestrator.plan.confirmation import Confirmation, Kept
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.as_stored import stored_results
from orchestrator.results.choice import Choice, choice, few_to_pick_by, picking_ahead
from orchestrator.results.confirmation import confirmation_question
from orchestrator.results.images import showable_images
from orchestrator.results.reevaluation import plan_start, reevaluated
from orchestrator.results.shown import question, record_shown, shown_images
from orchestrator.results.trials_table import (
    choosing_table,
    table_on,
    trials_table,
    validation_table,
)
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.sweeps.ledger import reads_by_sweep, reads_of
from orchestrator.store.sweeps.starts import begun
from orchestrator.store.trials.records import Evaluated, Halves, OnImages, Trained
from tests.orchestrator.conftest import Begin, Read
from tests.orchestrator.driver.test_tracked_trials import Recorder
from tests.orchestrator.told import tell_under
from trainer.evaluation.outcomes import Outcomes
from trainer.input.problems import BadInput
from trainer.input.settings import content_id
from trainer.weights.checkpoint import Weights

SWEEP = """\
data: digits
methods:
  pareto: {vary: {rho: [0.2, 0.4, 0.6]}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
seeds: [0, 1]
tracking: none
"""

NUMBERS = {  # natural and robust accuracy on the test set, on the half that picks, that steers
    "standard": ((1.0, 0.0), (1.0, 0.0), (1.0, 0.0)),
    "pareto rho=0.2": ((0.9, 0.5), (0.9, 0.1), (0.9, 0.9)),
    "pareto rho=0.4": ((0.8, 0.4), (0.8, 0.5), (0.1, 0.1)),
    "pareto rho=0.6": ((0.7, 0.3), (0.4, 0.6), (0.2, 0.0)),
    "pgd": ((0.9, 0.3), (0.9, 0.5), (0.9, 0.4)),
    "average": ((0.9, 0.5), (0.9, 0.3), (0.9, 0.4)),
}
"""On the test set rho 0.2 beats the others, and on what steers; on what picks all are on the front,
and rho 0.4 is its knee."""


PAIR = ("methods.average={}", "contrasts={pairs: [[pareto, average]]}")


def accuracies(natural: float, robust: float) -> dict[str, float]:
    return {
        "natural_accuracy": natural,
        "robust_accuracy_pgd": robust,
        "worst_pgd": robust,
        "union_accuracy": robust,
    }


def put(planned: PlannedTrial, spec: SweepSpec, begin: Begin, *, picking: int = 90) -> None:
    """A trial with the numbers of its cell, in the store."""
    attempt = begin(planned.trial)
    trained = Trained(epochs=15, seconds=1.0, collapsed=False, degraded=False)
    attempt.publish(Weights(trial={}, model={}), trained, keeps_last=True)
    title = planned.title.rpartition(" seed=")[0]
    test, picks, steers = (accuracies(*numbers) for numbers in NUMBERS[title])
    bits = Outcomes(
        natural=np.ones(1, dtype=bool),
        robust={"pgd": np.ones((1, 1), dtype=bool)},
        ladders={"pgd": (1,)},
    )
    halves = Halves(
        steering=OnImages(examples=picking, accuracies=steers),
        picking=OnImages(examples=picking, accuracies=picks),
    )
    assert spec.choice_suite is not None
    on_validation = Evaluated(seconds=1.0, examples=2 * picking, accuracies=steers, halves=halves)
    attempt.keep_outcomes(spec.choice_suite.id, bits, on_validation)
    on_test = Evaluated(seconds=1.0, examples=359, accuracies=test)
    attempt.keep_outcomes(spec.suite.id, bits, on_test)
    attempt.end("done")


def all_done(spec: SweepSpec, store: Store, begin: Begin, **facts: Any) -> Plan:
    for planned in make_plan(spec, store).pending(retry_failed=False):
        put(planned, spec, begin, **facts)
    return make_plan(spec, store)


def shown_by_a_start(spec: SweepSpec, plan: Plan, store: Store) -> tuple[pd.DataFrame, Choice]:
    """The table and the choice as a start leaves them at its end."""
    images = record_shown(spec, plan, store.files)
    table = trials_table(spec, plan, images)
    return table, choice(spec, plan, store.files, images, counts_reads=True)


def cells_with(table: pd.DataFrame, mark: str) -> set[Any]:
    """Values of rho of the cells all of whose rows are marked; of each all rows are, or none."""
    rows = table.assign(rho=table["rho"].astype(object).where(table["rho"].notna(), "standard"))
    marked = rows.groupby("rho")[mark]
    assert (marked.nunique() == 1).all()
    return {rho for rho, is_marked in marked.first().items() if is_marked}


def test_cells_and_knee_are_selected_by_the_images_that_pick(
    read: Read, store: Store, begin: Begin
) -> None:
    """And the numbers that are shown are the test set's."""
    spec = read(SWEEP)
    plan = all_done(spec, store, begin)
    table, _ = shown_by_a_start(spec, plan, store)
    assert set(table["split"]) == {"test"}
    assert table["natural_accuracy"].tolist() == [1, 0.9, 0.8, 0.7] * 2
    assert cells_with(table, "selected") == {"standard", 0.2, 0.4, 0.6}
    assert cells_with(table, "at_knee") == {0.4}
    assert cells_with(table, "on_front") == {"standard", 0.2}
    validated = validation_table(spec, plan, "suite")
    assert list(validated) == list(table)
    assert set(validated["split"]) == {"validation"}
    assert validated["natural_accuracy"].tolist() == [1, 0.9, 0.8, 0.4] * 2
    assert validated["robustness_score"].tolist() == pytest.approx([0, 0.1, 0.5, 0.6] * 2)
    assert cells_with(validated, "at_knee") == {0.4}
    assert cells_with(validated, "on_front") == {"standard", 0.2, 0.4, 0.6}
    steered = table_on(spec, plan, "steering")
    assert steered["natural_accuracy"].tolist() == [1, 0.9, 0.1, 0.2] * 2


def test_selection_on_the_test_set_is_the_papers_and_says_so(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = read(SWEEP, "selection=test")
    plan = all_done(spec, store, begin)
    table, said = shown_by_a_start(spec, plan, store)
    assert cells_with(table, "selected") == cells_with(table, "on_front") == {"standard", 0.2}
    assert said.record()["by"] == "test"
    assert said.is_optimistic
    assert "as in the paper (selection: test)" in dict(said.lines())["selected"]
    assert "optimistic" in said.note()
    assert cells_with(validation_table(spec, plan, "suite"), "selected") == {"standard", 0.2}


def test_selection_on_a_test_set_that_is_not_read_is_refused(read: Read) -> None:
    with pytest.raises(BadInput, match=r"selection: must be validation where evaluation.split is"):
        read(SWEEP, "evaluation.split=validation", "selection=test")


def test_test_numbers_wait_until_nothing_is_left_to_do(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = read(SWEEP)
    *first, last = make_plan(spec, store).trials
    for planned in first:
        put(planned, spec, begin)
    plan = make_plan(spec, store)
    table, said = shown_by_a_start(spec, plan, store)
    assert showable_images(spec, plan) == shown_images(spec, plan, store.files) == "picking"
    assert table["split"].dropna().tolist() == ["validation"] * 7
    assert table["natural_accuracy"].dropna().tolist() == [1, 0.9, 0.8, 0.4, 1, 0.9, 0.8]
    assert said.is_held_back
    later = "the test set is shown once a start has left nothing to do"
    assert dict(said.lines())["numbers"] == f"of 90 validation images that pick: {later}"
    assert not reads_by_sweep(store.files, spec.name)
    put(last, spec, begin)
    assert set(shown_by_a_start(spec, make_plan(spec, store), store)[0]["split"]) == {"test"}
    shown = read(SWEEP, "selection=test")
    assert showable_images(shown, plan) == "suite", "who selects by it has nothing to wait for"


@pytest.mark.parametrize("given", [[], ["selection=test"]])
def test_commands_that_read_show_no_test_number_that_no_start_has_recorded(
    given: list[str], read: Read, store: Store, begin: Begin
) -> None:
    """All of a sweep may be done by others that share its trials, or by a start that was killed,
    and one that selects on its test set shows it from its first start's end on."""
    spec = read(SWEEP, *given)
    plan = all_done(spec, store, begin)
    found = stored_results(spec, spec.objectives, "own", reads_answers=False)
    table, said = found.table, found.chosen
    assert set(table["split"]) == {"validation"}
    assert cells_with(table, "at_knee") == {0.4}, "by the images that pick"
    assert (said.split, said.selection, said.images) == ("validation", "validation", 90)
    by_test_then = "by test images once these are shown, as in the paper (selection: test)"
    assert (by_test_then in dict(said.lines())["selected"]) is bool(given)
    assert said.record()["turns_to_test"] is bool(given)
    assert not reads_by_sweep(store.files, spec.name), "they write nothing"
    shown_by_a_start(spec, plan, store)
    found = stored_results(spec, spec.objectives, "own", reads_answers=False)
    table, said = found.table, found.chosen
    assert set(table["split"]) == {said.split} == {"test"}
    assert said.selection == spec.selection
    changed = read(SWEEP, *given, "contrasts.margin=0.02")
    assert set(
        stored_results(changed, spec.objectives, "own", reads_answers=False).table["split"]
    ) == {"validation"}, "another question, that no start has asked"


@pytest.mark.parametrize(("picking", "is_reliable"), [(90, False), (999, False), (1000, True)])
def test_picks_by_few_images_are_called_unreliable(
    picking: int, is_reliable: bool, read: Read, store: Store, begin: Begin
) -> None:
    spec = read(SWEEP)
    plan = all_done(spec, store, begin, picking=picking)
    _, said = shown_by_a_start(spec, plan, store)
    assert said.images == picking
    assert said.record()["is_reliable"] is is_reliable
    assert ("unreliable" in dict(said.lines())["selected"]) is not is_reliable
    assert ("unreliable" in said.note()) is not is_reliable


@pytest.mark.slow
def test_a_sweep_changed_after_its_test_numbers_were_shown_is_exploratory(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = read(SWEEP)
    plan = all_done(spec, store, begin)
    record_shown(spec, plan, store.files)
    record_shown(spec, plan, store.files)
    assert len(reads_by_sweep(store.files, spec.name)) == 1, "the same question, once"
    assert choice(spec, plan, store.files, "suite", counts_reads=True).shown_before is None
    (data,) = {planned.trial.fingerprint for planned in plan.trials}
    for change in (
        "seeds=[0, 1, 2]",
        "objectives=[union_accuracy, natural_accuracy]",
        "contrasts.margin=0.02",
    ):
        changed = read(SWEEP, change)
        its_plan = all_done(changed, store, begin)
        said = choice(changed, its_plan, store.files, "suite", counts_reads=True)
        assert said.record()["is_exploratory"]
        assert said.shown_before is not None
        assert "exploratory" in said.note()
        assert said.shown_before in dict(said.lines())["exploratory"]
        record_shown(changed, its_plan, store.files)
        assert choice(changed, its_plan, store.files, "suite", counts_reads=True).record()[
            "is_exploratory"
        ], "later too"
    assert choice(spec, plan, store.files, "suite", counts_reads=True).shown_before is None, (
        "it was the first"
    )
    assert reads_of(store.files, data, spec.suite.id) == 4
    said = choice(spec, plan, store.files, "suite", counts_reads=True)
    assert said.reads == 4
    assert dict(said.lines())["numbers"] == "of test images, shown 4 times so far"
    assert reads_of(store.files, data, "e0") == reads_of(store.files, "other", spec.suite.id) == 0


def test_other_weights_are_another_question(read: Read, store: Store) -> None:
    """Contrasts stand on them, whatever the objectives are; ledgers of before name none."""
    free = ("objectives=[min:seconds, min:training_passes]", "hypervolume.reference=[9e9, 9e9]")
    last, best = (read(SWEEP, *free, f"weights={name}") for name in ("last", "best"))
    plan = make_plan(last, store)
    assert [str(it) for it in last.objectives] == [str(it) for it in best.objectives]
    assert question(best, plan) != question(last, plan)
    of_before = {
        "trials": sorted(planned.earlier_id for planned in plan.trials),
        "suite": last.suite.id,
        "objectives": ["min:seconds", "min:training_passes"],
        "selection": "validation",
        "contrasts": {k: v for k, v in asdict(last.contrasts).items() if k != "controls"},
    }
    assert question(last, plan) == content_id("r", of_before)
    kept = Kept(id="confirm-0", cells=(), passed_over={})
    larger = replace(plan, confirmation=Confirmation(kept=kept, trials=()))
    del of_before["selection"]
    fresh = of_before | {"confirmation": "confirm-0", "trials": []}
    assert confirmation_question(last, larger) == content_id("r", fresh), "likewise"


@pytest.mark.slow
def test_no_verdict_is_given_while_trials_are_left_to_do(
    read: Read, store: Store, begin: Begin
) -> None:
    """Where test numbers are shown all the while: a sweep that selects by them, another suite."""
    spec = read(SWEEP.replace("[0, 1]", "[0, 1, 2, 3, 4, 5]"), "selection=test", *PAIR)

    def verdicts(spec: SweepSpec, plan: Plan) -> list[bool]:
        found = conclude(spec, plan, store, Recorder(), start="")[0].comparison
        assert found.split == "test"
        return [contrast.judgement is not None for contrast in found.contrasts.primary]

    *first, last = make_plan(spec, store).trials
    for planned in first:
        put(planned, spec, begin)
    assert verdicts(spec, make_plan(spec, store)) == [False]
    Path("weak.yaml").write_text("{pgd: {epsilon: 0.1, ladder: [1]}, flow: null, rt: null}")
    weak = reevaluated(spec, "weak.yaml", only_front=False)
    for planned in plan_start(weak, store).pending(retry_failed=False):
        tell_under(planned, weak.suite.id, begin, (0.9, 0.5))
    plan = plan_start(weak, store)
    assert not plan.pending(retry_failed=False)
    assert verdicts(weak, plan) == [False], "one is still to be trained"
    put(last, spec, begin)
    assert verdicts(spec, make_plan(spec, store)) == [True]
    plan = plan_start(weak, store)
    assert verdicts(weak, plan) == [False], "one is still to be evaluated"
    tell_under(last, weak.suite.id, begin, (0.9, 0.5))
    assert verdicts(weak, plan_start(weak, store)) == [True]


@pytest.mark.slow
def test_the_command_that_draws_says_what_chose(read: Read, store: Store, begin: Begin) -> None:
    spec = read(SWEEP)
    record_shown(spec, all_done(spec, store, begin), store.files)
    with begun(
        store.files, store.files, spec.name, joins=False, lasts=60.0, on_tick=lambda lease: None
    ):
        pass
    done = CliRunner().invoke(front_app, ["sweep.yaml"])
    assert done.exit_code == 0, done.output
    assert re.search(r"^numbers +of test images$", done.stdout, re.MULTILINE)
    assert "cells and knee by 90 validation images that pick" in done.stdout
    record = json.loads((Path(spec.storage) / spec.folder / "front.json").read_text())
    assert record["selection"]["by"] == "validation"
    assert record["splits"] == ["test"]
    table = trials_table(spec, make_plan(spec, store), "suite").set_index("trial_id")
    assert table.loc[record["knee"], "rho"] == 0.4
    assert len(record["selected"]) == 8


def test_a_storage_with_test_evaluations_alone_does_the_missing_ones(
    read: Read, store: Store, begin: Begin
) -> None:
    """Nothing is trained; of weights that were given up nothing is missed."""
    spec = read(SWEEP)
    all_done(spec, store, begin)
    assert spec.choice_suite is not None
    for planned in make_plan(spec, store).trials:
        store.files.remove(f"trials/{planned.id}/evaluations/{spec.choice_suite.id}.json")
    before = make_plan(spec, store)
    assert before.counts() == {"done": 8}
    assert len(before.pending(retry_failed=False)) == 8
    table = trials_table(spec, before, "suite")
    assert table["natural_accuracy"].tolist() == [1, 0.9, 0.8, 0.7] * 2, "as they were shown"
    assert not table["selected"].any()
    said = dict(choice(spec, before, store.files, "suite", counts_reads=True).lines())
    assert said["selected"] == "nothing: no model is evaluated on the images that pick"
    assert {planned.todo for planned in before.trials} == {"evaluation on validation images"}
    assert {planned.epochs_left for planned in before.trials} == {0}
    first = before.trials[0]
    store.files.rename(f"trials/{first.id}/result.json", f"trials/{first.id}/dropped.json")
    after = make_plan(spec, store)
    assert after.trials[0].status == "done"
    assert len(after.pending(retry_failed=False)) == 7


def test_trials_that_cannot_be_picked_are_counted(read: Read, store: Store, begin: Begin) -> None:
    """Their weights were given up before models were evaluated on validation images: by a front
    that the test set chose."""
    spec = read(SWEEP)
    plan = all_done(spec, store, begin)
    assert choice(spec, plan, store.files, "suite", counts_reads=False).record()["unpicked"] == 0
    assert spec.choice_suite is not None
    for planned in plan.trials[-2:]:
        store.files.remove(f"trials/{planned.id}/evaluations/{spec.choice_suite.id}.json")
        store.files.rename(f"trials/{planned.id}/result.json", f"trials/{planned.id}/dropped.json")
    plan = make_plan(spec, store)
    assert plan.counts() == {"done": 8}
    said = choice(spec, plan, store.files, "suite", counts_reads=False)
    assert said.record()["unpicked"] == 2
    assert "not among 2 trials that are done without numbers" in dict(said.lines())["selected"]
    assert "not among 2 trials" in said.note()
    paper = read(SWEEP, "selection=test")
    said = choice(paper, make_plan(paper, store), store.files, "suite", counts_reads=False)
    assert (said.images, said.unpicked) == (359, 0), "by the test set each of them is picked among"


def test_selection_on_the_test_set_needs_no_validation_images(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = read(SWEEP, "selection=test")
    assert spec.choice_suite is not None
    for planned in all_done(spec, store, begin).trials:
        store.files.remove(f"trials/{planned.id}/evaluations/{spec.choice_suite.id}.json")
        store.files.rename(f"trials/{planned.id}/result.json", f"trials/{planned.id}/dropped.json")
    plan = make_plan(spec, store)
    assert trials_table(spec, plan, "suite")["selected"].any()
    said = choice(spec, plan, store.files, "suite", counts_reads=False)
    assert said.images == 359
    assert "cells and knee by 359 test images" in dict(said.lines())["selected"]


def test_under_another_suite_it_is_said_what_chose_under_the_own(
    read: Read, store: Store, begin: Begin, tmp_path: Path
) -> None:
    spec = read(SWEEP)
    all_done(spec, store, begin)
    (tmp_path / "strong.yaml").write_text("{pgd: {epsilon: 0.1, ladder: [2]}}")
    strong = reevaluated(spec, str(tmp_path / "strong.yaml"), only_front=False)
    plan = plan_start(strong, store)
    assert trials_table(strong, plan, "suite")["selected"].any()
    said = choice(strong, plan, store.files, "suite", counts_reads=False)
    assert said.images == 90
    assert "cells and knee by 90 validation images" in dict(said.lines())["selected"]
    assert "knee chosen on 90 validation images" in said.note()


def test_under_another_suite_the_best_other_is_chosen_under_the_own(
    read: Read, store: Store, begin: Begin, tmp_path: Path
) -> None:
    """By the images that pick there, whatever the other suite's numbers are."""
    (tmp_path / "strong.yaml").write_text("{pgd: {epsilon: 0.1, ladder: [2]}}")
    for split, best in {"validation": "pgd", "test": "average"}.items():
        spec = read(SWEEP, f"selection={split}", "methods={pgd: {}, average: {}}")
        all_done(spec, store, begin)
        strong = reevaluated(spec, str(tmp_path / "strong.yaml"), only_front=False)
        table = choosing_table(strong, plan_start(strong, store), "suite")
        heights = Heights(table, STRICT, largest_sacrifice=0.15)
        assert heights.best(["pgd", "average"]) == best
        assert split_of(table) == split


@pytest.mark.parametrize(
    ("held_out", "more", "count"),
    [
        (239, (), 120),
        (2000, (), 1000),
        (1999, (), 1000),
        (1997, (), 999),
        (5000, ("evaluation.examples=500",), 250),
        (239, ("selection=test",), None),
        (239, ("evaluation.split=validation",), 120),
    ],
)
def test_few_images_that_pick_are_warned_of_beforehand(
    read: Read, store: Store, held_out: int, more: tuple[str, ...], count: int | None
) -> None:
    spec = read(SWEEP, f"data.validation={held_out}", *more)
    plan = make_plan(spec, store, fingerprint_of=lambda data: "made up")
    assert picking_ahead(spec, plan) == count
    said = few_to_pick_by(spec, plan)
    assert (said is not None) == (count is not None and count < 1000)
    assert said is None or said.startswith(f"cells and knee by {count} validation images")
