"""Real file systems that are small enough to fill, or cannot be written."""

from __future__ import annotations

import os
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


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """A folder that this user cannot change; root, who may do all, mounts it read-only."""
    if os.geteuid() != 0:
        paths = [folder, *folder.rglob("*")]
        modes = {path: path.stat().st_mode for path in paths}
        for path in paths:
            path.chmod(modes[path] & ~0o222)
        yield
        for path, mode in modes.items():
            path.chmod(mode)
        return
    bound = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
    if subprocess.run(bound, capture_output=True, check=False).returncode != 0:
        pytest.skip("root, but without the right to mount")
    subprocess.run(
        ["mount", "-o", "remount,ro,bind", str(folder)], capture_output=True, check=False
    )
    try:
        with pytest.raises(OSError, match="Read-only"):
            (folder / "probe").touch()
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
