"""A sweep's models under another suite: `python -m orchestrator.sweep SPEC --evaluate SUITE`.

It is the same sweep with another evaluation: the same trials by the same ids, of which those that
have weights are evaluated, and none is trained. Its tables and pictures lie beside the sweep's
own, and say how many of the trials they stand on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from orchestrator.plan.manifest import read_manifest
from orchestrator.plan.plan import ChoiceBefore, FrontBefore, Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.choice import picked_by
from orchestrator.results.shown import shown_images
from orchestrator.results.trials_table import trials_table
from orchestrator.spec.arguments import command
from orchestrator.spec.objectives import columns_of_numbers
from orchestrator.spec.sweep_spec import Reevaluation, SweepSpec, safe_file_name
from orchestrator.spec.threats import refuse_other_threats, refuse_seen
from orchestrator.store import Files, Progress, Store
from orchestrator.store.files.looks import mapped
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.trials.result import published
from orchestrator.table.columns import AT_KNEE, SELECTED
from orchestrator.tracking import OFF
from trainer.data import DataSettings, fingerprint
from trainer.evaluation.suite import read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput, Problem, label

OFF_FRONT, GIVEN_UP, DAMAGED = "not on the front", "given up", "damaged"
"""Reasons for which a trial is left out, apart from the status of one that is not trained."""


def reevaluated(spec: SweepSpec, suite_path: str, *, only_front: bool) -> SweepSpec:
    """Return the sweep under the suite in a YAML file, written as a section `evaluation` is.

    Its tracker records nothing: it has the accuracies under the sweep's own suite by these names.

    Args:
        only_front: whether trials are left out that are neither on the front under the sweep's
            own suite nor references.

    Raises:
        BadInput: what is wrong with the suite, an objective whose column it does not fill, or a
            threat that is not the sweep's (`orchestrator.spec.threats`).
    """
    written = Document.read(suite_path)
    suite = read_suite(written)
    name = Path(suite_path).name
    try:
        safe_file_name(Path(name).stem)
    except ValueError as error:
        message = f"{error}, got {label(name)}; rename the file"
        raise BadInput(Problem("--evaluate", "", message)) from None
    columns = columns_of_numbers(
        suite,
        (*spec.cells, *spec.probes),
        spec.settings,
        has_best=spec.policy.weights == "best",
    )
    for objective in spec.objectives:
        if objective.name not in columns:
            raise written.fail(
                "",
                f"must fill the column of every objective of the sweep, and has none of "
                f"{objective.name!r}; add its category, or choose among {', '.join(columns)} "
                f"by --set objectives",
            )
    refuse_seen(written, suite, (*spec.cells, *spec.probes))
    data_name = spec.cells[0].trial.data.name
    refuse_other_threats(written, suite, own=spec.suite, data_name=data_name)
    evaluation = Document.from_plain({"evaluation": suite.record()}, written.where())
    return replace(
        spec,
        document=spec.document.without("evaluation").merged_over(evaluation),
        suite=suite,
        tracking=OFF,
        reevaluation=Reevaluation(sweep=spec, suite_file=name, only_front=only_front),
    )


def plan_start(
    spec: SweepSpec,
    store: Store,
    *,
    fingerprint_of: Callable[[DataSettings], str] = fingerprint,
    settled: Mapping[str, Progress] = MappingProxyType({}),
    retry_failed: bool = False,
) -> Plan:
    """Plan a start; one that only evaluates also says which trials it leaves out.

    Args:
        fingerprint_of: as `make_plan` takes it.
        settled: likewise.
        retry_failed: likewise.

    Raises:
        BadInput: the data are not there, or cannot be read.
    """
    fingerprint_of = cache(fingerprint_of)
    plan = make_plan(
        spec, store, fingerprint_of=fingerprint_of, settled=settled, retry_failed=retry_failed
    )
    if spec.reevaluation is None:
        return plan
    own = spec.reevaluation.sweep
    wanted: Set[str] = {planned.id for planned in plan.every}
    before = None
    its_plan = make_plan(
        own,
        store,
        fingerprint_of=fingerprint_of,
        settled=read_manifest(store.files, own).settled,
    )
    images = shown_images(own, its_plan, store.files)
    table = trials_table(own, its_plan, images)
    if spec.reevaluation.only_front:
        chosen, before = _front_and_references(its_plan, table)
        wanted -= {planned.id for planned in plan.trials} - chosen

    def look(planned: PlannedTrial) -> PlannedTrial:
        return replace(planned, left_out=_why_left_out(planned, store, own.suite.id, wanted))

    trials = mapped(look, plan.every, store.files)
    ids = table["trial_id"]
    choice_before = ChoiceBefore(
        plan=its_plan,
        selected=frozenset(ids[table[SELECTED]]),
        at_knee=frozenset(ids[table[AT_KNEE]]),
        by=picked_by(own, its_plan, images),
    )
    plan = plan.with_every(trials)
    return replace(plan, front_before=before, choice_before=choice_before)


def refuse_nothing_to_evaluate(spec: SweepSpec, plan: Plan, files: Files) -> None:
    """Check that a sweep was run before its models are tried under another suite.

    Raises:
        BadInput: it never was, it has no front to choose by, or none of its trials that are asked
            for has weights.
    """
    if spec.reevaluation is None:
        return
    own, covered, before = spec.reevaluation.sweep, coverage(spec, plan), plan.front_before
    assert covered is not None
    remedy = f"run the sweep first, without --evaluate: {command('sweep', own)}"
    if not read_manifest(files, own).fingerprints:
        problem = f"got {own.name!r}, of which there is no plan in {own.storage}"
    elif before is not None and not before.trials:
        problem = (
            f"got none on the front under its own suite ({own.suite.id}), under which "
            f"{before.drawn_of} of its {len(plan.trials)} trials have a result"
        )
        remedy = (
            f"leave --only front out, or {remedy}; what --set says of `evaluation` is the sweep's "
            f"own suite, and that of --evaluate is in its file alone"
        )
    elif not plan.asked_for() and not covered.evaluated:
        problem = f"got {covered.without_weights()}"
    else:
        return
    message = f"must be of a sweep that has trained models, {problem}; {remedy}"
    raise BadInput(Problem("--evaluate", "", message))


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How many of a sweep's trials were tried under another suite, and why no more."""

    suite_file: str
    suite_id: str
    trials: int
    own: int  # of these, without those that confirm the sweep
    evaluated: int
    off_front: int | None  # of these neither on the front nor references; None: all were asked for
    front_of: int | None  # trials that the front was drawn of by which they were chosen
    lacking: Mapping[str, int]  # trials without weights, by reason

    def __str__(self) -> str:
        counted = f"{self.evaluated} of {self.trials} trials evaluated under {self.suite_file}"
        if self.off_front is None:
            return counted
        more = f", and {self.off_front} more" if self.off_front else ""
        drawn_of = f", of {self.front_of} trials" if self.doubt else ""
        fresh = ", what confirms the sweep" if self.own < self.trials else ""
        return (
            f"{counted}: the front of the suite before{drawn_of}{fresh}, and the references{more}"
        )

    @property
    def doubt(self) -> str:
        """Why a choice by the front of only some trials is doubtful; empty where all were done."""
        if self.front_of in {None, self.own}:
            return ""
        return (
            f"they were chosen by a front of {self.front_of} of {self.own} trials, since the "
            f"others have no result under the sweep's own suite: run it to its end first, or leave "
            f"--only front out"
        )

    def without_weights(self) -> str:
        """Count the trials without weights: `3 of 26 trials have no weights to evaluate: 2 pending,
        1 given up`; empty where there are none."""
        if not self.lacking:
            return ""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.lacking.items())
        count = sum(self.lacking.values())
        return f"{count} of {self.trials} trials have no weights to evaluate: {reasons}"

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the coverage for people: what each line is about, and what it says."""
        yield "suite", str(self)
        if self.doubt:
            yield "chosen", self.doubt
        if self.lacking:
            yield "weights", self.without_weights()

    def record(self) -> dict[str, Any]:
        """The coverage as values of JSON."""
        return {
            "file": self.suite_file,
            "id": self.suite_id,
            "trials": self.trials,
            "evaluated": self.evaluated,
            "asked_for": "all" if self.off_front is None else "front",
            "front_of": self.front_of,
            "without_weights": dict(self.lacking),
        }


def coverage(spec: SweepSpec, plan: Plan) -> Coverage | None:
    """Count what a plan covers under another suite than the sweep's own; None under its own.

    Where all trials were evaluated, it makes no difference what was asked for.
    """
    if spec.reevaluation is None:
        return None
    is_done = {planned.id: planned.status == "done" for planned in plan.every}
    off_front = [planned for planned in plan.every if planned.left_out == OFF_FRONT]
    before = plan.front_before
    is_partial = not all(is_done[planned.id] for planned in off_front)
    return Coverage(
        suite_file=spec.reevaluation.suite_file,
        suite_id=spec.suite.id,
        trials=len(plan.every),
        own=len(plan.trials),
        evaluated=sum(is_done.values()),
        off_front=sum(is_done[planned.id] for planned in off_front) if is_partial else None,
        front_of=before.drawn_of if is_partial and before is not None else None,
        lacking=Counter(
            planned.left_out for planned in plan.every if planned.left_out not in {None, OFF_FRONT}
        ),
    )


def _front_and_references(plan: Plan, table: pd.DataFrame) -> tuple[Set[str], FrontBefore]:
    """Return the ids of the trials that are on the front under the sweep's own suite or of a
    selected cell, and of its references; and how many trials that front is drawn of.

    Args:
        plan, table: the sweep's, under its own suite.
    """
    references = {planned.id for planned in plan.trials if planned.is_reference}
    on_front = set(table.loc[table["on_front"], "trial_id"])
    selected = set(table.loc[table[SELECTED], "trial_id"])
    done = sum(planned.status == "done" for planned in plan.trials)
    return references | on_front | selected, FrontBefore(trials=len(on_front), drawn_of=done)


def _why_left_out(
    planned: PlannedTrial, store: Store, own_suite: str, wanted: Set[str]
) -> str | None:
    """Say in a word or two why a trial is left out; None if it is to be evaluated, or is done."""
    if planned.id not in wanted:
        return OFF_FRONT
    if planned.evaluation is not None:
        return None
    if planned.progress.trained:
        has_weights = published(store.files, TrialFolder.of(planned.id)) is not None
        return None if has_weights else GIVEN_UP
    is_at_rest = planned.status in {"pending", "stopped"}
    if is_at_rest and store.trial(planned.id).evaluation(own_suite) is not None:
        return DAMAGED  # it had weights
    return planned.status
