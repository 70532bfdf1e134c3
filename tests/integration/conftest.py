"""Fixtures of the integration tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.integration.in_process import swept
from tests.integration.running import Place, new_place
from tests.integration.undisturbed import NAME, SPEC, Undisturbed


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Where the commands of a test file run."""
    with new_place() as found:
        yield found


@pytest.fixture
def own_place() -> Iterator[Place]:
    """A place of the test's own, where it can tell whether anything is left running."""
    with new_place() as found:
        yield found


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """The sweep that faults are inflicted on, run once without any, for all processes of the
    tests."""
    folder = shared_folder(tmp_path_factory) / "undisturbed"
    spec, storage = folder / f"{NAME}.yaml", folder / "runs"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            folder.mkdir()
            spec.write_text(SPEC)
            finished = swept(spec, "--storage", storage)
            assert finished.code == 0, finished
    return Undisturbed(spec=spec, storage=storage)


def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this run of the tests, whether one process runs them or several do."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
