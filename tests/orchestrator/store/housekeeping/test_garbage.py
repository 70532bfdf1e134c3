"""What of a trial may go: what was left over, and never what a longer trial would go on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.files.local import LocalFiles
from orchestrator.store.housekeeping.garbage import GarbageKind, garbage_of_trial, is_prolongable
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.records.sealed import write_blob
from tests.orchestrator.plain import write_plain

PLACE = TrialFolder.of("t0123456789abcdef")


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


def test_of_a_trial_that_is_not_trained_only_left_overs_are_garbage(files: LocalFiles) -> None:
    attempt = PLACE.attempt(1)
    write_blob(files, attempt.checkpoint(1, 0), b"to go on from")
    unsealed = f"{attempt.checkpoint(2, 0)}.sha256"  # its writer was killed before the blob
    for name in (unsealed, f"{attempt.weights}.damaged", attempt.beat):
        files.write(name, b"123")
    found = garbage_of_trial(files, PLACE, files.sizes(PLACE.path))
    assert {(it.name, it.kind, it.bytes, it.place) for it in found} == {
        (unsealed, GarbageKind.UNFINISHED, 3, PLACE.path),
        (f"{attempt.weights}.damaged", GarbageKind.DAMAGED, 3, PLACE.path),
    }


@pytest.mark.parametrize(
    ("optimiser", "expected"),
    [
        ({"learning_rate": 0.1}, True),
        ({"learning_rate": 0.1, "schedule": [[0, 1], [0.5, 0.1]]}, False),
        ({"kind": "of another version"}, True),
        ({"learning_rate": "fast"}, True),
        (None, True),
    ],
)
def test_checkpoint_stays_unless_no_longer_trial_could_go_on_from_it(
    files: LocalFiles, optimiser: dict[str, Any] | None, expected: bool
) -> None:
    """Whether one could is known by the learning rate alone; what is not understood stays."""
    trial = {"training": {} if optimiser is None else {"optimiser": optimiser}}
    write_plain(files, PLACE.description, {"version": 2, "trial": trial})
    assert is_prolongable(files, PLACE) is expected


def test_checkpoint_of_what_nobody_knows_stays(files: LocalFiles) -> None:
    assert is_prolongable(files, PLACE)
    files.write(PLACE.description, b"{")
    assert is_prolongable(files, PLACE)
    assert files.names(PLACE.path) == ["trial.json"]  # as whoever only looks leaves it
