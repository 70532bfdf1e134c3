"""The benchmark of resamples runs, also where a cell has one seed."""

from __future__ import annotations

import pytest

from tests.bench.many_resamples import Size, measured


@pytest.mark.parametrize("seeds", [1, 3])
def test_it_measures_a_small_sweep(seeds: int) -> None:
    found = measured(Size(cells=6, seeds=seeds, measures=2, images=50, resamples=20))
    assert set(found["seconds"]) == {
        *("components", "intervals", "resamples", "recurrence", "membership", "hypervolume")
    }
    assert found["gigabytes"] > 0
