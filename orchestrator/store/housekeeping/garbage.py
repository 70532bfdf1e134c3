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
from orchestrator.store.housekeeping.references import blob_named_by, names_a_blob
from orchestrator.store.leases.records import Ended
from orchestrator.store.records.layout import FileKind, LeaseFolder, TrialFolder
from orchestrator.store.records.sealed import read_blob
from orchestrator.store.trials.records import Description
from orchestrator.store.trials.result import trained_facts
from trainer.schedule import OptimiserSettings


class GarbageKind(StrEnum):
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
    kind: GarbageKind
    place: str  # folder of the trial or sweep that it belongs to; empty: neither


def garbage_of_trial(files: Files, place: TrialFolder, sizes: Mapping[str, int]) -> list[Garbage]:
    """Find the garbage of a trial that nobody works on.

    Args:
        place: the trial's folder.
        sizes: bytes of all files there, by name.
    """
    kinds = {}
    for name in sizes:
        if name.endswith(".damaged"):
            kinds[name] = GarbageKind.DAMAGED
        elif name.endswith(".sha256") and name.removesuffix(".sha256") not in sizes:
            kinds[name] = GarbageKind.UNFINISHED
    if trained_facts(files, place, sizes) is not None:
        kinds |= dict.fromkeys(_superseded(files, sizes), GarbageKind.SUPERSEDED)
        kinds |= dict.fromkeys(_idle_checkpoints(files, place, sizes), GarbageKind.CHECKPOINT)
        kinds |= dict.fromkeys(_old_beats(files, sizes), GarbageKind.BEAT)
    return [
        Garbage(name=name, bytes=sizes[name], kind=kind, place=place.path)
        for name, kind in kinds.items()
    ]


def _superseded(files: Files, sizes: Mapping[str, int]) -> Iterator[str]:
    """Yield weights and outcomes that no record names."""
    kept = {blob_named_by(files, name) for name in sizes if names_a_blob(name)}
    for name in sizes:
        blob = name.removesuffix(".sha256")
        is_either = FileKind.WEIGHTS.match(blob) or FileKind.OUTCOMES.match(blob)
        if is_either and blob in sizes and blob not in kept:
            yield name


def _idle_checkpoints(files: Files, place: TrialFolder, sizes: Mapping[str, int]) -> Iterator[str]:
    """Yield all checkpoints but the farthest good one, if a longer trial could go on from it."""
    found = [name for name in sizes if FileKind.CHECKPOINT.match(name)]
    found.sort(key=lambda name: (name.rpartition("/")[2], name), reverse=True)
    if found and is_prolongable(files, place):
        is_only = len(found) == 1
        kept = next((it for it in found if is_only or read_blob(files, it) is not None), None)
        found = [name for name in found if name != kept]
    for name in found:
        yield from (it for it in (name, f"{name}.sha256") if it in sizes)


def _old_beats(files: Files, sizes: Mapping[str, int]) -> Iterator[str]:
    for name in sizes:
        if FileKind.BEAT.match(name):
            ended = LeaseFolder(name.rpartition("/")[0]).ended
            if Ended.peek(files, ended) is not None:
                yield name


def is_prolongable(files: Files, place: TrialFolder) -> bool:
    """Whether a longer trial could go on from this one; True where that is not known."""
    description = Description.peek(files, place.description)
    if description is None or description.optimiser is None:
        return True
    try:
        return OptimiserSettings.model_validate(description.optimiser).is_constant
    except ValidationError:  # as another version wrote it
        return True
