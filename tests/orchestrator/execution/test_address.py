"""An address is looked at before Ray is, which would wait for minutes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from orchestrator.execution.address import NoClusterError, check_address

SETTINGS_FRAME = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""Empty settings: what an HTTP/2 server says first."""


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A port of this machine where each client is told the answer, once it has said something."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_all() -> None:
            with suppress(OSError):  # the server is closed
                while True:
                    client, _ = server.accept()
                    with client:
                        client.recv(64)
                        client.sendall(answer)

        threading.Thread(target=answer_all, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_server_that_speaks_as_grpc_does_will_do() -> None:
    with answering(SETTINGS_FRAME) as port:
        check_address(f"127.0.0.1:{port}")
        check_address(f"localhost:{port}")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\0\0"])
def test_another_server_is_not_taken_for_ray(answer: bytes) -> None:
    with (
        answering(answer) as port,
        pytest.raises(NoClusterError, match=f"{port}', where something else answers.*6379"),
    ):
        check_address(f"127.0.0.1:{port}")


def test_tls_is_left_to_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    with answering(b"") as port:
        check_address(f"127.0.0.1:{port}")


def test_auto_is_left_to_ray() -> None:
    check_address("auto")


def test_nobody_there_is_told_in_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(NoClusterError, match=rf"'127.0.0.1:{free}' .*refused.*--port {free}`"):
        check_address(f"127.0.0.1:{free}")
    assert time.monotonic() - started < 2


def test_ray_client_is_sent_to_the_cluster() -> None:
    with pytest.raises(NoClusterError, match="run the same command on its head"):
        check_address("ray://127.0.0.1:10001")


@pytest.mark.parametrize(
    "address",
    *[
        [
            "",
            "local",
            "host",
            ":6379",
            "host:",
            "host:port",
            "host:0",
            "host:65536",
            "host:-1",
            "h:²",
        ]
    ],
)
def test_other_forms_are_refused(address: str) -> None:
    with pytest.raises(NoClusterError, match=f"must be auto or HOST:PORT, got {address!r}"):
        check_address(address)


@pytest.mark.parametrize("host", ["no..host", f"{'x' * 64}.example"])
def test_what_can_be_no_host_is_refused(host: str) -> None:
    with pytest.raises(NoClusterError, match="must lead to the head of a Ray cluster"):
        check_address(f"{host}:6379")
