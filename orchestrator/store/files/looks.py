"""Many looks at a storage, several at once where each waits for a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from orchestrator.store.files.contract import Files

LOOKS_AT_ONCE = 10
"""Parallel reads of a storage behind a server: as many as the client keeps connections."""

Item = TypeVar("Item")
Seen = TypeVar("Seen")


def mapped(look: Callable[[Item], Seen], items: Iterable[Item], files: Files) -> tuple[Seen, ...]:
    """Apply `look`, which reads `files`, to each item, and return what it saw in their order."""
    if "://" not in files.url:
        return tuple(map(look, items))
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as threads:
        return tuple(threads.map(look, items))
