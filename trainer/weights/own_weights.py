"""Weights files that this user made on this machine: code that they name is the user's own.

Of each file whose record names code by dotted path its SHA-256 is remembered, as the name of an
empty file in the user's state folder. It is the content that is known: the file may be moved and
renamed, and a changed one is a stranger's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def remember(trial: Mapping[str, Any], data: bytes) -> None:
    """Remember the bytes of a weights file that was made here, if its record (`trial`) names code.

    Where no state folder can be written nothing is, and the file needs to be trusted by its reader.
    """
    names = [trial.get(section, {}).get("name", "") for section in ("model", "data")]
    if not any(":" in name for name in names):
        return
    with suppress(OSError, RuntimeError):  # RuntimeError: there is no home
        place = _place(data)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def is_own(data: bytes) -> bool:
    """Whether the bytes are those of a file that `remember` was given."""
    with suppress(OSError, RuntimeError):
        return _place(data).exists()
    return False


def _place(data: bytes) -> Path:
    """Return where the XDG standard puts what a program remembers."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    folder = Path(home).expanduser().absolute() / "pareto-robustness-sweep" / "own-weights"
    return folder / hashlib.sha256(data).hexdigest()
