"""Numbers and bytes as people read them."""

from __future__ import annotations

import pytest

from orchestrator.terminal.units import count_text, size_text


@pytest.mark.parametrize(
    ("count", "short", "words"),
    [
        (0, "0", "0 B"),
        (812, "812", "812 B"),
        (999.4, "999", "999 B"),
        (999.6, "1 k", "1 kB"),
        (3400, "3.4 k", "3.4 kB"),
        (50_800_000, "50.8 M", "50.8 MB"),
        (2.5e9, "2.5 G", "2.5 GB"),
        (7e12, "7 T", "7 TB"),
        (123_456e12, "1.23e+05 T", "1.23e+05 TB"),
    ],
)
def test_three_digits_and_a_unit(count: float, short: str, words: str) -> None:
    assert count_text(count) == short
    assert size_text(count) == words
