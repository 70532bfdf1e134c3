"""Ray, started here or found elsewhere."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import ray
from ray.exceptions import RayError

from orchestrator.address import NoClusterError
from orchestrator.execution.watch import watched_cluster
from orchestrator.policy import Resources
from trainer.allocator import ENVIRONMENT

OBJECT_STORE_BYTES = 200_000_000
"""Trials exchange a few numbers; Ray would take 30 % of the memory."""


@contextmanager
def connected(address: str | None, needed: Resources) -> Iterator[None]:
    """A Ray cluster for the time of the block, with room for at least one trial.

    Without an address Ray is started on this machine, with no dashboard, and ended afterwards.

    Raises:
        NoClusterError: the address leads to no cluster that takes this driver, or to one where
            no trial would ever find its resources.
    """
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")  # relative paths of users' own code
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # half a second a trial
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # the new one prints a banner at any level
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # the command has its own
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # tells of itself, at length
    try:
        _connect(address)
        _check_room(needed)
        with watched_cluster():
            yield
    finally:
        ray.shutdown()


def _connect(address: str | None) -> None:
    try:
        if address is None:
            os.environ.update(_unsaid(ENVIRONMENT))  # by inheritance: no worker is started twice
            ray.init(
                address="local",
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        else:
            ray.init(
                address=address,
                runtime_env={"env_vars": _unsaid(ENVIRONMENT)},
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except (ConnectionError, RuntimeError, RayError) as error:
        raise NoClusterError(
            f"no Ray cluster takes this driver at {address or 'this machine'}: {error}; if it "
            f"uses tokens, as it does where ~/.ray/auth_token exists, set RAY_AUTH_MODE=token here "
            f"as well, and RAY_AUTH_TOKEN_PATH where the token lies elsewhere"
        ) from error


def _unsaid(environment: Mapping[str, str]) -> dict[str, str]:
    """What is not said otherwise: Ray refuses a job whose own settings name a variable as well."""
    return {name: value for name, value in environment.items() if name not in os.environ}


def _check_room(needed: Resources) -> None:
    """See that some machine could hold a trial, which is never spread over two."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    machines = sorted((node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in nodes)
    if not any(cpu >= needed.cpu and gpu >= needed.gpu for cpu, gpu in machines):
        present = ", ".join(
            f"{count} x {cpu:g} CPU {gpu:g} GPU" for (cpu, gpu), count in Counter(machines).items()
        )
        raise NoClusterError(
            f"resources must fit on one machine of the cluster, got cpu {needed.cpu:g} and gpu "
            f"{needed.gpu:g}; it has {present or 'none'}; wait for its workers, or ask less"
        )
