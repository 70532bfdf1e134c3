"""What a sweep is asked to do while it runs: stop, pause, write checkpoints now.

Orders lie in the store, where every worker of the sweep looks once a second, whichever host it is
on and whatever has become of the cluster between:

    sweeps/<name>/paused.json              while the sweep is paused, by whoever asked
    sweeps/<name>/starts/<number>/orders.json      from a start of the sweep to its own workers
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from orchestrator.store import Files
from orchestrator.store.leases.lease import utc_now
from orchestrator.store.leases.owner import Owner
from orchestrator.store.records.sealed import create_record, read_record, write_record


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What the workers of a start are asked to do now."""

    stop: bool = False  # after a checkpoint
    checkpoints: int = 0  # asked for so far: at each more, one is written
    paused: bool = False


def give(files: Files, start: str, *, stop: bool, checkpoints: int) -> None:
    """Write the orders for the workers of a start, named by its folder."""
    record = {"stop": stop, "checkpoints": checkpoints}
    write_record(files, f"{start}/orders.json", record)


def read(files: Files, sweep: str, start: str) -> Orders:
    """Read what the workers of a start are to do."""
    given = read_record(files, f"{start}/orders.json") or {}
    return Orders(**given, paused=paused(files, sweep) is not None)


def pause(files: Files, sweep: str) -> bool:
    """Ask every start of a sweep to pause; False if it was asked before."""
    by = Owner.here().record()
    record = {"by": by, "since": utc_now(), "nonce": secrets.token_hex(8)}  # no two ask the same
    return create_record(files, _paused(sweep), record)


def resume(files: Files, sweep: str) -> bool:
    """Ask every start of a sweep to go on; False if it was not paused."""
    was_paused = files.read(_paused(sweep)) is not None
    files.remove(_paused(sweep))
    return was_paused


def paused(files: Files, sweep: str) -> dict[str, Any] | None:
    """Read who paused a sweep, and since when; None where it is not paused."""
    return read_record(files, _paused(sweep))


def _paused(sweep: str) -> str:
    return f"sweeps/{sweep}/paused.json"
