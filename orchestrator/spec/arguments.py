"""Arguments of the commands about an existing sweep: its file, and what their user changed."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from typing import Annotated

import typer

from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.store.files.contract import Files, RefusedError, UnreachableError
from orchestrator.store.leases.lease import LeaseState, numbers
from orchestrator.store.records.version import VersionError, look
from orchestrator.store.sweeps.starts import place
from trainer.input.document import Document
from trainer.input.redaction import redacted

SpecPath = Annotated[str, typer.Argument(metavar="SPEC", help="The sweep's YAML file.")]
Storage = Annotated[str | None, typer.Option(metavar="FOLDER|URL", help="Where the sweep is kept.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=YAML", help="As the sweep was started with."),
]


def read_sweep(path: str, storage: str | None, assignments: Sequence[str] | None) -> SweepSpec:
    """Read the sweep of a file, under a command's arguments.

    Raises:
        BadInput: what is wrong, where.
    """
    flags = [] if storage is None else [f"storage={json.dumps(storage, ensure_ascii=False)}"]
    return read_spec(path, [*(assignments or []), *flags], os.environ)


def check_version(files: Files, document: Document) -> None:
    """Check that the storage holds a store of this version, or nothing yet; writes nothing.

    Args:
        document: the sweep file, which is blamed.

    Raises:
        BadInput: it does not answer, or holds something else.
    """
    try:
        look(files)
    except (VersionError, RefusedError, UnreachableError) as error:
        message = str(error).removeprefix("storage ")
        raise document.fail("storage", f"must be a store of this project: {message}") from error


def check_started(spec: SweepSpec, files: Files) -> None:
    """Check that the storage holds a store of this version in which the sweep was once started;
    writes nothing.

    Raises:
        BadInput: it does not answer, holds something else, or knows of no start.
    """
    check_version(files, spec.document)
    if not numbers(files, place(spec.name)):
        raise spec.document.fail(
            "name",
            f"must be of a sweep that was started, got {spec.name!r}, of which nothing is in "
            f"{spec.storage}; give the --storage that it is in, or start it: "
            f"{command('sweep', spec)}",
        )


def command(door: str, spec: SweepSpec, *, address: str | None = None) -> str:
    """Write another command about the same sweep, for a shell, with all that this one was given.

    A password in a URI is left out.

    Args:
        address: that of the cluster on which the sweep runs.
    """
    storage: list[str] = []
    others: list[str] = []
    for assignment in spec.assignments:
        key = assignment.partition("=")[0].strip()
        if key == "storage":
            storage = ["--storage", str(spec.document.section("storage").value)]
        elif door == "sweep" or key not in {"tracking", "data.download"}:
            others += ["--set", redacted(assignment)]
    options = [*storage, *others, *(["--address", address] if address is not None else [])]
    return shlex.join(["python", "-m", f"orchestrator.{door}", spec.path, *options])


def last_address(starts: Sequence[LeaseState]) -> str | None:
    """Address of the cluster that a sweep was last started on; None: that machine alone."""
    return starts[-1].about.address if starts else None
