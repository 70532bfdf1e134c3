"""One start of a sweep at a time: who runs it, and until when others keep out."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.store import Files
from orchestrator.store.sealed import create_record, read_record


class HeldError(RuntimeError):
    """Another start of the same sweep is running it."""


@contextmanager
def held(files: Files, sweep: str) -> Iterator[None]:
    """Hold a sweep for the time of the block.

    A holder on this machine whose process is gone (killed, say) is succeeded; one on another
    machine cannot be asked, and holds until its file is deleted.

    Raises:
        HeldError: who holds it, on which host, since when.
    """
    name = f"sweeps/{sweep}/held.json"
    mine = {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "started": _started(os.getpid()),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    while not create_record(files, name, mine):
        holder = read_record(files, name)
        if holder is None:
            continue  # let go of, or damaged and set aside, since we looked
        is_local = holder["host"] == mine["host"]
        if is_local and holder["started"] != _started(holder["process"]):
            files.remove(name)
            continue
        remedy = "" if is_local else f"; if that host is gone, delete {name} in the storage"
        raise HeldError(
            f"sweep {sweep!r} is run by process {holder['process']} on {holder['host']} "
            f"since {holder['since']}{remedy}"
        )
    try:
        yield
    finally:
        files.remove(name)


def _started(process: int) -> str | None:
    """When a process of this machine began, in the kernel's own ticks; None where it is gone, or
    killed and not yet reaped by its parent.

    Process numbers are used again; a number and its start are not.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        try:  # no /proc on this system: the number has to do
            os.kill(process, 0)
        except OSError:
            return None
        return "unknown"
    fields = stat.rpartition(")")[2].split()  # from the third on: the second may hold spaces
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started
