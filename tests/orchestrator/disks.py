"""Real file systems that are small enough to fill."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(root: Path) -> Iterator[Path]:
    """A file system of 1 MiB at `root`; the test is skipped where this user may not mount one."""
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(root)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs to be root, with the right to mount")
    try:
        yield root
    finally:
        subprocess.run(["umount", "--lazy", str(root)], capture_output=True, check=False)
