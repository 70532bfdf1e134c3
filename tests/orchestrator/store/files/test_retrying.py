"""Waiting for a place: for room without end, for a share that is away only so long."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.store.files import retrying
from orchestrator.store.files.contract import MARK, Files, FullError, UnreachableError
from orchestrator.store.files.local import LocalFiles
from orchestrator.store.files.retrying import RetryingFiles
from tests.orchestrator.disks import small_disk

VERBS: dict[str, Callable[[Files], object]] = {
    "read": lambda files: files.read("a/it"),
    "names": lambda files: files.names("a"),
    "sizes": lambda files: files.sizes("a"),
    "write": lambda files: files.write("a/it", b"new"),
    "create": lambda files: files.create("a/other", b"new"),
    "remove": lambda files: files.remove("a/it"),
    "rename": lambda files: files.rename("a/it", "c/it"),
}
OUTCOMES = {"read": b"1", "names": ["it"], "sizes": {"a/it": 1}, "create": True}


@pytest.fixture
def share(tmp_path: Path) -> LocalFiles:
    """A marked folder with a file `a/it`."""
    files = LocalFiles(tmp_path / "runs")
    for name in (MARK, "a/it"):
        files.write(name, b"1")
    return files


def never() -> bool:
    return False


def later(seconds: float, do: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_waits_for_a_share_and_goes_on(share: LocalFiles, verb: str) -> None:
    told: list[str] = []
    files = RetryingFiles(share, warn=told.append, is_cancelled=never, longest_outage=30)
    away = share.root.rename(share.root.with_name("away"))
    timer = later(0.25, lambda: away.rename(share.root))
    assert VERBS[verb](files) == OUTCOMES.get(verb)
    timer.join()
    assert len(told) == 2
    assert "store.json, the mark of the storage, is gone" in told[0]
    assert "waiting up to 30 s" in told[0]
    assert f"{share.root} is back after" in told[1]
    assert files.url == str(share.root)
    assert VERBS[verb](files) is not None or verb in {"write", "remove", "rename"}
    assert len(told) == 2


def test_patience_ends(share: LocalFiles) -> None:
    told: list[str] = []
    files = RetryingFiles(share, warn=told.append, is_cancelled=never, longest_outage=0.5)
    share.root.rename(share.root.with_name("away"))
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="the mark of the storage, is gone"):
        files.read("a/it")
    assert 0.5 <= time.monotonic() - began < 5
    assert len(told) == 1
    assert not share.root.exists()


def test_wait_that_is_given_up_ends_at_once(
    share: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 100.0)
    is_cancelled = threading.Event()
    files = RetryingFiles(
        share, warn=lambda _: None, is_cancelled=is_cancelled.is_set, longest_outage=1000
    )
    share.root.rename(share.root.with_name("away"))
    began = time.monotonic()
    timer = later(0.3, is_cancelled.set)
    for _ in range(2):  # in the middle of a pause, and with the wish known from the start
        with pytest.raises(UnreachableError):
            files.write("a/it", b"new")
    timer.join()
    assert 0.3 <= time.monotonic() - began < 20


def test_full_place_is_told_of_again_now_and_then(
    share: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that each pause moves on by its seconds: two and a half minutes of a full disk."""
    now, told = [0.0], []
    real = share.write

    def write(name: str, data: bytes) -> None:
        if now[0] < 150:
            raise FullError("the disk is full")
        real(name, data)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(retrying.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(retrying.time, "sleep", sleep)
    monkeypatch.setattr(share, "write", write)
    files = RetryingFiles(share, warn=told.append, is_cancelled=never, longest_outage=1)
    files.write("a/it", b"new")
    still = f"{share.root} is still full; everything that writes there waits"
    assert told[0].startswith("the disk is full; waiting for room, and going on by itself")
    assert told[1:3] == [still] * 2  # after one minute and after two
    assert told[3].startswith(f"{share.root} has room again after 15")
    assert len(told) == 4
    assert share.read("a/it") == b"new"


@pytest.mark.slow
def test_pauses_grow_up_to_the_longest(share: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[float] = []
    real = share.read

    def read(name: str) -> bytes | None:
        tries.append(time.monotonic())
        return real(name)

    monkeypatch.setattr(retrying, "LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(share, "read", read)
    share.root.rename(share.root.with_name("away"))
    with pytest.raises(UnreachableError):
        RetryingFiles(share, warn=lambda _: None, is_cancelled=never, longest_outage=1.5).read(
            "a/it"
        )
    first, *others = [after - before for before, after in pairwise(tries)]
    assert first >= 0.1
    assert min(others) >= 0.2
    assert 5 <= len(others) <= 7  # 4 if they went on doubling; a late machine makes each longer


def test_what_no_wait_mends_is_raised_at_once(share: LocalFiles) -> None:
    files = RetryingFiles(share, warn=pytest.fail, is_cancelled=never, longest_outage=60)
    (share.root / "d").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        files.write("d/it", b"")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as root:
        yield root


@pytest.mark.slow
def test_full_disk_pauses_until_there_is_room(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "REMIND_SECONDS", 0.4)
    told: list[str] = []
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(800_000))
    files = RetryingFiles(
        LocalFiles(disk), warn=told.append, is_cancelled=never, longest_outage=0.0
    )
    timer = later(1.2, ballast.unlink)
    files.write("it", bytes(500_000))
    timer.join()
    assert files.sizes("") == {"it": 500_000}
    assert "is full (No space left on device): make room" in told[0]
    assert "going on by itself" in told[0]
    assert 1 <= len(told[1:-1]) <= 3
    assert all("still full" in reminder for reminder in told[1:-1])
    assert "has room again after" in told[-1]


def test_full_disk_is_not_waited_for_once_the_sweep_is_to_stop(disk: Path) -> None:
    files = RetryingFiles(
        LocalFiles(disk), warn=lambda _: None, is_cancelled=lambda: True, longest_outage=60
    )
    with pytest.raises(FullError):
        files.write("it", bytes(2**21))
    assert files.sizes("") == {}


@pytest.mark.slow
def test_one_trouble_after_another_is_waited_for_anew(disk: Path) -> None:
    share = LocalFiles(disk)
    share.write(MARK, b"1")
    told: list[str] = []
    files = RetryingFiles(share, warn=told.append, is_cancelled=never, longest_outage=0.3)
    timer = later(0.6, lambda: subprocess.run(["umount", "--lazy", str(disk)], check=True))
    with pytest.raises(UnreachableError):
        files.write("it", bytes(2**21))
    timer.join()
    assert len(told) == 2
    assert "is full" in told[0]
    assert "waiting up to 0 s" in told[1]
    assert list(disk.iterdir()) == []
