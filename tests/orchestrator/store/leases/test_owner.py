"""Who holds a lease, on systems that tell less of their processes than Linux does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store.leases import owner
from orchestrator.store.leases.owner import Owner


@pytest.fixture
def _without_proc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on macOS and Windows."""
    real = Path.read_text, Path.exists

    def read_text(path: Path, *arguments: object) -> str:
        if str(path).startswith("/proc/"):
            raise FileNotFoundError(path)
        return real[0](path)

    def exists(path: Path) -> bool:
        return not str(path).startswith("/proc/") and real[1](path)

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(Path, "exists", exists)
    owner._machine.cache_clear()
    yield
    owner._machine.cache_clear()


@pytest.fixture
def _on_windows(_without_proc: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(process: int, number: int) -> None:
        raise AssertionError("there signal 0 is Ctrl-C")

    monkeypatch.setattr(owner, "_IS_WINDOWS", True)
    monkeypatch.setattr(os, "kill", kill)


def ended() -> int:
    """The number of a process that has run and is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def of(process: int) -> Owner:
    """A process of this machine, as it would have described itself."""
    return Owner.here().model_copy(update={"process": process})


@pytest.mark.usefixtures("_without_proc")
def test_without_proc_a_process_is_known_by_its_number() -> None:
    here = Owner.here()
    assert here.is_here()
    assert not here.is_gone()
    assert of(ended()).is_gone()


@pytest.mark.usefixtures("_without_proc")
def test_without_proc_another_users_process_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(process: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", kill)
    its = of(1)
    assert its.is_here()
    assert not its.is_gone()


@pytest.mark.usefixtures("_without_proc")
def test_without_proc_machines_of_one_name_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as two laptops as they were bought, on one share."""
    its = of(ended())
    owner._machine.cache_clear()
    monkeypatch.setattr(owner.uuid, "getnode", lambda: 0x1234)
    assert its.host == socket.gethostname()
    assert not its.is_gone()
    assert not its.is_here()


@pytest.mark.usefixtures("_on_windows")
def test_on_windows_nothing_is_known_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Owner.here()
    assert here.is_here()
    assert not here.is_gone()
    owner._machine.cache_clear()
    monkeypatch.setattr(os, "getpid", lambda: here.process + 1)  # another of the same machine
    assert not here.is_here()
    assert not here.is_gone()
    assert Owner.here().is_here()


@pytest.mark.usefixtures("_on_windows")
def test_on_windows_a_number_that_is_used_again_is_another_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Owner.here()
    monkeypatch.setattr(owner, "_OWN_START", "own later")
    assert before.is_gone()
    assert not before.is_here()
