"""What the commands about an existing sweep are told: its file, and what their user changed."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from typing import Annotated

import typer

from orchestrator.spec import SweepSpec, read_spec
from orchestrator.store.files import Files, RefusedError, UnreachableError
from orchestrator.store.version import VersionError, look

SpecPath = Annotated[str, typer.Argument(metavar="SPEC", help="The sweep's YAML file.")]
Storage = Annotated[str | None, typer.Option(metavar="FOLDER|URL", help="Where the sweep is kept.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=YAML", help="As the sweep was started with."),
]


def read_sweep(path: str, storage: str | None, assignments: Sequence[str] | None) -> SweepSpec:
    """The sweep of a file, under a command's arguments.

    Raises:
        BadInput: what is wrong, where.
    """
    flags = [] if storage is None else [f"storage={json.dumps(storage, ensure_ascii=False)}"]
    return read_spec(path, [*(assignments or []), *flags], os.environ)


def check_version(spec: SweepSpec, files: Files) -> None:
    """See that the storage holds a store of this version, or nothing yet; writes nothing.

    Raises:
        BadInput: it does not answer, or holds something else.
    """
    try:
        look(files)
    except (VersionError, RefusedError, UnreachableError) as error:
        message = str(error).removeprefix("storage ")
        raise spec.document.fail(
            "storage", f"must be a store of this project: {message}"
        ) from error


def command(door: str, path: str, storage: str | None, assignments: Sequence[str] | None) -> str:
    """Another command about the same sweep, for a shell."""
    options = [] if storage is None else ["--storage", storage]
    options += [part for each in assignments or () for part in ("--set", each)]
    return shlex.join(["python", "-m", f"orchestrator.{door}", path, *options])
