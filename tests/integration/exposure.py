"""What others on the machine or the network can see of processes: sockets, command lines, files."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_LISTEN = "0A"


def listeners(processes: Iterable[int]) -> dict[str, list[str]]:
    """The addresses on which each of the processes listens for TCP, by its command line."""
    sockets = dict(_listening())
    found: dict[str, list[str]] = {}
    for process in processes:
        with suppress(OSError):  # gone since
            open_files = [str(file.readlink()) for file in Path(f"/proc/{process}/fd").iterdir()]
            addresses = [sockets[name] for name in open_files if name in sockets]
            if addresses:
                found.setdefault(command(process), []).extend(addresses)
    return found


def command(process: int) -> str:
    """What everybody sees in a list of processes."""
    line = Path(f"/proc/{process}/cmdline").read_bytes()
    return line.replace(b"\0", b" ").decode(errors="replace").strip()


def files_with(text: str, *folders: Path) -> list[Path]:
    """Files below the folders that hold the text."""
    found = []
    for path in (path for folder in folders for path in folder.rglob("*")):
        with suppress(OSError):  # gone since
            if path.is_file() and text.encode() in path.read_bytes():
                found.append(path)
    return found


def _listening() -> Iterator[tuple[str, str]]:
    """Each listening socket, as a process's descriptor names it, and its address."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                yield f"socket:[{fields[9]}]", _address(fields[1].partition(":")[0])


def _address(digits: str) -> str:
    """Of the kernel's hexadecimal words, which have the machine's own order of bytes."""
    words = [bytes.fromhex(digits[start : start + 8]) for start in range(0, len(digits), 8)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
