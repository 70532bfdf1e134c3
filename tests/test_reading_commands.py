"""Commands that only read: what they import, on a real sweep."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.search.growth import grow
from orchestrator.spec.sweep_spec import read_spec
from orchestrator.store.sweeps.starts import begun
from tests.orchestrator.finished import do_sweep, read_sweep, store_of

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "torchvision", "ray", "mlflow", "optuna", "scipy.stats"}

DRAWN = """\
  pgd: {vary: {pgd.epsilon: {min: 0.1, max: 0.3}}}
search: {strategy: random, trials: 3}
"""

SCRIPT = """\
import atexit, pathlib, runpy, sys
said, *sys.argv = sys.argv[1:]
atexit.register(lambda: pathlib.Path(said).write_text("\\n".join(sys.modules)))
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""A module as a command; what it has imported by its end goes into a file."""


def imports_of(folder: Path, words: Sequence[str]) -> set[str]:
    """All modules that a command needs, which must end well and print something."""
    said = folder / "imported"
    command = [sys.executable, "-c", SCRIPT, str(said), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    return set(said.read_text().splitlines())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sweeps in one storage: `small` is done; `waiting`, of another network, and `drawn`,
    whose trials are drawn at random, were only begun."""
    folder = tmp_path_factory.mktemp("read")
    do_sweep(read_sweep(folder))
    drawn = folder / "drawn.yaml"
    drawn.write_text((folder / "small.yaml").read_text().replace("  pgd: {}\n", DRAWN))
    drawn.write_text(drawn.read_text().replace("name: small", "name: drawn"))
    for sweep in (
        read_sweep(folder, "waiting", "model.hidden=32"),
        read_spec(str(drawn), [f"storage={folder / 'runs'}"], {}),
    ):
        store = store_of(sweep)
        with begun(
            *(store.files, store.files, sweep.name),
            joins=False,
            lasts=60.0,
            on_tick=lambda lease: None,
        ):
            write_manifest(store.files, sweep.folder, grow(sweep, make_plan(sweep, store), store))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "status {folder}/small.yaml --storage {folder}/runs",
        "status {folder}/small.yaml --storage {folder}/runs --json",
        "status {folder}/small.yaml --storage {folder}/runs --set seeds=[0,1]",
        "status {folder}/waiting.yaml --storage {folder}/runs --set model.hidden=32",
        "status {folder}/drawn.yaml --storage {folder}/runs",
        "store ls {folder}/runs",
        "store verify {folder}/runs",
        "store gc {folder}/runs",
        "front {folder}/runs/sweeps/small/trials.csv --out {folder}/out",
        "front {folder}/small.yaml --storage {folder}/runs",
        "report {folder}/small.yaml --storage {folder}/runs",
        "pick {folder}/small.yaml --storage {folder}/runs --prefer robustness_score=1",
    ],
)
def test_only_readers_import_nothing_heavy(folder: Path, tmp_path: Path, words: str) -> None:
    """What a sweep's trials are, how far they came and what came of them needs no tensor."""
    imported = imports_of(tmp_path, f"orchestrator.{words}".format(folder=folder).split())
    assert imported & HEAVY == set()


def test_front_of_a_table_needs_no_sweep_file(tmp_path: Path) -> None:
    """Nor PyTorch, nor what draws, before its first line."""
    script = "import sys, orchestrator.front; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.splitlines())
    assert "orchestrator.pareto.front" in imported
    assert (
        imported & {*HEAVY, "matplotlib", "orchestrator.spec.sweep_spec", "trainer.config"} == set()
    )
