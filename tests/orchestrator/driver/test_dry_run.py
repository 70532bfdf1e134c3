"""What a dry run forecasts, by where the trials would run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestrator.costs.forecast import room_here
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.search.growth import grow
from orchestrator.spec.policy import Resources
from orchestrator.spec.sweep_spec import read_spec
from orchestrator.status.display import MOST_ROWS
from orchestrator.store.records.version import enter
from orchestrator.sweep import app
from tests.orchestrator.finished import do_sweep, read_sweep, store_of

SHARE = 0.25
"""Cores a trial, so that any machine has room for several."""


def left(spec_path: str, storage: Path, *options: str) -> dict[str, Any]:
    """What a start would still have to do."""
    arguments = [spec_path, "--storage", str(storage), "--set", f"resources.cpu={SHARE}", *options]
    done = CliRunner().invoke(app, [*arguments, "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)["left"]
    return found


def test_local_trials_run_one_at_a_time(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path)
    assert left(spec.path, tmp_path / "runs")["at_once"] == 2, "both have room"
    assert left(spec.path, tmp_path / "runs", "--local")["at_once"] == 1


@pytest.mark.slow
def test_local_trials_take_the_sum_of_their_hours(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path)
    do_sweep(spec)
    more = ("--set", "seeds=[0, 1, 2]")
    at_once = left(spec.path, tmp_path / "runs", *more)
    alone = left(spec.path, tmp_path / "runs", *more, "--local")
    assert (at_once["trials"], alone["trials"]) == (4, 4)
    assert at_once["at_once"] == min(4, room_here(Resources(cpu=SHARE)))
    assert alone["hours"] == pytest.approx(at_once["at_once"] * at_once["hours"])
    assert alone["core_hours"] == at_once["core_hours"]


@pytest.mark.slow
def test_what_the_seeds_can_show_is_said_beforehand(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path)
    arguments = [spec.path, "--storage", str(tmp_path / "runs"), "--dry-run"]
    for seeds, adjusted, needed in ((8, 2 / 2**8, 6), (5, 2 / 2**5, 6)):
        sets = [f"seeds={list(range(seeds))}", "contrasts.pairs=[[pgd, standard]]"]
        options = [word for each in sets for word in ("--set", each)]
        done = CliRunner().invoke(app, [*arguments, *options, "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["contrasts"] == {
            "pairs": [["pgd", "standard"]],
            "seeds": seeds,
            "smallest_p": 2 / 2**seeds,
            "smallest_adjusted_p": adjusted,
            "seeds_needed": needed,
        }
    done = CliRunner().invoke(app, [*arguments, *options], env={"COLUMNS": "300"})
    assert "pgd against standard; with 5 seeds p can reach 0.0625" in done.stdout
    assert "never a claim that one is better, which takes 6 seeds" in done.stdout
    assert "by 20 validation images that pick; picks by fewer than 1,000" in done.stdout
    refused = CliRunner().invoke(app, [*arguments[:-1], "--losses", "natural=1"])
    assert refused.exit_code == 2
    assert "--losses: must stand beside --dry-run" in refused.stderr


@pytest.mark.slow
def test_what_the_test_set_selects_is_called_optimistic_beforehand(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path)
    arguments = [spec.path, "--storage", str(tmp_path / "runs"), "--set", "selection=test"]
    done = CliRunner().invoke(app, [*arguments, "--dry-run"], env={"COLUMNS": "300"})
    assert "selected" in done.stdout
    assert "as in the paper (selection: test); their numbers on the same images are optimistic" in (
        " ".join(done.stdout.split())
    )


# --- a search


DRAWN = ("search.strategy=random", "methods.pgd={vary: {pgd.epsilon: {min: 0.01, max: 0.3}}}")


def said_of_search(folder: Path, trials: int, *options: str) -> tuple[str, dict[str, Any]]:
    """What a dry run says of the search, for people and as JSON."""
    sets = [*DRAWN, f"search.trials={trials}"]
    arguments = [str(folder / "small.yaml"), "--storage", str(folder / "runs"), "--dry-run"]
    arguments += [word for each in sets for word in ("--set", each)]
    text, as_json = (
        CliRunner().invoke(app, [*arguments, *options, *more], env={"COLUMNS": "200"})
        for more in ([], ["--json"])
    )
    assert (text.exit_code, as_json.exit_code) == (0, 0), text.output
    (line,) = (line for line in text.stdout.splitlines() if line.startswith("search"))
    return line.removeprefix("search").strip(), json.loads(as_json.stdout)["search"]


@pytest.mark.slow
def test_what_a_search_would_propose_is_not_proposed_yet(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path, "small", *DRAWN, "search.trials=3")
    line, record = said_of_search(tmp_path, 3)
    assert line == "random: 0 of 3 trials proposed, 3 would be now (3 pgd)"
    assert (record["proposed"], record["foreseen"], record["to_come"]) == (0, 3, 0)
    store = store_of(spec)
    enter(store.files)
    grow(spec, make_plan(spec, store), store)
    line, record = said_of_search(tmp_path, 3)
    assert line == "random: 3 of 3 trials proposed (3 pgd)"
    line, record = said_of_search(tmp_path, 5)
    assert line == "random: 3 of 5 trials proposed, 2 would be now (5 pgd)"
    assert (record["proposed"], record["foreseen"], record["to_come"]) == (3, 2, 0)


@pytest.mark.slow
def test_under_another_suite_nothing_is_to_come(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path, "small", *DRAWN, "search.trials=1", "training.epochs=1")
    store = store_of(spec)
    enter(store.files)
    grow(spec, make_plan(spec, store), store)
    do_sweep(spec)
    (tmp_path / "weak.yaml").write_text("{examples: 32, pgd: {epsilon: 0.1, ladder: [1]}}")
    more = ("--set", "training.epochs=1", "--evaluate", str(tmp_path / "weak.yaml"))
    line, record = said_of_search(tmp_path, 4, *more)
    assert line == "random: 1 of 4 trials proposed (1 pgd)"
    assert (record["proposed"], record["foreseen"], record["to_come"]) == (1, 0, 0)


# --- what else it says


def dry(spec_path: Path, *options: str) -> Result:
    arguments = [str(spec_path), "--storage", str(spec_path.parent / "runs"), "--dry-run"]
    return CliRunner().invoke(app, [*arguments, *options], env={"COLUMNS": "200"})


def test_precision_rules_and_rows_that_are_left_out_are_told(tmp_path: Path) -> None:
    read_sweep(tmp_path)
    seeds = f"seeds={list(range(MOST_ROWS))}"
    sets = ["training.precision=auto", "stopping.flat={rule: collapse, epochs: 2}", seeds]
    options = [word for each in sets for word in ("--set", each)]
    told = dry(tmp_path / "small.yaml", *options)
    assert told.exit_code == 0, told.output
    assert "; decided at the sweep's first start and kept (another: --set" in told.stdout
    assert "flat ends trials that are right on one class at most for 2 epochs" in told.stdout
    assert f"and {MOST_ROWS} more: --dry-run --json" in told.stdout
    record = json.loads(dry(tmp_path / "small.yaml", *options, "--json").stdout)
    assert record["precision"]["state"] == "open"
    assert list(record["stopping"]) == ["flat"]
    assert len(record["trials"]) == 2 * MOST_ROWS
    assert not (tmp_path / "runs").exists()


MNIST = """\
data: {name: mnist, root: away, download: true}
training: {epochs: 1}
methods: {standard: {}}
evaluation: {pgd: {epsilon: 0.2, ladder: [1]}, flow: null, rt: null}
tracking: none
"""


def test_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are named by the data, which a start would download, or has found before."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "sweep.yaml"
    path.write_text(MNIST)
    refused = dry(path)
    assert refused.exit_code == 2
    assert ":1: data.download: is true, and 'mnist' is still to be downloaded" in refused.stderr
    assert not (tmp_path / "runs").exists()

    spec = read_spec(str(path), [f"storage={tmp_path / 'runs'}"], {})
    store = store_of(spec)
    enter(store.files)
    plan = make_plan(spec, store, fingerprint_of=lambda data: "as it was found")
    write_manifest(store.files, spec.folder, plan)
    told = dry(path, "--json")
    assert told.exit_code == 0, told.output
    (trial,) = json.loads(told.stdout)["trials"]
    assert trial["trial_id"] == plan.trials[0].id
    assert not (tmp_path / "away").exists()
    missing = dry(path, "--set", "data.download=false")
    assert missing.exit_code == 2, "who allows no download is told that they are missing"
    assert "--download" in missing.stderr
