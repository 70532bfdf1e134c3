"""The SHA-256 of a file in a file beside it, `NAME.sha256`, as `sha256sum` writes and checks it."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from trainer.input.problems import BadInput, Problem


def checksum_line(name: str, data: bytes) -> bytes:
    """Return what lies beside the file of that name, of these bytes."""
    return f"{hashlib.sha256(data).hexdigest()}  {PurePosixPath(name).name}\n".encode()


def checksum_path(path: Path) -> Path:
    """Return where the checksum of a file lies."""
    return path.with_name(f"{path.name}.sha256")


def read_checked(path: Path) -> bytes:
    """Read the bytes of a file, which agree with its checksum if there is one.

    Raises:
        BadInput: they do not.
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    beside = checksum_path(path)
    try:
        line = beside.read_bytes()
    except FileNotFoundError:
        return data
    said = line.decode(errors="replace").lstrip("\\").partition(" ")[0].strip().lower()
    found = hashlib.sha256(data).hexdigest()
    if said != found:
        raise BadInput(
            Problem(
                str(path),
                "",
                f"must have the SHA-256 that {beside.name} beside it says, {said[:12]}..., got "
                f"{found[:12]}...: one of the two is damaged or of another file; copy both again",
            )
        )
    return data
