"""Where and on what a benchmark ran."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[3]
PACKAGES = (
    "numpy",
    "scipy",
    "cvxopt",
    "quadprog",
    "torchvision",
    "torchattacks",
    "foolbox",
    "adversarial-robustness-toolbox",
    "adv-lib",
)


def facts(device: torch.device) -> dict[str, Any]:
    """Device, CPU, cores, threads, versions, commit, and the load at this moment."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "packages": {name: found for name in PACKAGES if (found := installed(name)) is not None},
        "commit": commit(),
    }


def cpu_model() -> str:
    """As Linux names it; elsewhere the architecture."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def installed(package: str) -> str | None:
    """A package's version, None where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit() -> str | None:
    """The short hash, with a `+` where tracked files differ from it; None without Git."""
    try:
        head = _git("rev-parse", "--short", "HEAD").strip()
        changed = _git("status", "--porcelain", "--untracked-files=no").strip()
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed else "")


def _git(*words: str) -> str:
    """Of a command that only looks: it takes no lock from others."""
    command = ["git", "--no-optional-locks", *words]
    found = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return found.stdout
