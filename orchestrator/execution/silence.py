"""Workers that have gone silent: stopped, or stuck where none of their threads runs.

Ray takes such a process for a living one, and would wait for it for ever.
"""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress

import ray

from orchestrator.store.leases.lease import LeaseState

logger = logging.getLogger(__name__)


def end_worker(lease: LeaseState) -> None:
    """Kill the process that holds a lease, on any machine of the cluster, so that its trial comes
    back to the queue."""
    node = lease.about.node
    if lease.owner is None or node is None:
        return
    logger.warning("%s, at work in %s, is silent: it is ended", lease.owner, lease.folder)
    # Nobody waits for the answer: where the machine is cut off, there will be none.
    _kill.options(resources={f"node:{node}": 0.001}).remote(lease.owner.process)


@ray.remote(num_cpus=0, max_retries=0)
def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))  # on Windows either ends it
