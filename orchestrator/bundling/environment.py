"""With what a sweep was trained, and with what it was bundled: versions and kinds of machines."""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from orchestrator.bundling.git import ask
from orchestrator.plan.plan import Plan
from orchestrator.results.taken_home import PROJECT
from orchestrator.store.leases.records import Environment

FOLDER = Path(__file__).resolve().parents[2]
"""Folder of this project's code."""

_REQUIRED = re.compile(r"[\w.-]+")
_CPU = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)


def environment_record(plan: Plan) -> dict[str, Any]:
    """Return as values of JSON with what the trials of a plan were trained, as their records say,
    and with what this process runs."""
    made: Counter[Environment] = Counter()
    for planned in plan.every:
        if planned.progress.result is not None:
            made[planned.progress.result.provenance] += 1
    trained = [
        {"trials": count, **environment.model_dump()}
        for environment, count in sorted(made.items(), key=lambda it: (-it[1], str(it[0])))
    ]
    return {"trained": trained, "bundled": _here()}


def _here() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "code": code_version(),
        "packages": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of the project and of what it requires, as far as they are installed."""
    names = [PROJECT]
    try:
        needed = [line for line in requires(PROJECT) or () if "extra ==" not in line]
    except PackageNotFoundError:  # run from its sources
        needed = ["torch", "torchvision", "numpy", "pandas", "pymoo", "moocore", "ray", "cvxopt"]
    names += [found[0] for line in needed if (found := _REQUIRED.match(line))]
    return {name: it for name in names if (it := _version(name)) is not None}


def code_version() -> str | None:
    """Return the commit of this project's code, with `+` where files differ from it; None where it
    is no checkout."""
    said = ask(FOLDER, "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+")
    return said.strip() or None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str | None:
    try:
        found = _CPU.search(Path("/proc/cpuinfo").read_text())
    except OSError:
        return platform.processor() or None
    return found[1].strip() if found else None
