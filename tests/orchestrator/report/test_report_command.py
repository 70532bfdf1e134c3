"""The door `python -m orchestrator.report`: a sweep's page as its storage is, a table's, errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.driver.conclusion import conclude
from orchestrator.driver.live_page import LivePage, leave_page
from orchestrator.page.document import FILE
from orchestrator.plan.plan import make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.report.__main__ import app
from orchestrator.report.results import Results
from orchestrator.results.table_files import write_csv
from orchestrator.search.growth import grow
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.ledger import reads_by_sweep
from orchestrator.store.sweeps.starts import begun
from tests.orchestrator.conftest import Begin, Read
from tests.orchestrator.driver.test_tracked_trials import Recorder
from tests.orchestrator.pareto.test_sure_front import drawn
from tests.orchestrator.results.test_confirmation import SWEEP, numbers
from tests.orchestrator.told import Numbers, tell, tell_all

pytestmark = pytest.mark.slow

PICKED, TESTED = 0.8123, 0.7371
"""Unions of Pareto training on the images that pick, and on the test set."""


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(*paths: object, **_: object) -> None:
        for path in filter(lambda it: isinstance(it, Path), paths):
            path.write_bytes(b"")

    monkeypatch.setattr("orchestrator.figures.front.draw_front", draw)


def report(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "300"})


def conclude_start(spec: SweepSpec, store: Store) -> Results:
    """Leave what a start leaves at its end, its page too."""
    files = store.files
    with begun(files, files, spec.name, joins=False, lasts=60.0, on_tick=lambda lease: None):
        files.write(f"{spec.folder}/spec.yaml", spec.resolved_yaml().encode())
        plan = make_plan(spec, store)
        results, _ = conclude(spec, plan, store, Recorder(), start="")
        assert leave_page(spec, plan, store, results) == FILE
        return results


def page_of(spec: SweepSpec) -> str:
    return (Path(spec.storage) / spec.folder / FILE).read_text()


def data_of(page: str) -> dict[str, object]:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    record: dict[str, object] = json.loads(found)
    return record


def undated(page: str) -> str:
    """Without its date, and without the hours of a start that was still under way."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC|[\d.e-]+ hours", "", page)


def test_a_sweep_shows_what_may_be_shown_by_then_and_both_doors_show_the_same(
    read: Read, store: Store, begin: Begin
) -> None:
    spec = read(SWEEP, "tracking='http://me:sEcret@there:5000'")
    enter(store.files)

    def told(planned: PlannedTrial) -> tuple[Numbers, Numbers]:
        is_pareto = planned.method == "pareto"
        return ((0.95, PICKED), (0.95, TESTED)) if is_pareto else numbers(planned)

    plan = grow(spec, tell_all(spec, store, begin, told), store)
    *fresh, last = plan.of_confirmation("confirm").trials
    for planned in fresh:
        picking, test = told(planned)
        tell(planned, spec, begin, picking=picking, test=test)
    conclude_start(spec, store)
    early = page_of(spec)
    assert f"{100 * PICKED:.2f}" in early
    assert f"{100 * TESTED:.2f}" not in early, "test numbers wait until the sweep is complete"
    assert "the test set is shown once a start has left nothing to do" in early
    assert "Undecided so far: pareto against average" in early
    assert "No test number was shown yet." in early
    assert "35 of 36 done; 1 pending" in early
    again = report("sweep.yaml", "--out", "early.html", "--set", spec.assignments[0])
    assert again.exit_code == 0, again.output
    assert f"{100 * TESTED:.2f}" not in Path("early.html").read_text()
    LivePage(spec, make_plan(spec, store), store).write()
    live = page_of(spec)
    assert f"{100 * TESTED:.2f}" not in live
    assert data_of(live)["live"] is True
    assert "told once the sweep is over" in live

    picking, test = told(last)
    tell(last, spec, begin, picking=picking, test=test)
    results = conclude_start(spec, store)
    whole = page_of(spec)
    assert f"{100 * TESTED:.2f}" in whole
    verdict = results.comparison.contrasts.primary[0].judgement
    assert verdict is not None
    assert f'<p class="lead">pareto is {verdict.verdict} than average.</p>' in whole
    assert '<option value="0">fresh seeds of the cells kept, test images' in whole
    assert len(reads_by_sweep(store.files, spec.name)) == whole.count("<td>digits</td>") == 2
    assert "<dd>numbers: of test images" in whole, "and not: selection of test images"
    assert "selected: cells and knee by" in whole
    assert re.search(r"<td>\d{4}-\d\d-\d\d \d\d:\d\d</td>", whole), "when test numbers were shown"
    assert "sEcret" not in whole + early + live
    said = report("sweep.yaml", "--set", spec.assignments[0], "--json")
    assert said.exit_code == 0, said.output
    record = json.loads(said.stdout)
    assert record["file"] == f"{store.files.url}/{spec.folder}/{FILE}"
    assert record["answer"][0] == f"pareto is {verdict.verdict} than average."
    assert undated(page_of(spec)) == undated(whole)


def test_a_table_has_a_page_that_says_what_it_lacks(tmp_path: Path) -> None:
    table, _ = drawn()
    write_csv(table, tmp_path / "trials.csv")
    done = report(tmp_path / "trials.csv")
    assert done.exit_code == 0, done.output
    page = (tmp_path / FILE).read_text()
    assert "a table has no answers to single images" in page
    assert "A table names no contrast beforehand" in page
    assert "Ledger" not in page
    (tmp_path / "spec.yaml").touch()
    assert report(tmp_path / "trials.csv").exit_code == 0
    assert (tmp_path / "report_trials.html").exists(), "a sweep's own page stays"
    table.drop(columns="on_front").to_parquet(tmp_path / "other.parquet")
    objectives = ("--objective", "union_accuracy", "--objective", "max:natural_accuracy")
    out = tmp_path / "new" / "page.html"
    done = report(tmp_path / "other.parquet", *objectives, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["file"] == str(out)
    assert "strict front" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("none.csv",), "must be a table of trials, but there is no such file"),
        (("none.yaml",), "none.yaml"),
        (("trials.csv", "--storage", "runs"), "must be a SPEC for --storage and --set"),
        (("never.yaml", "--objective", "seconds"), "must be a TABLE for --objective"),
        (("never.yaml",), "must be of a sweep that was started"),
        (("trials.csv", "--objective", "rho"), "write min:rho or max:rho"),
        (("trials.csv", "--out", "trials.csv"), "--out must be a page and end in .html"),
        (("trials.csv", "--out", "trials.csv/page.html"), "must be a writable folder"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_written(
    arguments: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(drawn()[0], tmp_path / "trials.csv")
    (tmp_path / "never.yaml").write_text("data: digits\nmethods: {pgd: {}}\n")
    before = sorted(tmp_path.iterdir())
    done = report(*arguments)
    assert done.exit_code == 2, done.output
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.output
    assert sorted(tmp_path.iterdir()) == before
