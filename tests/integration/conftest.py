"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.running import Place, new_place
from tests.integration.undisturbed import SPEC, Undisturbed


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
    """The sweep that faults are inflicted on, run once without any."""
    folder = tmp_path_factory.mktemp("undisturbed")
    spec, storage = folder / "four.yaml", folder / "runs"
    spec.write_text(SPEC)
    with new_place() as place:
        finished = place.swept(spec, "--storage", storage)
    assert finished.code == 0, finished
    return Undisturbed(spec=spec, storage=storage)
