"""Ray, started here or found elsewhere."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import ray
from ray.exceptions import RayError
from ray.tune.execution import class_cache

from orchestrator.execution.address import NoClusterError, check_address
from orchestrator.execution.cluster_watch import watched_cluster
from orchestrator.execution.session import listening_on_loopback, own_folder, own_token
from orchestrator.spec.auto_precision import Decision, decided_by
from orchestrator.spec.policy import Resources
from trainer.device.allocator import ENVIRONMENT
from trainer.input.redaction import redacted

OBJECT_STORE_BYTES = 200_000_000
"""Bytes of Ray's object store. Trials exchange a few numbers; Ray would take 30 % of the memory."""

LOOPBACK = "127.0.0.1"

logger = logging.getLogger(__name__)


def decided_on(address: str, resources: Resources) -> Decision:
    """Decide what `training.precision: auto` means on the cluster at `address`.

    Raises:
        NoClusterError: as `connected`.
    """
    check_address(address)
    with connected(address, resources):
        return decided_by(_machines(), resources)


@contextmanager
def connected(address: str | None, needed: Resources) -> Iterator[None]:
    """Connect to a Ray cluster that has room for at least one trial, for the time of the block.

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
    _keep_keys()
    with ExitStack() as own:
        try:
            if address is None:
                folder = own.enter_context(own_folder(os.environ))
                own.enter_context(own_token(folder))
                _start(folder)
            else:
                _join(address)
            _check_room(needed)
            with watched_cluster():
                yield
        finally:
            ray.shutdown()


def _start(folder: Path) -> None:
    """Start Ray on this machine."""
    if there := os.environ.get("RAY_ADDRESS"):
        logger.warning(
            "trials run on this machine alone; for the cluster of RAY_ADDRESS, give --address %s",
            redacted(there),
        )
    os.environ.update(_unset(ENVIRONMENT))  # by inheritance: no worker is started twice
    try:
        with listening_on_loopback():
            ray.init(
                address="local",
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=str(folder / "ray"),  # below ours: Ray opens its own to everybody
            )
    except (OSError, RuntimeError, RayError) as error:
        said = redacted(str(error))
        raise NoClusterError(f"Ray does not start on this machine: {said}") from error
    addresses = [node["NodeManagerAddress"] for node in ray.nodes()]
    if addresses != [LOOPBACK]:
        logger.warning("Ray must listen on %s alone, but does on %s", LOOPBACK, addresses)


def _join(address: str) -> None:
    """Join the Ray cluster at an address."""
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": _unset(ENVIRONMENT)},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, RayError) as error:
        raise NoClusterError(
            f"no Ray cluster takes this driver at {address}: {redacted(str(error))}; if it uses "
            f"tokens, as it does where ~/.ray/auth_token exists, set RAY_AUTH_MODE=token here as "
            f"well, and RAY_AUTH_TOKEN_PATH where the token lies elsewhere"
        ) from error


def _keep_keys() -> None:
    """Send no keys of the environment along with a trial: Ray writes what it sends into a log.

    Tune sends those of AWS along (2.60). On this machine a worker inherits the environment; the
    machines of a cluster have keys of their own.
    """
    kept = {name for name in class_cache.ENV_VARS_TO_PROPAGATE if name.startswith("RAY_")}
    class_cache.ENV_VARS_TO_PROPAGATE.intersection_update(kept)


def _unset(environment: Mapping[str, str]) -> dict[str, str]:
    """Keep the variables that the environment does not set: Ray refuses those set twice."""
    return {name: value for name, value in environment.items() if name not in os.environ}


def _machines() -> list[dict[str, float]]:
    """Return the resources of each machine of the cluster that is alive, by Ray's names."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _check_room(needed: Resources) -> None:
    """Check that some machine has room for a trial, which is never spread over two."""
    machines = sorted((each.get("CPU", 0.0), each.get("GPU", 0.0)) for each in _machines())
    if not any(cpu >= needed.cpu and gpu >= needed.gpu for cpu, gpu in machines):
        present = ", ".join(
            f"{count} x {cpu:g} CPU {gpu:g} GPU" for (cpu, gpu), count in Counter(machines).items()
        )
        raise NoClusterError(
            f"resources must fit on one machine of the cluster, got cpu {needed.cpu:g} and gpu "
            f"{needed.gpu:g}; it has {present or 'none'}; wait for its workers, or ask less"
        )
