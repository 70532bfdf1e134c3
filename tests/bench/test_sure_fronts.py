"""The benchmark of how sure large fronts are runs, and measures all that a front has."""

from __future__ import annotations

from tests.bench.sure_fronts import measured


def test_it_measures_a_small_table() -> None:
    found = measured(50, 2, 40)
    assert (found["trials"], found["objectives"], found["images"]) == (50, 2, 40)
    assert found["resamples"] == 2000
    assert found["seconds"] > 0
    assert found["peak_bytes"] > 2**20
