"""docs/faults.md names tests that exist, in the tiers that they have, and leaves no fault out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = TESTS.parent / "docs" / "faults.md"
ROW = re.compile(r"\| `([\w/]+\.py)::(\w+)` \| (\w+) \|$", re.MULTILINE)
TIERS = ("long", "integration", "slow")
OTHER_MATTERS = {
    "test_azure.py": {"test_server_that_was_killed_is_away"},
    "test_cluster.py": {"test_machine_that_is_lost_costs_the_sweep_an_epoch"},
    "test_evaluate.py": {
        "test_signal_stops_it_and_the_same_command_goes_on",
        "test_failing_attack_leaves_the_sweep_as_it_was",
        "test_starts_that_join_share_it",
    },
    "test_growth.py": set(),
    "test_main_job.py": set(),
    "test_make_ui.py": set(),
    "test_mlflow_server.py": {"test_killed_server_costs_the_sweep_nothing_and_is_told_later"},
    "test_other_cpus.py": set(),
    "test_page.py": set(),
    "test_s3.py": {
        "test_server_that_hangs_is_waited_for",
        "test_hang_is_noticed_in_seconds",
        "test_server_that_was_killed_is_waited_for",
    },
    "test_s3_housekeeping.py": set(),
    "test_sweep.py": set(),
}
"""Files of integration tests that are about something else, and their tests of faults. Of every
other file there, all tests are."""


def tiers(path: Path) -> dict[str, str]:
    """The tier of each test of a file, by its name: as `make` selects it by markers."""
    module = ast.parse(path.read_text())
    of_all = ""
    found = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            of_all = ast.unparse(node.value)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [of_all, *map(ast.unparse, node.decorator_list)]
            named = {name for mark in marks for name in re.findall(r"pytest\.mark\.(\w+)", mark)}
            found[node.name] = next((tier for tier in TIERS if tier in named), "quick")
    return found


def rows() -> dict[str, str]:
    """The tier of each test of the table, by its file and name."""
    return {f"{file}::{name}": tier for file, name, tier in ROW.findall(TABLE.read_text())}


def test_every_row_names_a_test_and_its_tier() -> None:
    assert len(rows()) == TABLE.read_text().count("::")
    for row, tier in rows().items():
        file, _, name = row.partition("::")
        assert tiers(TESTS / file).get(name) == tier, row


def test_every_integration_test_of_a_fault_has_a_row() -> None:
    for path in (TESTS / "integration").glob("test_*.py"):
        of_faults = OTHER_MATTERS.get(path.name, set(tiers(path)))
        assert of_faults <= {
            name for name in tiers(path) if f"integration/{path.name}::{name}" in rows()
        }


def test_integration_tests_lie_where_make_looks_for_them() -> None:
    elsewhere = {
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("test_*.py")
        if path.parent.name != "integration" and "integration" in tiers(path).values()
    }
    assert elsewhere == {"test_readme.py"}
    assert "tests/test_readme.py tests/integration" in (TESTS.parent / "Makefile").read_text()
