"""A server of another project's on this machine: started, found by the environment, killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar, TypeVar

import pytest

from tests.integration.running import free_port


class Server(ABC):
    """One server on a port of its own; its content is in memory, so that a kill empties it."""

    START_SECONDS: ClassVar[float]

    def __init__(self) -> None:
        """Start it on a free port."""
        self._port = free_port()
        self._process = self._started()

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Of every process that is to find the server."""

    @abstractmethod
    def _command(self) -> list[str]:
        """What starts it at its port."""

    def stop(self) -> None:
        """It accepts connections and says nothing more, as a server does that hangs."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """After a stop, with all that it had."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """It refuses connections from now on, and forgets everything."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def restart(self) -> None:
        """After a kill, at the same port, with nothing in it."""
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        """The process, once it listens.

        Raises:
            AssertionError: it ended, or does not listen in time.
        """
        command = self._command()
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + self.START_SECONDS
        while not _listens(self._port):
            assert process.poll() is None, f"{command[:3]} ended with {process.returncode}"
            if time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(f"{command[:3]} does not listen in {self.START_SECONDS:.0f} s")
            time.sleep(0.05)
        return process


AnyServer = TypeVar("AnyServer", bound=Server)


@contextmanager
def serving(server: AnyServer) -> Iterator[AnyServer]:
    """Let a server be found by the environment alone for the time of the block; then kill it."""
    try:
        with pytest.MonkeyPatch.context() as monkeypatch:
            for name, value in server.environment.items():
                monkeypatch.setenv(name, value)
            yield server
    finally:
        server.kill()


def _listens(port: int) -> bool:
    """Whether there is a server at that port of this machine."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
