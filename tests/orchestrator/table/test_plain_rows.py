"""A table's rows as text: all of them, or none where the file is not whole."""

from __future__ import annotations

import pytest

from orchestrator.table.plain_rows import plain_rows

TABLE = b'trial_id,method,failure\nt1,pgd,"one, and\nanother"\nt2,rt,\n'


def test_cells_are_text() -> None:
    rows = plain_rows(TABLE)
    assert rows is not None
    assert [row["trial_id"] for row in rows] == ["t1", "t2"]
    assert rows[0]["failure"] == "one, and\nanother"


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"trial_id,method\n",  # no trial
        TABLE[:-1],  # cut off in its last row
        b"method\npgd\n",
        b"trial_id,method\nx1,pgd\n",
        bytes(64),
        TABLE.replace(b"pgd,", b'"pgd,'),
        TABLE.replace(b"rt,\n", b'"rt,\n'),
    ],
)
def test_what_is_not_whole_has_no_rows(table: bytes) -> None:
    assert plain_rows(table) is None


def test_a_cell_may_be_as_long_as_a_message() -> None:
    rows = plain_rows(TABLE.replace(b"another", 200_000 * b"x"))
    assert rows is not None
    assert len(rows[0]["failure"]) > 200_000
