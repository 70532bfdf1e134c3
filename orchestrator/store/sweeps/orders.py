"""What a sweep is asked to do while it runs: stop, pause, write checkpoints now.

Orders lie in the store, where every worker of the sweep looks once a second, whichever host it is
on and whatever has become of the cluster between: one record while the sweep is paused, by whoever
asked, and one from each start to its own workers.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from orchestrator.store import Files
from orchestrator.store.leases.lease import utc_now
from orchestrator.store.leases.owner import Owner
from orchestrator.store.records.layout import StartFolder, SweepFolder
from orchestrator.store.sweeps.records import GivenOrders, Pause


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What the workers of a start are asked to do now."""

    stop: bool = False  # after a checkpoint
    checkpoints: int = 0  # asked for so far: at each more, one is written
    paused: bool = False


def give(files: Files, start: str, *, stop: bool, checkpoints: int) -> None:
    """Write the orders for the workers of a start, named by its folder."""
    given = GivenOrders(stop=stop, checkpoints=checkpoints)
    given.write(files, StartFolder(start).orders)


def read(files: Files, sweep: str, start: str) -> Orders:
    """Read what the workers of a start are to do."""
    given = GivenOrders.read(files, StartFolder(start).orders)
    return Orders(
        stop=given is not None and given.stop,
        checkpoints=0 if given is None else given.checkpoints,
        paused=paused(files, sweep) is not None,
    )


def pause(files: Files, sweep: str) -> bool:
    """Ask every start of a sweep to pause; False if it was asked before."""
    asked = Pause(by=Owner.here(), since=utc_now(), nonce=secrets.token_hex(8))
    return asked.create(files, SweepFolder.of(sweep).paused)


def resume(files: Files, sweep: str) -> bool:
    """Ask every start of a sweep to go on; False if it was not paused."""
    name = SweepFolder.of(sweep).paused
    was_paused = files.read(name) is not None
    files.remove(name)
    return was_paused


def paused(files: Files, sweep: str) -> Pause | None:
    """Read who paused a sweep, and since when; None where it is not paused."""
    return Pause.read(files, SweepFolder.of(sweep).paused)
