"""Results of a trial's training, kept also where its weights were given up.

    trials/<id>/result.json     names the attempt whose weights count, and says how it went
    trials/<id>/dropped.json    what that said before the weights were given up to make room

To give weights up is to rename the first into the second, then to delete them. The trial stays
trained: its facts, its rows and every evaluation count as before. `result.json` is free, so that
an attempt which trains again, because a new suite asks for the weights, publishes them as the
first one did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.store.files.contract import Files
from orchestrator.store.records.sealed import read_record, set_aside

RESULT, DROPPED = "result.json", "dropped.json"


def published(files: Files, folder: str) -> dict[str, Any] | None:
    """Return the record of the attempt whose weights count, from a trial's folder; None if none."""
    return read_record(files, f"{folder}/{RESULT}")


def weights_name(folder: str, result: Mapping[str, Any]) -> str:
    """Return the name of the file with a result's weights."""
    return f"{folder}/attempts/{result['attempt']:06d}/weights.pt"


def trained_facts(files: Files, folder: str, sizes: Mapping[str, int]) -> dict[str, Any] | None:
    """Return the record of a trial that is trained, whose weights are there in their full size or
    were given up; None for any other.

    Args:
        sizes: bytes of all files of the trial, by name.
    """
    if not sizes:
        return None
    result = published(files, folder)  # read, not looked up: a listing may miss what is renamed
    if result is None:
        return read_record(files, f"{folder}/{DROPPED}")
    return result if sizes.get(weights_name(folder, result)) == result["bytes"] else None


def retract(files: Files, folder: str, reason: str) -> None:
    """Take back a result whose weights cannot be had, so that the trial is trained again."""
    if files.read(f"{folder}/{DROPPED}") is not None:
        set_aside(files, f"{folder}/{DROPPED}", "it is of weights that were wanted again")
    set_aside(files, f"{folder}/{RESULT}", reason)


def give_up_weights(files: Files, folder: str) -> bool:
    """Delete a trained trial's weights and any checkpoints; return whether the trial is trained.

    Broken off anywhere and called again, it comes to the same. Nobody may be at work on the trial.
    """
    if published(files, folder) is not None:
        files.rename(f"{folder}/{RESULT}", f"{folder}/{DROPPED}")
    elif read_record(files, f"{folder}/{DROPPED}") is None:
        return False
    for name in sorted(files.sizes(f"{folder}/attempts")):  # each blob before its checksum
        if name.endswith((".pt", ".pt.sha256")):
            files.remove(name)
    return True
