"""The storage full, or out of reach: a sweep waits, says so, and goes on by itself."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.running import Place, wait_until
from tests.integration.stored import epochs_kept
from tests.integration.undisturbed import UNTRACKED, Undisturbed, assert_over

pytestmark = pytest.mark.integration

AWAY_SECONDS = 8.0

LEASE = 6.0
"""Which no worker can renew while the disk is full."""


def test_storage_that_is_away_until_leases_expire_is_waited_for(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    assert_waited_for(undisturbed, own_place, tmp_path, lease=3.0, faults=1)


@pytest.mark.long
def test_storage_that_is_away_while_leases_last_is_waited_for(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    assert_waited_for(undisturbed, own_place, tmp_path, lease=600.0, faults=0)


def assert_waited_for(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path, *, lease: float, faults: int
) -> None:
    storage, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    options = (*UNTRACKED, "--set", f"lease={lease}")
    running, gate = undisturbed.held(own_place, storage, *options)
    storage.rename(elsewhere)
    gate.open()
    time.sleep(AWAY_SECONDS)
    assert not storage.exists()
    elsewhere.rename(storage)
    finished = running.finished()
    assert finished.code == 0, finished
    assert f"{storage / 'store.json'}, the mark of the storage, is gone" in finished.stderr
    assert_over(undisturbed, storage, *options, faults=faults)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of that size in a folder; where it cannot be had, the test is skipped."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={megabytes}M", "none", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small disk can be made here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Leave no room; returns the file to remove for some."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def test_full_disk_is_waited_for(
    undisturbed: Undisturbed, own_place: Place, tmp_path: Path
) -> None:
    """Until it has room again no trial keeps more than the epoch that was under way."""
    disk = tmp_path / "disk"
    with small_disk(disk, megabytes=16):
        storage = disk / "runs"
        options = ("--set", f"lease={LEASE}")
        running, gate = undisturbed.held(own_place, storage, *options)
        trials = [storage / "trials" / trial_id for trial_id in undisturbed.long_trials]
        filler = fill(disk)
        gate.open()
        kept = [epochs_kept(trial) for trial in trials]
        wait_until(lambda: f"{storage} is full" in running.output(), of=running)
        time.sleep(LEASE + AWAY_SECONDS)
        assert max(map(epochs_kept, trials)) <= max(kept) + 1
        filler.unlink()
        finished = running.finished()
        assert finished.code == 0, finished
        assert f"{storage} has room again; going on" in finished.stderr
        assert "is ended" not in finished.stderr  # who cannot give a sign of life is not silent
        assert_over(undisturbed, storage, *options, faults=1)
