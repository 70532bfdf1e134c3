"""What those who change the project are offered: the tests of one module, found by its name."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make by itself, though the tests may have been started by another one."""
    command = ["make", *arguments, "--assume-old=.venv/installed"]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)


def check(module: str, *options: str) -> subprocess.CompletedProcess[str]:
    return make(*options, "check", f"FILE={module}")


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


def test_coverage_is_measured_over_both_tiers_and_told_by_room() -> None:
    tests, told = make("--dry-run", "coverage").stdout.splitlines()
    assert '-m "not integration and not long"' in tests
    assert "--cov --cov-report=json:coverage.json" in tests
    assert told.endswith("-m tests.workshop.reached coverage.json --missing")


def test_hooks_run_what_lint_runs() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == ["make lint"]


def test_the_paper_is_cited() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["preferred-citation"]
    assert [author["family-names"] for author in cited["authors"]] == ["Sun", "Li", "Lin"]


def staged(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in stages, as `.ci/run` is one."""
    script = f"set -euo pipefail\nsource .ci/stages\n{script}"
    return subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_stages_say_how_long_they_took() -> None:
    done = staged("stage 'first of all'\nSECONDS=7500\nstage second\necho working")
    assert (done.returncode, done.stderr) == (0, "")
    told = re.sub(r"\b75\d\d\b", "75__", re.sub(r"\b\d\d?\b", "__", done.stdout))
    assert told.splitlines() == [
        *("", "== first of all", "== first of all: passed after 75__ s"),
        *("", "== second", "working", "== second: passed after __ s"),
        *("", " seconds          stage"),
        "    75__  passed  first of all",
        "       __  passed  second",
        "    75__          all",
    ]


@pytest.mark.parametrize("failure", ["false", "(false; echo on)", "exit 1", "false | cat"])
def test_the_stage_that_fails_is_the_last_and_told(failure: str) -> None:
    done = staged(f"stage first\nstage second\n{failure}\nstage third")
    assert done.returncode == 1
    assert "\n== second: FAILED after " in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()[-3:]]
    assert [words for _, *words in rows] == [["passed", "first"], ["FAILED", "second"], ["all"]]


def test_what_must_hold_is_run_in_stages() -> None:
    """In `.ci/run`, all that `make` offers as a check, each in a stage of its own."""
    script = (ROOT / ".ci/run").read_text()
    first, *stages = script.split('\nstage "')
    assert "\nsource .ci/stages\n" in first
    made = [re.findall(r"^make (\S+)", stage, re.MULTILINE) for stage in stages]
    assert [target for targets in made for target in targets] == [
        *(".venv/installed", "lint", "docs"),
        *("test-quick", "test-slow", "test-integration"),
    ]
    assert all(len(targets) <= 1 for targets in made)
