"""The address of a Ray cluster, looked at before Ray is."""

from __future__ import annotations

import socket

CONNECT_SECONDS = 5


class NoClusterError(ConnectionError):
    """Nothing that a driver can join at the address."""


def check_address(address: str) -> None:
    """See that something listens at `HOST:PORT`, in seconds; Ray itself would wait far longer.

    Raises:
        NoClusterError: nothing does, or the address is of another form.
    """
    if address == "auto":
        return
    if address.startswith("ray://"):
        raise NoClusterError(
            f"--address must be auto or HOST:PORT, got {address!r}; the driver belongs on the "
            f"cluster: run the same command on its head with --address auto"
        )
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise NoClusterError(f"--address must be auto or HOST:PORT, got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:  # the latter: no host can have such a name
        raise NoClusterError(
            f"--address must lead to the head of a Ray cluster, got {address!r} ({error}); start "
            f"one with `ray start --head --port {port}`, or leave --address out to run here"
        ) from error
