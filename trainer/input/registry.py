"""Resolves names in a YAML file: a registry's key, or a user's own by dotted path."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import TypeVar, cast

from trainer.input.own_code import in_short, line_of

T = TypeVar("T")


def resolve(registry: Mapping[str, T], name: str, *, kind: str) -> T:
    """Return what `name` stands for: `registry[name]`, or the object at `package.module:object`.

    Raises:
        ValueError: no such key, or nothing importable at the path: what the import raised, an exit
            of the program too, and on which line of the user's. `kind` ("attack", "model") names
            the missing thing in the message.
    """
    if name in registry:
        return registry[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        near = difflib.get_close_matches(name, registry, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"must name a known {kind}, got {name!r}; {hint}known: {', '.join(sorted(registry))}; "
            f"or your own as package.module:name"
        )
    try:
        return cast(T, getattr(importlib.import_module(module), attribute))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may raise anything, and even end the program
        line = line_of(error)
        reason = str(error) if isinstance(error, (ImportError, AttributeError)) else in_short(error)
        remedy = (
            "the module must be on PYTHONPATH on every machine that runs trials"
            if line is None
            else f"see {line}"
        )
        raise ValueError(
            f"must name an importable {kind}, got {name!r} ({reason}); {remedy}"
        ) from error
