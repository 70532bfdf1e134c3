"""Ends the sweep where its Ray cluster is lost, with the exit code that says so.

Where the head is gone for a minute, or this machine's part of Ray for some seconds, Ray ends the
process past all of Python, and with the exit code of a sweep that finished with some trials
failed. So a thread looks at both, and is quicker.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import ray

from orchestrator.execution.address import NoClusterError, check_address
from trainer.terminal.exit_code import ExitCode

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 2.0
HEAD_SECONDS = 45.0
"""Seconds for which the head may be away, since it can be started again. Ray waits for 60."""

NODE_SECONDS = 8.0
"""Seconds for which this machine's part may be gone. Ray gives it up after 13."""


@contextmanager
def watched_cluster() -> Iterator[None]:
    """Watch the connected cluster for the time of the block."""
    is_over = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(_parts(), is_over), name="cluster watch", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@dataclass
class Part:
    """A process of the cluster without which no sweep goes on."""

    name: str
    address: str
    longest_silence: float  # seconds
    may_be_slow: bool  # on this machine: busy where it does not answer, gone where it refuses
    answered_at: float

    def is_there(self) -> bool:
        """Whether the process answers now."""
        try:
            check_address(self.address)
        except NoClusterError as error:
            return self.may_be_slow and isinstance(error.__cause__, TimeoutError)
        return True

    def silence(self) -> float:
        """Ask the process again, and return the seconds since it last answered."""
        if self.is_there():
            self.answered_at = time.monotonic()
        return time.monotonic() - self.answered_at


def _parts() -> list[Part]:
    context = ray.get_runtime_context()
    (node,) = (node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
    node_address = f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"
    now = time.monotonic()
    return [
        Part("its head", context.gcs_address, HEAD_SECONDS, False, now),
        Part("its part on this machine", node_address, NODE_SECONDS, True, now),
    ]


def _watch(parts: list[Part], is_over: threading.Event) -> None:
    parts = [part for part in parts if part.is_there()]  # and can be asked from here at all
    while not is_over.wait(SECONDS_BETWEEN_LOOKS):
        for part in parts:
            silence = part.silence()
            if silence > part.longest_silence and not is_over.is_set():
                logger.error(
                    "the Ray cluster is lost: %s (%s) has not answered for %.0f s; what is done "
                    "is kept, the same command goes on",
                    part.name,
                    part.address,
                    silence,
                )
                os._exit(ExitCode.LOST)
