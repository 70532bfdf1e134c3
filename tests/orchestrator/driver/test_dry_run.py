"""What a dry run forecasts, by where the trials would run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.costs.forecast import room_here
from orchestrator.spec.policy import Resources
from orchestrator.sweep import app
from tests.orchestrator.finished import do_sweep, read_sweep

SHARE = 0.25
"""Cores a trial, so that any machine has room for several."""


def left(spec_path: str, storage: Path, *options: str) -> dict[str, Any]:
    """What a start would still have to do."""
    arguments = [spec_path, "--storage", str(storage), "--set", f"resources.cpu={SHARE}", *options]
    done = CliRunner().invoke(app, [*arguments, "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)["left"]
    return found


def test_local_trials_run_one_at_a_time(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path)
    assert left(spec.path, tmp_path / "runs")["at_once"] == 2, "both have room"
    assert left(spec.path, tmp_path / "runs", "--local")["at_once"] == 1


@pytest.mark.slow
def test_local_trials_take_the_sum_of_their_hours(tmp_path: Path) -> None:
    spec = read_sweep(tmp_path)
    do_sweep(spec)
    more = ("--set", "seeds=[0, 1, 2]")
    at_once = left(spec.path, tmp_path / "runs", *more)
    alone = left(spec.path, tmp_path / "runs", *more, "--local")
    assert (at_once["trials"], alone["trials"]) == (4, 4)
    assert at_once["at_once"] == min(4, room_here(Resources(cpu=SHARE)))
    assert alone["hours"] == pytest.approx(at_once["at_once"] * at_once["hours"])
    assert alone["core_hours"] == at_once["core_hours"]
