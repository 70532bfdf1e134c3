"""What confirms a sweep stands apart, is shown once it is complete, and is compared then."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from orchestrator.driver.conclusion import conclude
from orchestrator.pareto.front import Front
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.report.confirmed_files import NAMES
from orchestrator.report.results import Results
from orchestrator.results.confirmation import confirmed_images
from orchestrator.results.reevaluation import coverage, plan_start, reevaluated
from orchestrator.results.shown import shown_images
from orchestrator.search.growth import grow, observe
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.housekeeping.membership import members
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.ledger import reads_by_sweep
from tests.orchestrator.conftest import Begin, Read
from tests.orchestrator.driver.test_tracked_trials import Recorder
from tests.orchestrator.told import Numbers, tell, tell_all, tell_under

pytestmark = pytest.mark.slow

SWEEP = """\
data: digits
methods:
  pareto: {vary: {rho: [0.3, 0.5, 0.7]}}
  average: {vary: {natural_weight: [0, 0.5]}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
seeds: [0, 1]
tracking: none
contrasts: {pairs: [[pareto, average]]}
confirm: {keep: {per_method: 1}, seeds: 8}
"""

OWN = {"standard": (1.0, 0.0), "pareto": (0.95, 0.8), "average": (0.95, 0.4)}
"""What the sweep's own trials have on every image: luck, most of it."""

FRESH = {"standard": (1.0, 0.0), "pareto": (0.95, 0.5), "average": (0.95, 0.6)}
"""What trials with fresh seeds have on the test set; on what picks they are as the others."""


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time, and are the same for every front."""

    def draw(front: Front, *paths: Path, **_: object) -> None:
        for path in paths:
            path.write_bytes(b"")

    monkeypatch.setattr("orchestrator.figures.front.draw_front", draw)


def numbers(planned: PlannedTrial) -> tuple[Numbers, Numbers]:
    natural, robust = (OWN if planned.stage == "sweep" else FRESH)[planned.method]
    shift = 0.001 * planned.trial.seed
    return OWN[planned.method], (natural, robust - shift * (planned.method == "pareto"))


def written(spec: SweepSpec, store: Store, name: str) -> bytes:
    return store.files.read(f"{spec.folder}/{name}") or b""


def table(spec: SweepSpec, store: Store, name: str, tmp_path: Path) -> pd.DataFrame:
    (tmp_path / "read.csv").write_bytes(written(spec, store, name))
    return pd.read_csv(tmp_path / "read.csv")


def concluded(spec: SweepSpec, plan: Plan, store: Store) -> Results:
    return conclude(spec, plan, store, Recorder(), start="")[0]


def test_fresh_trials_stand_apart_and_show_no_test_numbers_until_they_are_complete(
    read: Read, store: Store, begin: Begin, tmp_path: Path
) -> None:
    spec = read(SWEEP)
    enter(store.files)
    before = tell_all(spec, store, begin, numbers)
    assert shown_images(spec, before, store.files) == "picking", "it is not complete yet"
    concluded(spec, before, store)
    assert not {*store.files.names(spec.folder)} & {*NAMES}
    assert not reads_by_sweep(store.files, spec.name)
    plan = grow(spec, before, store)
    fresh = plan.of_confirmation("confirm").trials
    assert len(fresh) == 8 * 3
    for planned in fresh[:-1]:
        picking, test = numbers(planned)
        tell(planned, spec, begin, picking=picking, test=test)

    half = concluded(spec, make_plan(spec, store), store)
    found = table(spec, store, "confirmed.csv", tmp_path)
    assert set(found["split"].dropna()) == {"validation"}, "test numbers wait"
    assert set(table(spec, store, "trials.csv", tmp_path)["split"]) == {"validation"}
    assert not reads_by_sweep(store.files, spec.name)
    assert not half.comparison.is_confirmed
    assert half.comparison.contrasts.primary[0].difference.seeds == (0, 1)
    assert half.confirmed is not None
    assert half.confirmed.record()["done"] == 23
    said = [text for _, text in half.confirmed.lines()]
    assert "their test numbers are shown once nothing is left to do" in said


def test_complete_they_carry_the_contrasts_and_are_in_the_ledger(
    read: Read, store: Store, begin: Begin, tmp_path: Path
) -> None:
    spec = read(SWEEP)
    enter(store.files)
    grow(spec, tell_all(spec, store, begin, numbers), store)
    tell_all(spec, store, begin, numbers)
    plan = make_plan(spec, store)
    assert confirmed_images(spec, plan, store.files) == "picking", "no start has shown them"
    tracker = Recorder()
    whole, _ = conclude(spec, plan, store, tracker, start="")
    assert [it.id for it in tracker.trials] == [planned.id for planned in plan.every]
    assert confirmed_images(spec, plan, store.files) == "suite"
    own, found = (table(spec, store, it, tmp_path) for it in ("trials.csv", "confirmed.csv"))
    assert list(found) == list(own)
    assert set(found["split"]) == {"test"}
    assert set(found["seed"]) == set(range(2, 10))
    assert not set(found["trial_id"]) & set(own["trial_id"])
    assert set(own["seed"]) == {0, 1}
    assert not found[["selected", "at_knee"]].any(axis=None)
    assert {*NAMES} <= {path.name for path in whole.staged}
    front = json.loads(written(spec, store, "front_confirmed_strict.json"))
    assert {it["name"] for it in front["objectives"]} == {"union_accuracy", "natural_accuracy"}
    assert plan.confirmation is not None
    assert front["confirmation"]["id"] == plan.confirmation.kept.id

    (contrast,) = whole.comparison.contrasts.primary
    assert contrast.difference.seeds == tuple(range(2, 10)), "fresh seeds alone"
    assert contrast.p == pytest.approx(2 / 2**8)
    assert contrast.judgement is not None
    assert contrast.judgement.verdict == "worse", "though its own trials looked better"
    stands_on = json.loads(written(spec, store, "contrasts.json"))["stands_on"]
    assert stands_on["models"] == (
        "8 fresh seeds of the cells kept, trained after they were chosen"
    )
    assert stands_on["is_confirmed"]
    assert not stands_on["is_claim"], "the suite is no claim suite"
    assert ("", "so no claim is made: the suite is no claim suite") in list(
        whole.comparison.lines()
    )

    reads = list(reads_by_sweep(store.files, spec.name).values())
    assert [it.confirmation for it in sorted(reads, key=lambda it: it.at)] == [
        None,
        plan.confirmation.kept.id,
    ]
    assert whole.confirmed is not None
    assert whole.confirmed.shown_before is None, "the sweep's own were no other question"
    assert {it.seed for it in observe(spec, plan).trials} == {0, 1}, "nothing is led by them"
    named = members(store.files, spec.name)
    assert named is not None
    assert {it.id for it in plan.every} == set(named)


def test_under_best_weights_these_pick_cells_and_are_read_of_the_fresh_trials(
    read: Read, store: Store, begin: Begin, tmp_path: Path
) -> None:
    """The last ones would keep other cells, and would have the other method ahead."""
    enter(store.files)
    spec, plain = read(SWEEP, "weights=best"), read(SWEEP)

    def told(plan: Plan) -> None:
        for planned in plan.pending(retry_failed=False):
            (natural, robust), fresh = OWN[planned.method], FRESH[planned.method]
            rho, shift = planned.settings["rho"], 0.001 * planned.trial.seed
            last = natural, robust if rho in {None, 0.3} else robust / 2
            best = natural, robust if rho in {None, 0.7} else robust / 2
            more = fresh[0], fresh[1] - shift * (planned.method == "pareto")
            tell(planned, spec, begin, picking=last, test=OWN[planned.method], best=(best, more))

    told(make_plan(spec, store))
    plan = grow(spec, make_plan(spec, store), store)
    other = grow(plain, make_plan(plain, store), store)
    kept, others = (
        {it.settings["rho"] for it in each.of_confirmation("confirm").trials}
        for each in (plan, other)
    )
    assert (kept, others) == ({None, 0.7}, {None, 0.3})
    assert plan.confirmation is not None
    assert other.confirmation is not None
    assert plan.confirmation.kept.id != other.confirmation.kept.id
    fresh = plan.of_confirmation("confirm").trials
    assert {it.best for it in fresh} == {it.trial.validation_id for it in fresh}
    first = fresh[0]
    tell(first, spec, begin, picking=(1.0, 0.0), test=(1.0, 0.0))
    (still,) = (it for it in make_plan(spec, store).every if it.id == first.id)
    assert still.todo.endswith("under these settings of validation were not kept")
    told(make_plan(spec, store))

    found = concluded(spec, make_plan(spec, store), store)
    assert found.confirmed is not None
    assert found.confirmed.is_complete
    (contrast,) = found.comparison.contrasts.primary
    assert contrast.judgement is not None
    assert contrast.judgement.verdict == "worse", "the last ones' numbers are the other way round"
    stands_on = json.loads(written(spec, store, "contrasts.json"))["stands_on"]
    assert (stands_on["weights"], stands_on["is_confirmed"]) == ("best", True)
    rows = table(spec, store, "confirmed.csv", tmp_path)
    pareto = rows[rows["method"] == "pareto"]
    assert set(pareto["split"]) == {"test"}
    assert set(pareto["union_accuracy"]) == {OWN["pareto"][1]}
    assert pareto["best_union_accuracy"].max() == pytest.approx(FRESH["pareto"][1] - 0.002)
    for name in ("front_confirmed", "front_confirmed_strict"):
        record = json.loads(written(spec, store, f"{name}.json"))
        assert record["weights"] == "best"
        assert all(it["name"].startswith("best_") for it in record["objectives"])


def test_another_confirmation_after_one_was_read_is_exploratory(
    read: Read, store: Store, begin: Begin
) -> None:
    enter(store.files)
    for seeds, is_exploratory in ((2, False), (3, True)):
        spec = read(SWEEP, f"confirm.seeds={seeds}")
        grow(spec, tell_all(spec, store, begin, numbers), store)
        plan = tell_all(spec, store, begin, numbers)
        found = concluded(spec, plan, store)
        assert found.confirmed is not None
        assert (found.confirmed.shown_before is not None) is is_exploratory
        assert found.comparison.is_exploratory is is_exploratory
        said = [text for title, text in found.confirmed.lines() if title == "exploratory"]
        assert len(said) == is_exploratory
    plain = read(SWEEP.partition("confirm:")[0])
    found = concluded(plain, make_plan(plain, store), store)
    assert found.confirmed is None
    assert not {*store.files.names(plain.folder)} & {*NAMES}, "of another sweep of the name"


def test_under_a_claim_suite_confirmed_models_make_a_claim(
    read: Read, store: Store, begin: Begin, tmp_path: Path
) -> None:
    enter(store.files)
    spec = read(SWEEP)
    grow(spec, tell_all(spec, store, begin, numbers), store)
    plan = tell_all(spec, store, begin, numbers)
    concluded(spec, plan, store)
    (tmp_path / "weak.yaml").write_text("{pgd: {epsilon: 0.1, ladder: [1]}, flow: null, rt: null}")
    other = reevaluated(spec, "weak.yaml", only_front=True)
    claim = replace(other, suite=other.suite.model_copy(update={"claim": True}))
    asked = plan_start(claim, store)
    fresh = [planned.id for planned in plan.of_confirmation("confirm").trials]
    assert [it.id for it in asked.of_confirmation("confirm").asked_for()] == fresh
    covered = coverage(claim, asked)
    assert covered is not None
    assert not covered.doubt, "fresh trials are on no front that chooses"
    assert "what confirms the sweep, and the references" in str(covered)
    early = concluded(claim, asked, store)
    assert not early.comparison.is_confirmed, "nothing is evaluated under it"
    for planned in asked.pending(retry_failed=False):
        tell_under(planned, claim.suite.id, begin, numbers(planned)[1])
    found = concluded(claim, plan_start(claim, store), store)
    assert found.comparison.doubts == []
    assert ("", "so the verdicts are claims") in list(found.comparison.lines())
    assert found.comparison.contrasts.chosen_on == "validation"
