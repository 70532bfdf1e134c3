"""The benchmark of large tables runs, and what it times is the command as users have it."""

from __future__ import annotations

import pytest

from tests.bench.large_tables import PICTURES, measured


@pytest.mark.slow
def test_it_measures_a_small_table() -> None:
    found = measured(3000, 2)
    assert (found["rows"], found["objectives"]) == (3000, 2)
    assert found["cpu_seconds"] > 0
    assert found["peak_bytes"] > 2**20
    assert set(found["picture_bytes"]) == set(PICTURES)
    assert all(0 < size < 2e6 for size in found["picture_bytes"].values())
