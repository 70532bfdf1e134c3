"""Who holds a lease: a process of a machine, as distinct from every other."""

from __future__ import annotations

import os
import socket
import time
import uuid
from functools import lru_cache
from pathlib import Path

from orchestrator.store.records.record import Part


class Owner(Part):
    """A process of a machine. Its number may be used again; its number and its start together may
    not."""

    host: str
    process: int
    started: str
    machine: str
    """Machine that is up since then, and the part of it whose process numbers count."""

    @classmethod
    def here(cls) -> Owner:
        """Describe this process."""
        process = os.getpid()
        return cls(
            host=socket.gethostname(),
            process=process,
            started=_started(process) or "",
            machine=_machine(),
        )

    def is_here(self) -> bool:
        """Whether the process is known to run, on this machine."""
        return self.machine == _machine() and self.started == _started(self.process)

    def is_gone(self) -> bool:
        """Whether the process is known to have ended; one on another machine cannot be asked."""
        return self.machine == _machine() and self.started != _started(self.process)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


_IS_WINDOWS = os.name == "nt"

_OWN_START = f"own {time.time_ns()}"
"""In the place of this process's start, where nothing else tells it."""


@lru_cache(maxsize=1)
def _machine() -> str:
    """Identify this machine since its last boot, and the part of it whose process numbers count:
    containers share a kernel, and may share a name, but not their process numbers.

    Without /proc, as on macOS, its name and a network address have to do. On Windows a process
    cannot be asked about by its number alone, so each is a part of its own, of which no other
    knows anything but its signs of life.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        found = f"{socket.gethostname()} {uuid.getnode():x}"
        return f"{found} {os.getpid()}" if _IS_WINDOWS else found


def _started(process: int) -> str | None:
    """Return when a process of this machine began, in the kernel's own ticks; None where it is
    gone, or killed and not yet reaped by its parent. Without /proc all that run began alike."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        if _IS_WINDOWS:  # where signal 0 is Ctrl-C
            return _OWN_START if process == os.getpid() else None
        try:
            os.kill(process, 0)
        except PermissionError:  # another user's
            return "unknown"
        except OSError:
            return None
        return "unknown"
    fields = stat.rpartition(")")[2].split()  # from the third on: the second may hold spaces
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started
