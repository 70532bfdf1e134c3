"""Modules of the user's own that a sweep file names, by their source."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.input.own_code import INSTALLED, PROJECT

CODE = "code"
"""Folder of these modules in a bundle, to be put on PYTHONPATH."""

_DOTTED = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):[^\W\d]\w*")


@dataclass(frozen=True, kw_only=True)
class OwnModule:
    """A module that a sweep file names."""

    name: str
    """Its dotted name."""

    path: Path | None
    """File of its source; None where it cannot be found here."""

    @property
    def in_bundle(self) -> str:
        """Name of its file in a bundle."""
        parts = self.name.split(".")
        if self.path is not None and self.path.name == "__init__.py":
            parts.append("__init__")
        return f"{CODE}/{'/'.join(parts)}.py"


def own_modules(plain: Any) -> list[OwnModule]:
    """Find the modules that a resolved sweep file names by dotted path, without installed ones."""
    names = sorted({*_named(plain)})
    found = [OwnModule(name=name, path=_source(name)) for name in names if _is_own(name)]
    return [it for it in found if it.path is None or not INSTALLED & {*it.path.parts}]


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)
    elif isinstance(value, str) and (found := _DOTTED.fullmatch(value)):
        yield found[1]


def _is_own(name: str) -> bool:
    package = name.partition(".")[0]
    return package not in PROJECT and package not in sys.stdlib_module_names


def _source(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    path = None if spec is None or spec.origin is None else Path(spec.origin)
    return path if path is not None and path.suffix == ".py" and path.is_file() else None
