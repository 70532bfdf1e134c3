"""A sweep that stands on best weights, in process: its tables, its choice, and what is left to do
where it did not before."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from orchestrator import sweep
from orchestrator.driver.conclusion import conclude
from orchestrator.front import app
from orchestrator.pareto.contrasts import STRICT, Heights
from orchestrator.plan.manifest import read_manifest
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.report.results import Results
from orchestrator.results.reevaluation import plan_start, reevaluated
from orchestrator.results.trials_table import trials_table, validation_table
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.status import __main__ as status
from orchestrator.store import Store
from orchestrator.table.best_weights import standing_on
from orchestrator.table.columns import is_of_best, of_weights
from orchestrator.tracking.tracker import NoTracker
from orchestrator.worker import data
from tests.orchestrator import working
from tests.orchestrator.finished import do_sweep, read_sweep, store_of
from tests.orchestrator.working import contents
from trainer.data import DATASETS, DataSettings, Pictures, Split
from trainer.data.digits import Digits

pytestmark = pytest.mark.slow

METHODS = "methods={pgd: {}, average: {natural_weight: 0.6}}"
SETTINGS = (
    METHODS,
    "training.epochs=4",
    "data.train_examples=320",
    "training.optimiser.learning_rate=0.03",
    "validation.examples=100",
    "contrasts={pairs: [[pgd, average]]}",
)

Swept = tuple[SweepSpec, Plan, Results]


def swept(folder: Path, *assignments: str) -> Swept:
    folder.mkdir(exist_ok=True)
    spec = read_sweep(folder, "small", *SETTINGS, *assignments)
    plan = do_sweep(spec)
    store = store_of(spec)
    results, _ = conclude(spec, plan, store, NoTracker(), start="sweeps/small/1")
    return spec, plan, results


@pytest.fixture(scope="module")
def best(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    return swept(tmp_path_factory.mktemp("best"), "weights=best")


def written(spec: SweepSpec, name: str) -> Path:
    return Path(spec.storage) / spec.folder / name


def test_tables_have_both_states_in_paired_columns(best: Swept) -> None:
    spec, plan, _ = best
    table = pd.read_csv(written(spec, "trials.csv"))
    paired = [name for name in table if is_of_best(name)]
    assert paired == [
        *("best_epoch", "best_natural_accuracy", "best_robust_accuracy_pgd", "best_worst_pgd"),
        *("best_union_accuracy", "best_robustness_score", "best_sacrificed_accuracy"),
        "best_collapsed",
    ]
    differ = table["best_epoch"] < 4
    assert differ.any()
    for planned, (_, row) in zip(plan.trials, table.iterrows(), strict=True):
        stored, key = store_of(spec).trial(planned.id), planned.best
        outcomes = stored.outcomes(spec.suite.id, best=key)
        weights = stored.weights(best=key)
        assert outcomes is not None
        assert weights is not None
        assert weights.best is not None
        assert row["best_epoch"] == weights.best.epoch
        for name, value in outcomes.accuracies().items():
            assert row[of_weights(name, "best")] == pytest.approx(value)
    reference = table["method"] == "standard"
    origin = table[reference].mean(numeric_only=True)  # of the last weights
    score = table["best_robust_accuracy_pgd"] - origin["robust_accuracy_pgd"]
    assert table["best_robustness_score"].tolist() == pytest.approx(score.tolist())
    sacrifice = origin["natural_accuracy"] - table["best_natural_accuracy"]
    assert table["best_sacrificed_accuracy"].tolist() == pytest.approx(sacrifice.tolist())
    same = table[table["best_epoch"] == 4]
    assert same["best_union_accuracy"].tolist() == same["union_accuracy"].tolist()


def test_front_selection_and_contrasts_stand_on_them_and_say_so(best: Swept) -> None:
    spec, plan, results = best
    front = json.loads(written(spec, "front.json").read_text())
    assert front["weights"] == front["selection"]["weights"] == "best"
    assert [it["name"] for it in front["objectives"]] == [
        "best_robustness_score",
        "best_sacrificed_accuracy",
    ]
    contrasts = json.loads(written(spec, "contrasts.json").read_text())
    assert contrasts["stands_on"]["weights"] == "best"
    assert "their best weights" in " ".join(text for _, text in results.comparison.lines())
    assert ("weights", "fronts") in [(what, it.split()[0]) for what, it in results.chosen.lines()]
    assert results.chosen.note().startswith("best weights, ")
    table = trials_table(spec, plan, "suite")
    heights = Heights(standing_on(table, "best"), STRICT, largest_sacrifice=0.15)
    difference = heights.difference("pgd", "average")
    (found,) = results.comparison.contrasts.primary
    assert found.difference == difference
    validation = validation_table(spec, plan, "suite")
    assert validation["selected"].tolist() == table["selected"].tolist()
    last = replace(spec, objectives=read_sweep(Path(spec.storage).parent).objectives)
    assert trials_table(last, plan, "suite")["best_union_accuracy"].equals(
        table["best_union_accuracy"]
    )


def test_front_draws_the_other_weights_one_switch_away(
    best: Swept, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, *_ = best
    folder = Path(spec.storage).parent
    monkeypatch.chdir(folder)
    sets = [part for each in spec.assignments for part in ("--set", each)]
    asked = CliRunner().invoke(app, ["small.yaml", *sets, "--weights", "last", "--json"])
    assert asked.exit_code == 0, asked.output
    record = json.loads(asked.stdout)
    assert record["weights"] == record["selection"]["weights"] == "last"
    assert record["objectives"][0]["name"] == "robustness_score"
    assert written(spec, "last/front.json").is_file()
    assert json.loads(written(spec, "front.json").read_text())["weights"] == "best"
    of_table = CliRunner().invoke(app, [str(written(spec, "trials.csv"))])
    assert of_table.exit_code == 0, of_table.output
    assert json.loads(written(spec, "front.json").read_text())["weights"] == "best"


def test_nothing_is_left_to_do_and_a_sweep_without_them_shares_the_trials(best: Swept) -> None:
    spec, plan, _ = best
    before = contents(Path(spec.storage) / "trials")
    store = store_of(spec)
    assert plan.pending(retry_failed=False) == ()
    settled = read_manifest(store.files, spec).settled
    assert set(settled) == {planned.id for planned in plan.trials}
    again = make_plan(spec, store, settled=settled)
    assert trials_table(spec, again, "suite").equals(trials_table(spec, plan, "suite"))
    last = read_spec(spec.path, [*spec.assignments, "weights=last", "name=other"], {})
    theirs = make_plan(last, store)
    assert theirs.pending(retry_failed=False) == ()
    assert not any(map(is_of_best, trials_table(last, theirs, "suite")))
    assert contents(Path(spec.storage) / "trials") == before


def test_trained_trials_are_trained_again_where_nobody_watched(tmp_path: Path) -> None:
    """By a file that says so now, and under other settings of validation; the plan says it."""
    spec, _, _ = swept(tmp_path)
    store = store_of(spec)
    asked = read_spec(spec.path, [*spec.assignments, "weights=best"], {})
    settled = read_manifest(store.files, spec).settled
    plan = make_plan(asked, store, settled=settled)
    assert [planned.status for planned in plan.trials] == ["pending"] * 3
    assert {planned.todo for planned in plan.trials} == {
        "4 epochs once more: its best weights under these settings of validation were not kept"
    }
    assert len(plan.pending(retry_failed=False)) == 3
    sets = [part for each in asked.assignments for part in ("--set", each)]
    shown = CliRunner().invoke(sweep.app, [spec.path, *sets, "--dry-run", "--local"])
    said = " ".join(shown.stdout.split())
    assert "3 trained trials are trained once more for them" in said, shown.output
    story = CliRunner().invoke(status.app, [spec.path, *sets, "--why", plan.trials[0].id, "--json"])
    assert "to do: 4 epochs once more" in json.loads(story.stdout)["next"][0], story.output
    before = result_files(store)
    assert do_sweep(asked).pending(retry_failed=False) == ()
    assert {name: it for name, it in result_files(store).items() if name in before} == before


def test_another_suite_tries_both_states(best: Swept, tmp_path: Path) -> None:
    spec, *_ = best
    path = tmp_path / "harder.yaml"
    path.write_text("{pgd: {epsilon: 0.3, ladder: [1, 3]}, examples: 30}")
    harder = reevaluated(spec, str(path), only_front=False)
    store = store_of(spec)
    plan = plan_start(harder, store)
    assert len(plan.pending(retry_failed=False)) == 3
    mission = working.mission(harder.policy.model_copy(update={"lease": 600.0}), trains=False)
    for planned in plan.pending(retry_failed=False):
        working.run(planned.trial, harder.suite, store, mission)
    plan = plan_start(harder, store)
    assert plan.pending(retry_failed=False) == ()
    table = trials_table(harder, plan, "suite")
    assert table["best_union_accuracy"].notna().all()
    stored = store.trial(plan.trials[1].id)
    ours, theirs = (
        stored.outcomes(harder.suite.id, best=best) for best in (plan.trials[1].best, None)
    )
    assert ours is not None
    assert theirs is not None
    assert ours.origin != theirs.origin, "of other weights"


def test_a_suite_for_which_no_best_weights_are_there_tries_the_last_ones(tmp_path: Path) -> None:
    spec, _, _ = swept(tmp_path)
    asked = read_spec(spec.path, [*spec.assignments, "weights=best"], {})
    path = tmp_path / "harder.yaml"
    path.write_text("{pgd: {epsilon: 0.3, ladder: [1, 3]}, examples: 30}")
    harder = reevaluated(asked, str(path), only_front=False)
    store = store_of(spec)
    mission = working.mission(harder.policy.model_copy(update={"lease": 600.0}), trains=False)
    for planned in plan_start(harder, store).pending(retry_failed=False):
        working.run(planned.trial, harder.suite, store, mission)
    plan = plan_start(harder, store)
    assert [planned.status for planned in plan.trials] == ["done"] * 3
    assert trials_table(harder, plan, "suite")["best_union_accuracy"].isna().all()


def result_files(store: Store) -> dict[str, bytes | None]:
    names = [name for name in store.files.sizes("trials") if name.endswith("result.json")]
    return {name: store.files.read(name) for name in names}


class Poisoned(Digits):
    """The digits with noise of wrong labels for test images, as their fingerprint does not say."""

    def read(self, settings: DataSettings) -> Pictures:
        pictures = super().read(settings)
        generator = torch.Generator().manual_seed(0)
        stored = pictures.test.stored
        noise = torch.randint(256, stored.shape, dtype=torch.uint8, generator=generator)
        return replace(pictures, test=Split.of(noise, (pictures.test.labels + 1) % 10))


def test_a_poisoned_test_set_changes_neither_the_epoch_nor_what_is_selected(
    best: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DATASETS, "digits", Poisoned())
    data.loaded.cache_clear()
    poisoned = swept(tmp_path, "weights=best")
    data.loaded.cache_clear()
    ours, theirs = (trials_table(spec, plan, "suite") for spec, plan, _ in (best, poisoned))
    for name in ("best_epoch", "selected", "at_knee"):
        assert ours[name].tolist() == theirs[name].tolist()
    assert ours["best_union_accuracy"].tolist() != theirs["best_union_accuracy"].tolist()


def test_how_sure_their_front_is_follows_from_bits_of_both_states(tmp_path: Path) -> None:
    """What is gained is counted from the reference's last weights, and has their noise."""
    spec, _, results = swept(tmp_path / "sure", "weights=best", "seeds=[0, 1]")
    said = json.loads(written(spec, "front.json").read_text())["statistics"]
    assert (said["noise"], said["images"]) == ("seeds and images", 40)
    assert said["left_out"].keys() == {"hypervolume"}, "of two seeds"
    cells = results.front.cells.set_index("method")
    reach = cells["best_robustness_score_high"] - cells["best_robustness_score_mean"]
    assert (reach > 0).all(), "its own best weights are not the ones that it is counted from"
