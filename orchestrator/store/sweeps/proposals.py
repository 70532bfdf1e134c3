"""Proposals of a sweep: the cells that its search has chosen, in the order of their choice.

    sweeps/<name>/proposals/<search>/<number>.json     what was proposed at one time

A record is created once, so that starts that propose at the same time agree on one of their
proposals. Another search of the same sweep, over another space for instance, has a folder of its
own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.store import Files
from orchestrator.store.leases.lease import utc_now
from orchestrator.store.records.sealed import create_record, read_record


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A cell that a search has chosen, and the seeds that it is to be tried with."""

    method: str  # label in the sweep file
    point: Mapping[str, Any]  # value by axis, as values of JSON
    seeds: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """What a search has proposed so far."""

    made: tuple[Proposal, ...]
    next_number: int  # of the record of those that come next


def read_proposals(files: Files, sweep: str, search: str) -> Proposals:
    """Read what a search of a sweep has proposed; a record that is damaged is set aside."""
    folder = _folder(sweep, search)
    names = sorted(name for name in files.names(folder) if name.endswith(".json"))
    records = (read_record(files, f"{folder}/{name}") for name in names)
    made = [
        Proposal(method=it["method"], point=it["point"], seeds=tuple(it["seeds"]))
        for record in records
        if record is not None
        for it in record["cells"]
    ]
    number = 1 + max((int(name.removesuffix(".json")) for name in names), default=0)
    return Proposals(made=tuple(made), next_number=number)


def record_proposals(
    files: Files, sweep: str, search: str, number: int, proposals: Sequence[Proposal]
) -> bool:
    """Record what is proposed as that of a number, and return whether this call did: another start
    may have been faster."""
    record = {"at": utc_now(), "cells": [asdict(proposal) for proposal in proposals]}
    return create_record(files, f"{_folder(sweep, search)}/{number:06d}.json", record)


def _folder(sweep: str, search: str) -> str:
    return f"sweeps/{sweep}/proposals/{search}"
