"""Where and with what a trial runs, which is no part of what it is."""

from __future__ import annotations

import platform
import socket
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from orchestrator.store.leases.records import Environment

PROJECT = "pareto-robustness-sweep"

SECONDS = 10.0
"""Most that git is waited for."""


def provenance(device: torch.device) -> Environment:
    """Describe this process, with the device that it trains or evaluates on."""
    return Environment(
        host=socket.gethostname(),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        threads=torch.get_num_threads(),
        python=platform.python_version(),
        torch=str(torch.__version__),  # a class of its own otherwise
        code=code_version(),
    )


@cache
def code_version() -> str | None:
    """Return what this process runs of the project, such as `07bd1f8a4c2e`, `07bd1f8a4c2e+` (with
    changes that no commit has) or `0.1.0`; None where neither git nor an installation knows."""
    return commit_of(Path(__file__)) or _installed()


def commit_of(file: Path) -> str | None:
    """Return the commit of the checkout that a file is of, in 12 digits, with `+` where tracked
    files differ from it; None where git does not track the file, as in an environment that lies
    within somebody's own repository, or cannot be asked."""
    if _git(file.parent, "ls-files", "--error-unmatch", file.name) is None:
        return None
    return _git(file.parent, "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+")


def _git(folder: Path, *words: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip() or None


def _installed() -> str | None:
    try:
        return version(PROJECT)
    except PackageNotFoundError:
        return None
