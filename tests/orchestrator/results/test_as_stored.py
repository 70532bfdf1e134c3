"""What commands that only read show of a sweep: its own models, and those that confirm it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.compare import app as compare_app
from orchestrator.driver.conclusion import conclude
from orchestrator.front import app as front_app
from orchestrator.plan.plan import make_plan
from orchestrator.search.growth import grow
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.status.__main__ import app as status_app
from orchestrator.store import Store
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.starts import begun
from tests.orchestrator.conftest import Begin, Read
from tests.orchestrator.driver.test_tracked_trials import Recorder
from tests.orchestrator.results.test_confirmation import SWEEP, numbers
from tests.orchestrator.told import tell, tell_all

pytestmark = pytest.mark.slow

WIDE = {"COLUMNS": "300"}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(*paths: object, **_: object) -> None:
        for path in filter(lambda it: isinstance(it, Path), paths):
            path.write_bytes(b"")

    monkeypatch.setattr("orchestrator.figures.front.draw_front", draw)
    monkeypatch.setattr("orchestrator.figures.comparison.draw_comparison", draw)


def front(*arguments: str) -> Result:
    return CliRunner().invoke(front_app, ["sweep.yaml", *arguments], env=WIDE)


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(compare_app, [*arguments, "--json"], env=WIDE)


def conclude_start(spec: SweepSpec, store: Store) -> None:
    """Leave what a start leaves at its end."""
    files = store.files
    with begun(files, files, spec.name, joins=False, lasts=60.0, on_tick=lambda lease: None):
        files.write(f"{spec.folder}/spec.yaml", spec.resolved_yaml().encode())
        conclude(spec, make_plan(spec, store), store, Recorder(), start="")


def written(spec: SweepSpec) -> dict[str, bytes]:
    folder = Path(spec.storage) / spec.folder
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_both_models_are_shown_each_by_its_name_once_those_that_confirm_are_complete(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = read(SWEEP)
    enter(store.files)
    *fresh, last = (
        grow(spec, tell_all(spec, store, begin, numbers), store).of_confirmation("confirm").trials
    )
    for planned in fresh:
        picking, test = numbers(planned)
        tell(planned, spec, begin, picking=picking, test=test)
    conclude_start(spec, store)

    early = front()
    assert early.stdout.splitlines()[-1].endswith(
        "models      the sweep's own, by which cells were also chosen; what confirms them: "
        "23 of 24 trials done"
    ), early.output
    refused = front("--models", "confirmed")
    assert refused.exit_code == 2
    assert "must be own until a start has shown a complete confirmation" in refused.stderr
    assert "23 of 24 trials done; go on: python -m orchestrator.sweep sweep.yaml" in refused.stderr
    assert (
        compare("sweep.yaml", "--models", "confirmed", "--methods", "pareto", "pgd").exit_code == 2
    )
    status = CliRunner().invoke(status_app, ["sweep.yaml"], env=WIDE).stdout
    assert "of 90 validation images that pick" in status

    picking, test = numbers(last)
    tell(last, spec, begin, picking=picking, test=test)
    assert front("--models", "confirmed").exit_code == 2, "no start has shown them"
    conclude_start(spec, store)
    before = written(spec)
    own, confirmed = front(), front("--models", "confirmed")
    assert (own.exit_code, confirmed.exit_code) == (0, 0), own.output + confirmed.output
    assert own.stdout.splitlines()[-1].endswith("fresh seeds of the cells kept: --models confirmed")
    assert confirmed.stdout.splitlines()[-1].endswith(
        "8 fresh seeds of the cells kept, trained after they were chosen; the sweep's own: "
        "--models own"
    )
    after = written(spec)
    assert after.keys() == before.keys(), "into the files that a start leaves"
    for name in ("front.csv", "front_confirmed.csv", "cells_confirmed.csv", "trials.csv"):
        assert after[name] == before[name]
    for name in ("front", "front_confirmed"):
        record, its = (json.loads(files[f"{name}.json"]) for files in (after, before))
        assert record["points"] == its["points"]
        assert record["models"] == its["models"] == ("own" if name == "front" else "confirmed")
        assert record["confirmation"] == its["confirmation"]
    of_table = CliRunner().invoke(front_app, [f"{spec.storage}/{spec.folder}/confirmed.csv"])
    assert of_table.exit_code == 0, of_table.output
    assert written(spec)["front_confirmed.csv"] == before["front_confirmed.csv"]
    assert written(spec)["front.csv"] == before["front.csv"], "the sweep's own stays"

    Path("other.yaml").write_text(SWEEP)
    other = read_spec("other.yaml", (), {})
    grow(other, make_plan(other, store), store)
    conclude_start(other, store)
    of_both = json.loads(compare("sweep.yaml", "other.yaml", "--models", "confirmed").stdout)
    assert of_both["models"] == "confirmed"
    assert of_both["differences"][0]["seeds"] == list(range(2, 10))
    methods = ("--methods", "pareto", "average")
    fresh_ones = json.loads(compare("sweep.yaml", *methods, "--models", "confirmed").stdout)
    chosen = json.loads(compare("sweep.yaml", *methods).stdout)
    assert (fresh_ones["models"], chosen["models"]) == ("confirmed", "own")
    assert fresh_ones["differences"][0]["mean"] < 0 < chosen["differences"][0]["mean"]
    said = CliRunner().invoke(compare_app, ["sweep.yaml", *methods], env=WIDE).stdout
    assert said.splitlines()[-1].endswith("fresh seeds of the cells kept: --models confirmed")


def test_a_sweep_that_confirms_nothing_has_its_own_models_alone(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = read(SWEEP.partition("confirm:")[0])
    enter(store.files)
    tell_all(spec, store, begin, numbers)
    conclude_start(spec, store)
    shown = front()
    assert shown.stdout.splitlines()[-1].startswith("files"), shown.output
    assert "models" not in json.loads(written(spec)["front.json"])
    refused = front("--models", "confirmed")
    assert refused.exit_code == 2
    assert "must be own where nothing is to confirm a sweep, as sweep, got confirmed" in (
        refused.stderr
    )
