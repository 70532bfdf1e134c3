"""The columns of the table of cells: declared once, listed in the README."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.table.cell_columns import OF_CELLS, STATISTICS, is_taken

README = (Path(__file__).parents[3] / "README.md").read_text()


def test_the_readme_lists_them_all_as_they_are_declared() -> None:
    listed = [*OF_CELLS.items(), *((f"*{end}", says) for end, says in STATISTICS.items())]
    head = "| column of `cells.csv` | what it says |\n| --- | --- |\n"
    table = head + "\n".join(f"| `{name}` | {says} |" for name, says in listed)
    assert f"{table}\n\n" in README, f"What a sweep leaves must have this table:\n{table}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("membership", True),
        ("union_accuracy_low", True),
        ("worst_pgd_high", True),
        ("seconds", True),
        ("low", False),
        ("rho_low", False),
    ],
)
def test_no_setting_may_have_their_names(name: str, expected: bool) -> None:
    assert is_taken(name) == expected
