"""A sweep whose storage is a bucket, through kills and outages."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store.files.by_url import open_files
from tests.integration.in_process import nothing_to_run
from tests.integration.running import Place
from tests.integration.s3_server import S3Server, s3_server
from tests.integration.undisturbed import UNTRACKED, Undisturbed, assert_results

pytestmark = pytest.mark.integration

HANG_SECONDS = 25.0
"""More than the client waits before it says so."""

OPTIONS = (*UNTRACKED, "--set", "lease=6")
"""Leases expire in such an outage."""


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    """Found by every command started here."""
    with s3_server() as found:
        yield found


def copied(url: str, folder: Path) -> Path:
    """All of a bucket as files."""
    files = open_files(url)
    for name in files.sizes(""):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files.read(name) or b"")
    return folder


def test_sweep_in_a_bucket_survives_its_driver_and_does_nothing_twice(
    undisturbed: Undisturbed, own_place: Place, server: S3Server, tmp_path: Path
) -> None:
    url = f"{server.new_bucket()}/some/where"
    killed, _ = undisturbed.held(own_place, url, *OPTIONS)
    killed.send(signal.SIGKILL)
    finished = undisturbed.started(own_place, url, *OPTIONS).finished()
    assert finished.code == 0, finished
    assert f"files       {url}/sweeps/" in finished.stdout
    folder = copied(url, tmp_path / "copy")
    assert_results(undisturbed, folder, faults=1)

    again = nothing_to_run(undisturbed.spec, "--storage", url, *OPTIONS)
    assert again.code == 0, again
    assert_results(undisturbed, copied(url, tmp_path / "again"), faults=1)


def test_server_that_hangs_for_longer_than_a_lease_is_waited_for(
    undisturbed: Undisturbed, own_place: Place, server: S3Server, tmp_path: Path
) -> None:
    url = server.new_bucket()
    running, gate = undisturbed.held(own_place, url, *OPTIONS)
    server.stop()
    gate.open()
    time.sleep(HANG_SECONDS)
    server.go_on()
    finished = running.finished()
    assert finished.code == 0, finished
    assert f"{url} is back after" in finished.stderr
    assert_results(undisturbed, copied(url, tmp_path / "copy"), faults=2)
