"""What Git says of a folder, where there is Git and it is a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

SECONDS = 10.0
"""Seconds for which an answer is waited for."""


def ask(folder: Path, *words: str) -> str:
    """Return what a Git command prints about a folder; nothing where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
