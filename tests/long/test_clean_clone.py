"""The README's two commands on a clean clone with empty caches, as a newcomer gives them."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent.parent
FIVE_MINUTES = 300
TWELVE_MINUTES = 720

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newcomer") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def make(target: str, clone: Path) -> float:
    """Seconds that the target took, with a home folder of its own and so no caches."""
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRTUAL")}
    environment = kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    started = time.monotonic()
    subprocess.run(["make", target], cwd=clone, env=environment, check=True)
    return time.monotonic() - started


def test_make_demo_draws_the_front(clone: Path) -> None:
    installing = make(".venv/installed", clone)
    running = make("demo", clone)
    print(f"installed in {installing:.0f} s, demo in {running:.0f} s")
    sweep = clone / "runs/sweeps/quickstart"
    table = pd.read_csv(sweep / "trials.csv")
    assert (table["status"] == "done").all()
    assert (sweep / "front.png").stat().st_size > 0
    assert running < FIVE_MINUTES


def test_make_demo_again_trains_nothing(clone: Path) -> None:
    weights = sorted((clone / "runs/trials").glob("*/attempts/*/weights.pt"))
    before = [path.stat().st_mtime_ns for path in weights]
    assert make("demo", clone) < 60
    assert [path.stat().st_mtime_ns for path in weights] == before


def test_make_test_passes(clone: Path) -> None:
    seconds = make("test", clone)
    print(f"tests in {seconds:.0f} s")
    assert seconds < TWELVE_MINUTES
