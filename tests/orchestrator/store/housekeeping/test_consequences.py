"""What follows from the loss of a file is said of every kind that a start or a person can miss."""

from __future__ import annotations

import pytest

from orchestrator.store.housekeeping.consequences import CONSEQUENCES, OF_LEASES, consequence
from orchestrator.store.records.layout import FileKind


@pytest.mark.parametrize("last", ["lease.json", "beat.json", "ended.json"])
def test_a_lease_is_of_an_attempt_or_of_a_start(last: str) -> None:
    of_attempt = consequence(f"trials/t0123456789abcdef/attempts/000001/{last}")
    of_start = consequence(f"sweeps/small/starts/000001/{last}")
    assert of_attempt.startswith("who made the attempt, when, or how it ended is lost for good")
    assert of_start == "who ran the sweep, or for how long, is lost for good; trials stand"


@pytest.mark.parametrize("name", ["notes.txt", "trials/t0/notes.txt", "sweeps/small/trials.csv"])
def test_nothing_follows_from_the_loss_of_what_the_store_does_not_know(name: str) -> None:
    assert consequence(name) == ""


def test_every_lease_has_a_consequence() -> None:
    assert OF_LEASES <= CONSEQUENCES.keys() <= set(FileKind)
