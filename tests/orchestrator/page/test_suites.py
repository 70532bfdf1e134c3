"""Models under other suites are shown as their evaluations left them, number by number."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.figures.placement import FRONTS, PLACEMENTS
from orchestrator.page.fronts import NamedTable, fronts_over
from orchestrator.page.suites import suite_tables
from orchestrator.page.tables import axes_of, settings_of_any, table_view
from orchestrator.pareto.front import extract_front
from orchestrator.pareto.sure_front import with_certainty
from orchestrator.report.confirmed_files import CONFIRMED, CONFIRMED_STRICT
from orchestrator.report.front_files import FILES, write_front
from orchestrator.store import LocalFiles
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, parse_objectives
from tests.orchestrator.pareto.test_sure_front import drawn

pytestmark = pytest.mark.slow


def test_what_a_suites_folder_has_is_shown_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        "orchestrator.figures.front.draw_front",
        lambda front, *paths, **_: [path.write_bytes(b"") for path in paths],
    )
    table, answers = drawn()
    table = table.assign(rho=table["method"].map({"far": 0.5}), split="test")
    first = with_certainty(
        extract_front(
            table,
            objectives=parse_objectives(DEFAULT_OBJECTIVES),
            reference_point=(0.0, 1.0),
            keep_collapsed=False,
        ),
        table,
        answers,
    )
    fronts = fronts_over(table, first, answers)
    folder = tmp_path / "sweeps/own/suites/claim-e1"
    made = [(FILES, fronts[0]), (CONFIRMED, fronts[0]), (CONFIRMED_STRICT, fronts[1])]
    for names, its in made:
        write_front(
            its.front,
            folder,
            names=names,
            placement=PLACEMENTS[0],
            of=FRONTS[0],
            note="",
            facts={},
        )
    named = NamedTable(
        models="own", images="", split="test", table=table, fronts=fronts, weights={}
    )
    axes, settings_by = axes_of([named]), settings_of_any([named])
    shown = table_view(named, axes, settings_by)
    files = LocalFiles(tmp_path)
    own, fresh = suite_tables(files, "sweeps/own", axes, settings_by)
    assert own.title == "the sweep's own models, under the suite claim, test images"
    assert [it.title for it in fresh.fronts] == [it.title for it in shown.fronts]
    assert [(it.x, it.y, it.line) for it in fresh.fronts] == [
        (it.x, it.y, it.line) for it in shown.fronts
    ]
    its = {cell.method: cell for cell in fresh.cells}
    for cell in shown.cells:
        other = its[cell.method]
        assert (other.settings, other.seeds, other.planned) == (
            *(cell.settings, cell.seeds, cell.planned),
        )
        assert other.spots == cell.spots
        assert other.marks == cell.marks
    (folder / CONFIRMED[1]).write_text("{")
    assert len(suite_tables(files, "sweeps/own", axes, settings_by)) == 1
    assert "is not as it was written" in caplog.text
