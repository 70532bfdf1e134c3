"""What those who change the project are offered: the tests of one module, found by its name."""

from __future__ import annotations

import os
import re
import signal
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


@pytest.mark.parametrize("status", [0, 1])
def test_constraints_are_those_installed_or_stay_as_they_are(tmp_path: Path, status: int) -> None:
    """Where what lists them fails, what it said until then is not the list."""
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    listed = r"zope==3\nTorch==2.9+cpu\nhere @ file:///here\nabsl==1\n"
    python.write_text(f"#!/bin/sh\nprintf '{listed}'\nexit {status}\n")
    python.chmod(0o755)
    (tmp_path / "constraints.txt").write_text("# why\n# so\nzope==2\n")
    command = ["make", "-f", str(ROOT / "Makefile"), "constraints", "--assume-old=.venv/docs"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == (status != 0), done.stderr
    lines = (tmp_path / "constraints.txt").read_text().split("\n")
    assert lines[:2] == ["# why", "# so"]
    assert lines[2:-1] == (["zope==2"] if status else ["absl==1", "here", "Torch==2.9", "zope==3"])


def test_hooks_run_what_lint_runs() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == ["make lint"]


def test_the_paper_is_cited() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["preferred-citation"]
    assert [author["family-names"] for author in cited["authors"]] == ["Sun", "Li", "Lin"]


def _heed_signals() -> None:
    """A shell cannot trap what it was started to ignore, as under nohup."""
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)


def staged(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in stages, as `.ci/run` is one."""
    script = f"set -euo pipefail\nsource .ci/stages\n{script}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # so that a signal to its group hits it alone
        preexec_fn=_heed_signals,
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


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
@pytest.mark.parametrize("who", ["-$$", "$$"], ids=["whole group", "script alone"])
def test_the_stage_that_a_signal_ends_is_not_said_to_have_passed(name: str, who: str) -> None:
    """As a terminal sends it to the script and to what it runs, or a machine that is to restart."""
    number = signal.Signals[name].value
    working = f"(sleep 0.05; kill -{number} -- {who}; sleep 0.05)"
    done = staged(f"stage first\nstage second\n{working}\nstage third")
    assert done.returncode == 128 + number
    assert "\n== second: stopped after " in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()[-3:]]
    assert [words for _, *words in rows] == [["passed", "first"], ["stopped", "second"], ["all"]]


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
