"""The benchmark of pages runs, and the pages that it times have what it says."""

from __future__ import annotations

import pytest

from tests.bench import pages


@pytest.mark.slow
def test_it_measures_a_small_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "CHROMIUM", None)
    found = pages.measured(20, 2, rounds=1)
    assert (found["cells"], found["seeds"], found["seconds_open"]) == (20, 2, None)
    assert found["library_bytes"] < found["bytes"] < 3_000_000
    assert found["cpu_seconds"] > 0
    page = pages.page_of(pages.table_of(20, 2))
    assert len(page.tables[0].cells) == 20
    assert page.tables[0].fronts[0].has_intervals
