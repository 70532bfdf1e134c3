"""Ray on this machine alone: its files in a folder of their owner's, its ports on loopback.

By itself Ray keeps sockets, logs and a token where every user of the machine can read them, and
listens on every network that the machine is in.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orchestrator.execution.address import NoClusterError

logger = logging.getLogger(__name__)

SOCKET_BYTES = 103 if sys.platform == "darwin" else 107
"""Most bytes of the path of a Unix socket."""

VARIABLES = ("RAY_TMPDIR",) if sys.platform == "darwin" else ("RAY_TMPDIR", "TMPDIR")
"""Variables by which a user says where temporary files go, in order of precedence. On macOS
`TMPDIR` is always set, and too long."""

FALLBACKS = ("/tmp", "/var/tmp")
"""Folders for temporary files that are short and everywhere, but on Windows."""

_IS_WINDOWS = os.name == "nt"

SECONDS_TO_REMOVE = 5.0
"""Seconds that Ray's last processes are given to end before their folder is removed."""


def parent_folder(environment: Mapping[str, str]) -> tuple[Path, str]:
    """Return the folder in which Ray's own is made, and why not where the environment says, if so.

    Raises:
        NoClusterError: no folder that is short enough for sockets below it can be written.
    """
    name = next((name for name in VARIABLES if environment.get(name)), None)
    said = [] if name is None else [environment[name]]
    fallbacks = (tempfile.gettempdir(),) if _IS_WINDOWS else FALLBACKS
    problems = [_problem(folder) for folder in (*said, *fallbacks)]
    if None not in problems:
        raise NoClusterError(
            f"Ray needs a folder for its sockets, and none of {', '.join(fallbacks)} can be "
            f"written; set RAY_TMPDIR to the path of one, of at most {_longest()} bytes"
        )
    found = (*said, *fallbacks)[problems.index(None)]
    if not said or found == said[0]:
        return Path(found), ""
    return Path(found), (
        f"{name} must be the absolute path of a folder that can be written, of at most "
        f"{_longest()} bytes for Ray's sockets below it; got {said[0]!r}, which {problems[0]}: "
        f"Ray's files go below {found}, and are removed at the end"
    )


@contextmanager
def own_folder(environment: Mapping[str, str]) -> Iterator[Path]:
    """Make a folder for Ray's files, which only its owner can enter, for the time of the block.

    It stays where the block raises, and where `RAY_TMPDIR` says where Ray's logs are to be found.

    Raises:
        NoClusterError: as `parent_folder` does.
    """
    parent, notice = parent_folder(environment)
    if notice:
        logger.warning("%s", notice)
    try:
        folder = Path(tempfile.mkdtemp(prefix="ray-", dir=parent))
    except OSError as error:
        raise NoClusterError(
            f"Ray needs a folder of its own below {parent}: {error}; make room there, or set "
            f"RAY_TMPDIR to another"
        ) from error
    try:
        yield folder
    except Exception:
        logger.warning("the logs of Ray stay below %s", folder)
        raise
    except BaseException:
        _remove(folder)
        raise
    if str(parent) != environment.get("RAY_TMPDIR"):
        _remove(folder)


@contextmanager
def listening_on_loopback() -> Iterator[None]:
    """Make a Ray that is started within the block listen on the loopback interface alone.

    Ray does so wherever it takes its machine to be in no cluster: on macOS and Windows by itself,
    elsewhere under `RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0`, of which this constant is what it keeps
    once it is imported (2.60). It has no argument for it: `_node_ip_address="127.0.0.1"` is
    replaced by the machine's address.
    """
    from ray._private import ray_constants  # noqa: PLC0415 (the rest of this needs no Ray)

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def own_token(folder: Path) -> Iterator[None]:
    """Make a Ray that is started within the block ask for a token which only its owner can read,
    unless the environment has one.

    Left to itself Ray writes one for all its clusters to `~/.ray/auth_token`, as readable as the
    user's other files are.
    """
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        yield
        return
    mode = os.environ.get("RAY_AUTH_MODE")
    path = folder / "token"
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32))
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(path)
    try:
        yield
    finally:
        del os.environ["RAY_AUTH_TOKEN_PATH"]
        if mode is None:
            os.environ.pop("RAY_AUTH_MODE", None)  # as Ray has set it


def _problem(folder: str) -> str | None:
    """Return why Ray's sockets cannot lie below the folder."""
    path = Path(folder)
    if not path.is_absolute():
        return "is not absolute"
    if not _IS_WINDOWS and len(os.fsencode(folder)) > _longest():  # there they are ports
        return f"is longer than {_longest()} bytes"
    if not path.is_dir():
        return "is no folder"
    return None if os.access(path, os.W_OK | os.X_OK) else "cannot be written"


def _longest() -> int:
    """Return the bytes of the longest path below which there is room for Ray's sockets."""
    session = f"session_2026-01-01_00-00-00_000000_{os.getpid()}"
    return SOCKET_BYTES - len(f"/ray-12345678/ray/{session}/sockets/plasma_store")


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_REMOVE
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)
