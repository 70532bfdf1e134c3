"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.running import Place, new_place


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Where the commands of a test file run."""
    with new_place() as found:
        yield found
