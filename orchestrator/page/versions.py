"""The software that a page is made by."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from orchestrator.page.view import Line

PROJECT = "pareto-robustness-sweep"
PACKAGES = (PROJECT, "torch", "ray", "numpy", "scipy", "pandas", "altair")


def versions() -> tuple[Line, ...]:
    """Return the versions of Python and of what results are made with; nothing is imported."""
    return (("Python", platform.python_version()), *((it, _version(it)) for it in PACKAGES))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # the project, where it is run from its sources
        return "not installed"
