"""Garbage of one trial: files that nothing will ask for again.

What stays says the same as before: how far the trial is, its weights, bits and rows, and from
where it, or a longer one, would go on. Leases and how they ended stay: they are its history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from orchestrator.store.files.contract import Files
from orchestrator.store.housekeeping.references import is_promise, promised
from orchestrator.store.records.sealed import peek_record, read_blob
from orchestrator.store.trials.result import trained_facts
from trainer.schedule import OptimiserSettings


class Kind(StrEnum):
    """Why a file is garbage."""

    UNFINISHED = "unfinished"  # its writer was killed
    DAMAGED = "damaged"  # set aside by who found it so
    SUPERSEDED = "superseded"  # weights and bits of attempts that lost
    CHECKPOINT = "checkpoint"  # of a trained trial, from which nothing would go on
    BEAT = "beat"  # last sign of life of an attempt that is over
    ORDERS = "orders"  # of a start that is over
    UNREFERENCED = "unreferenced"  # of a trial that no sweep names


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """A file that may be removed."""

    name: str
    bytes: int
    kind: Kind
    place: str  # folder of the trial or sweep that it belongs to; empty: neither


def garbage_of_trial(files: Files, folder: str, sizes: Mapping[str, int]) -> list[Garbage]:
    """Find the garbage of a trial that nobody works on.

    Args:
        folder: the trial's folder.
        sizes: bytes of all files there, by name.
    """
    kinds = {}
    for name in sizes:
        if name.endswith(".damaged"):
            kinds[name] = Kind.DAMAGED
        elif name.endswith(".sha256") and name.removesuffix(".sha256") not in sizes:
            kinds[name] = Kind.UNFINISHED
    if trained_facts(files, folder, sizes) is not None:
        kinds |= dict.fromkeys(_superseded(files, folder, sizes), Kind.SUPERSEDED)
        kinds |= dict.fromkeys(_idle_checkpoints(files, folder, sizes), Kind.CHECKPOINT)
        kinds |= dict.fromkeys(_old_beats(files, sizes), Kind.BEAT)
    return [
        Garbage(name=name, bytes=sizes[name], kind=kind, place=folder)
        for name, kind in kinds.items()
    ]


def _superseded(files: Files, folder: str, sizes: Mapping[str, int]) -> Iterator[str]:
    """Yield weights and outcomes that no record names."""
    records = {name: peek_record(files, name) for name in sizes if is_promise(name)}
    kept = {promised(name, record) for name, record in records.items() if record is not None}
    for name in sizes:
        blob = name.removesuffix(".sha256")
        is_either = blob.endswith("/weights.pt") or blob.endswith(".npz")
        if is_either and blob in sizes and blob not in kept:
            yield name


def _idle_checkpoints(files: Files, folder: str, sizes: Mapping[str, int]) -> Iterator[str]:
    """Yield all checkpoints but the farthest good one, if a longer trial could go on from it."""
    found = [name for name in sizes if "/checkpoints/" in name and name.endswith(".pt")]
    found.sort(key=lambda name: (name.rpartition("/")[2], name), reverse=True)
    if found and is_prolongable(files, folder):
        is_only = len(found) == 1
        kept = next((it for it in found if is_only or read_blob(files, it) is not None), None)
        found = [name for name in found if name != kept]
    for name in found:
        yield from (it for it in (name, f"{name}.sha256") if it in sizes)


def _old_beats(files: Files, sizes: Mapping[str, int]) -> Iterator[str]:
    for name in sizes:
        folder, _, last = name.rpartition("/")
        if last == "beat.json" and peek_record(files, f"{folder}/ended.json") is not None:
            yield name


def is_prolongable(files: Files, folder: str) -> bool:
    """Whether a longer trial could go on from this one; True where that is not known."""
    about = peek_record(files, f"{folder}/trial.json")
    if about is None:
        return True
    try:
        settings = about["trial"]["training"]["optimiser"]
        return OptimiserSettings.model_validate(settings).is_constant
    except (KeyError, TypeError, ValidationError):  # as another version wrote it
        return True
