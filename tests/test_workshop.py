"""What those who change the project are offered: the tests of one module, found by its name."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def check(module: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["make", *options, "check", f"FILE={module}", "--assume-old=.venv/installed"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("module", "tests"),
    [
        ("orchestrator/plan/plan.py", {"tests/orchestrator/plan/test_plan.py"}),
        ("trainer/config.py", {"tests/trainer/test_config.py"}),
        ("trainer/attacks/ascent.py", set((ROOT / "tests/trainer/attacks").glob("test_*.py"))),
    ],
)
def test_check_runs_the_tests_of_a_module(module: str, tests: set[str | Path]) -> None:
    *_, run = check(module, "--dry-run").stdout.splitlines()
    found = {word for word in run.split() if word.startswith("tests/")}
    assert found == {str(Path(ROOT / name).relative_to(ROOT)) for name in tests}


@pytest.mark.parametrize("name", ["", "orchestrator/nothing.py"])
def test_check_of_no_module_says_what_it_wants(name: str) -> None:
    done = check(name)
    assert done.returncode == 2
    assert f"FILE must be a module, such as orchestrator/plan/plan.py, got '{name}'" in done.stderr


def test_hooks_run_what_lint_runs() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == ["make lint"]


def test_the_paper_is_cited() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["preferred-citation"]
    assert [author["family-names"] for author in cited["authors"]] == ["Sun", "Li", "Lin"]
