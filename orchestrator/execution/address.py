"""The address of a Ray cluster, checked before Ray connects."""

from __future__ import annotations

import os
import socket

from trainer.input.problems import InputError
from trainer.input.redaction import redacted

CONNECT_SECONDS = 5

_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""What an HTTP/2 client sends first: preface and empty settings (RFC 9113, 3.4), as gRPC does."""

_FRAME_HEADER, _SETTINGS = 9, 4  # bytes, of which the fourth is the kind of frame


class NoClusterError(InputError, ConnectionError):
    """There is nothing at the address that a driver can join."""


def check_address(address: str) -> None:
    """Check within seconds that a gRPC server, such as Ray's head, listens at `HOST:PORT`; Ray
    itself waits for a quarter of an hour where something else does.

    Raises:
        NoClusterError: none does, or the address is of another form.
    """
    if address == "auto":
        return
    said = redacted(address)
    if address.startswith("ray://"):
        raise NoClusterError(
            f"--address must be auto or HOST:PORT, got {said!r}; the driver belongs on the "
            f"cluster: run the same command on its head with --address auto"
        )
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise NoClusterError(f"--address must be auto or HOST:PORT, got {said!r}")
    try:
        is_grpc = _is_grpc(host, int(port))
    except (OSError, UnicodeError) as error:  # the latter: no host can have such a name
        raise NoClusterError(
            f"--address must lead to the head of a Ray cluster, got {said!r} ({error}); start "
            f"one with `ray start --head --port {port}`, or leave --address out to run here"
        ) from error
    if not is_grpc:
        raise NoClusterError(
            f"--address must lead to the head of a Ray cluster, got {said!r}, where something "
            f"else answers; give the port of `ray start --head --port`, which is 6379 by default"
        )


def _is_grpc(host: str, port: int) -> bool:
    """Whether the server there answers as HTTP/2 does; not asked under TLS, whose keys Ray has.

    Raises:
        OSError: nothing listens, or it does not answer.
    """
    with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as connection:
        if os.environ.get("RAY_USE_TLS", "0") not in {"0", ""}:
            return True
        connection.sendall(_HELLO)
        header = connection.makefile("rb").read(_FRAME_HEADER)
    return len(header) == _FRAME_HEADER and header[3] == _SETTINGS
