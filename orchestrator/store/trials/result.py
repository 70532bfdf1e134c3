"""Results of a trial's training, kept also where its weights were given up.

To give weights up is to rename `result.json` into `dropped.json`, then to delete them. The trial
stays trained: its facts, its rows and every evaluation count as before. `result.json` is free, so
that an attempt which trains again, because a new suite asks for the weights, publishes them as the
first one did.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.store.files.contract import Files
from orchestrator.store.records.layout import FileKind, TrialFolder
from orchestrator.store.records.sealed import set_aside
from orchestrator.store.trials.records import Result


def published(files: Files, place: TrialFolder) -> Result | None:
    """Return the record of the attempt whose weights count, from a trial's folder; None if none."""
    return Result.read(files, place.result)


def trained_facts(files: Files, place: TrialFolder, sizes: Mapping[str, int]) -> Result | None:
    """Return the record of a trial that is trained, whose weights are there in their full size or
    were given up; None for any other.

    Args:
        sizes: bytes of all files of the trial, by name.
    """
    if not sizes:
        return None
    result = published(files, place)  # read, not looked up: a listing may miss what is renamed
    if result is None:
        return Result.read(files, place.dropped)
    return result if sizes.get(place.attempt(result.attempt).weights) == result.bytes else None


def retract(files: Files, place: TrialFolder, reason: str) -> None:
    """Take back a result whose weights cannot be had, so that the trial is trained again."""
    if files.read(place.dropped) is not None:
        set_aside(files, place.dropped, "it is of weights that were wanted again")
    set_aside(files, place.result, reason)


def give_up_weights(files: Files, place: TrialFolder) -> bool:
    """Delete a trained trial's weights, the best ones too, and any checkpoints; return whether the
    trial is trained.

    Broken off anywhere and called again, it comes to the same. Nobody may be at work on the trial.
    """
    if published(files, place) is not None:
        files.rename(place.result, place.dropped)
    elif Result.read(files, place.dropped) is None:
        return False
    for found in filter(None, map(FileKind.RESULT.match, files.sizes(place.path))):
        best = TrialFolder(place.path, found["best"])
        if published(files, best) is not None:
            files.rename(best.result, best.dropped)
    for name in sorted(files.sizes(place.attempts)):  # each blob before its checksum
        blob = name.removesuffix(".sha256")
        if FileKind.WEIGHTS.match(blob) or FileKind.CHECKPOINT.match(blob):
            files.remove(name)
    return True
