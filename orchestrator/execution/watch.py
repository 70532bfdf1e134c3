"""A lost cluster is an end of the sweep with the exit code that says so.

Where the head is gone for a minute, or this machine's part of Ray for some seconds, Ray ends the
process from within, past all of Python, and with the exit code of a sweep that finished with some
trials failed. So a thread looks at both and is quicker. The store has all that is done.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import ray

from orchestrator.address import NoClusterError, check_address
from orchestrator.exit_code import ExitCode

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_OF_SILENCE = 45.0
"""That the head may be away: it can be started again. Ray gives it 60."""


@contextmanager
def watched_cluster() -> Iterator[None]:
    """Look after the connected cluster for the time of the block."""
    is_over = threading.Event()
    thread = threading.Thread(target=_watch, args=(is_over,), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _watch(is_over: threading.Event) -> None:
    context = ray.get_runtime_context()
    head, own_node = context.gcs_address, context.get_node_id()
    answered_at = time.monotonic()
    while not is_over.wait(SECONDS_BETWEEN_LOOKS):
        try:
            check_address(head)
        except NoClusterError:
            silence = time.monotonic() - answered_at
            if silence > SECONDS_OF_SILENCE:
                _end(f"its head at {head} has not answered for {silence:.0f} s")
            continue
        answered_at = time.monotonic()
        if own_node not in {node["NodeID"] for node in ray.nodes() if node["Alive"]}:
            _end("it has lost this machine")


def _end(reason: str) -> NoReturn:
    logger.error(
        "the Ray cluster is lost (%s); what is done is kept, the same command goes on", reason
    )
    os._exit(ExitCode.LOST)
