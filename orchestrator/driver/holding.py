"""A start's hold on its sweep: its lease, which others see, and what may stop it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.costs.budget import Meter
from orchestrator.driver.order_relay import OrderRelay
from orchestrator.spec.policy import Policy
from orchestrator.store import Files
from orchestrator.store.housekeeping.membership import all_sweeps
from orchestrator.store.leases.lease import Lease
from orchestrator.store.records.version import VERSION, enter, version_of
from orchestrator.store.sweeps.starts import begun, wait_for_starts
from orchestrator.store.trials.present_files import present
from trainer.training.signals import Requests


@dataclass(frozen=True, kw_only=True)
class Hold:
    """What a start has in hand while it holds its sweep."""

    lease: Lease
    relay: OrderRelay  # of signals, the budget and pauses
    meter: Meter  # of what its trials occupy
    requests: Requests  # by signals


@contextmanager
def held(
    files: Files,
    direct: Files,
    sweep: str,
    *,
    policy: Policy,
    meter: Meter,
    requests: Requests,
    resume: str,
    joins: bool,
    address: str | None,
) -> Iterator[Hold]:
    """Hold a sweep for the time of the block, by a start of its own; whether its budget has room is
    known from the beginning.

    Args:
        direct: the same files for signs of life and orders, which must not wait where `files` does.
        resume: the command by which a paused sweep goes on, for people.
        joins: share the sweep with whoever runs it.
        address: that of the cluster on which it runs; None: this machine.

    Raises:
        HeldError: another start is running the sweep, or any in a store of the version before.
        ChangedError: somebody else has worked on such a store meanwhile.
    """
    relay = OrderRelay(
        direct, sweep, requests=requests, budget=policy.budget, meter=meter, resume=resume
    )
    enter(files)
    _keep_ids(files, lasts=policy.lease)
    with begun(
        files,
        direct,
        sweep,
        joins=joins,
        lasts=policy.lease,
        on_tick=relay.tick,
        address=address,
    ) as lease:
        relay.look_at_budget(lease)
        yield Hold(lease=lease, relay=relay, meter=meter, requests=requests)


def _keep_ids(files: Files, *, lasts: float) -> None:
    """Keep under which ids the trials of before are; in a store of the version before once all its
    starts are over, which go on by the earlier ids."""
    if version_of(files) != VERSION:
        for sweep in all_sweeps(files):
            wait_for_starts(files, sweep, lasts=lasts)
    present(files).ids.keep()
