"""Verification: every file that carries a checksum is read and compared with it.

What is damaged is set aside, as a reader would do who came upon it, and so is the record that
says that it is whole: the next start of a sweep makes it anew. All of it is safe beside a running
sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from orchestrator.store.files.contract import Files
from orchestrator.store.housekeeping.activity import at_work
from orchestrator.store.housekeeping.consequences import TRAINED, consequence
from orchestrator.store.housekeeping.damage import Damage, Kind, is_blob, is_record, judged
from orchestrator.store.housekeeping.membership import all_sweeps, members
from orchestrator.store.housekeeping.references import is_promise, promise_of, promised
from orchestrator.store.records.layout import SWEEPS, TRIALS, by_folder
from orchestrator.store.records.read_only import ReadOnly
from orchestrator.store.records.sealed import peek_record, set_aside
from orchestrator.store.records.version import damaged_marks, enter
from orchestrator.store.trials.result import RESULT, retract, trained_facts
from orchestrator.store.trials.stored_trial import FAMILIES

READERS = 4
"""Files that are read in parallel, each whole in memory."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A file that is not as it should be."""

    name: str
    kind: Kind
    consequence: str  # for people; empty where there is none

    @property
    def is_damage(self) -> bool:
        """Whether something must be made again, or was nearly lost."""
        return self.kind not in {Kind.ORPHAN, Kind.LOST}


def contents(files: Files) -> dict[str, int]:
    """Return the bytes, by name, of all files that belong to trials, sweeps and families."""
    return {name: n for it in (TRIALS, SWEEPS, FAMILIES) for name, n in files.sizes(it).items()}


def sealed(sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the records and blobs among `sizes`, which carry a checksum."""
    return {name: n for name, n in sizes.items() if is_record(name) or is_blob(name)}


def verify(
    files: Files, sizes: Mapping[str, int], *, dry_run: bool, on_read: Callable[[str], None]
) -> Iterator[Finding]:
    """Find what is damaged or left over; what is damaged is set aside, unless it is a `dry_run`.

    Args:
        sizes: the `contents`.
        on_read: is called with each of the `sealed` once it is checked.

    Raises:
        VersionError: the mark and its copy are both damaged.
    """
    for name in damaged_marks(files):
        kind = Kind.GONE if files.read(name) is None else Kind.DAMAGED
        yield Finding(name=name, kind=kind, consequence="it is made again from the other one")
    if not dry_run:
        enter(files)
    names = list(sealed(sizes))
    with ThreadPoolExecutor(READERS) as pool:
        damages = pool.map(lambda name: judged(files, name), names)
        for name, damage in zip(names, damages, strict=True):
            on_read(name)
            if damage is not None:
                yield _treated(files, damage, dry_run=dry_run)
    by_trial = by_folder(_below(TRIALS, sizes))
    families = _below(FAMILIES, sizes)
    named = {it for sweep in all_sweeps(files) for it in members(files, sweep) or ()}
    for trial_id, its_sizes in by_trial.items():
        yield from _gone(files, f"{TRIALS}/{trial_id}", its_sizes, dry_run=dry_run)
        yield from _undescribed(files, trial_id, its_sizes, families, is_named=trial_id in named)
        yield from _untold_epochs(files, f"{TRIALS}/{trial_id}", its_sizes)
        yield from _left_over(files, trial_id, its_sizes)
    for name in families:
        trial_id = name.rpartition("-")[2]
        if trial_id not in by_trial and not files.sizes(f"{TRIALS}/{trial_id}"):
            yield Finding(name=name, kind=Kind.ORPHAN, consequence="there is no such trial")


def _below(folder: str, sizes: Mapping[str, int]) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if name.startswith(f"{folder}/")}


def _treated(files: Files, damage: Damage, *, dry_run: bool) -> Finding:
    """Set aside what is damaged, unless it is a dry run, and say what follows."""
    promise = damage.name if is_promise(damage.name) else promise_of(files, damage.name)
    if not dry_run:
        if promise != damage.name:
            set_aside(files, damage.name, f"it is {damage.kind}")
        _take_back(files, promise, f"it is {damage.kind}")
    said = consequence(damage.name) if promise in {None, damage.name} else _without_blob(promise)
    return Finding(name=damage.name, kind=damage.kind, consequence=said)


def _gone(
    files: Files, folder: str, sizes: Mapping[str, int], *, dry_run: bool
) -> Iterator[Finding]:
    """Find records of a trial whose blobs are not there."""
    for name in sizes:
        record = peek_record(files, name) if is_promise(name) else None
        blob = None if record is None else promised(name, record)
        if blob is None or blob in sizes:
            continue
        place, _, last = blob.rpartition("/")
        if last in files.names(place) or peek_record(files, name) != record:
            continue  # written, or given up, since the listing
        if not dry_run:
            _take_back(files, name, "what it names is gone")
        yield Finding(name=name, kind=Kind.GONE, consequence=_without_blob(name))


def _undescribed(
    files: Files,
    trial_id: str,
    sizes: Mapping[str, int],
    families: Mapping[str, int],
    *,
    is_named: bool,
) -> Iterator[Finding]:
    """Find where a trial's description, or its entry in its family, is gone."""
    name = f"{TRIALS}/{trial_id}/trial.json"
    about = peek_record(files, name)
    if about is not None:
        with suppress(KeyError, TypeError):  # as another version wrote it
            epochs = about["trial"]["training"]["epochs"]
            name = f"{FAMILIES}/{about['family']}/{epochs:06d}-{trial_id}"
    is_there = name in sizes or name in families
    if is_there or at_work(ReadOnly(files), trial_id) is not None or files.read(name) is not None:
        return
    if is_named:
        yield Finding(name=name, kind=Kind.GONE, consequence=consequence(name))
    elif about is None:
        said = "nothing says what trial it is, and no sweep names it"
        yield Finding(name=f"{TRIALS}/{trial_id}", kind=Kind.ORPHAN, consequence=said)


def _untold_epochs(files: Files, folder: str, sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Find epochs of a trained trial whose rows are lost."""
    facts = trained_facts(ReadOnly(files), folder, sizes)
    if facts is None:
        return
    attempt = f"{folder}/attempts/{facts['attempt']:06d}"
    rows = (peek_record(files, f"{attempt}/origin.json") or {}).get("rows", [])
    own = (name.removeprefix(f"{attempt}/rows/") for name in sizes if name.endswith(".json"))
    told = {int(row["epoch"]) for row in rows}
    told |= {int(stem) for name in own if (stem := name.removesuffix(".json")).isdecimal()}
    for epoch in sorted(set(range(1, int(facts["epochs"]) + 1)) - told):
        name = f"{attempt}/rows/{epoch:06d}.json"
        yield Finding(name=name, kind=Kind.LOST, consequence=consequence(name))


def _left_over(files: Files, trial_id: str, sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Find what is in a trial's folder and nobody asks for."""
    found = {}
    for name in sizes:
        if name.endswith(".sha256"):
            blob = name.removesuffix(".sha256")
            if blob not in sizes and f"{blob}.damaged" not in sizes:
                found[name] = "there is nothing that it belongs to"
        elif not (is_record(name) or is_blob(name) or name.endswith(_UNSEALED)):
            found[name] = "no trial has such a file"
    if found and at_work(ReadOnly(files), trial_id) is None:  # else it may be on its way
        for name, why in found.items():
            yield Finding(name=name, kind=Kind.ORPHAN, consequence=why)


_UNSEALED = (".damaged", "/last_steps.jsonl")


def _take_back(files: Files, promise: str | None, reason: str) -> None:
    if promise is not None and promise.endswith(f"/{RESULT}"):
        retract(files, promise.removesuffix(f"/{RESULT}"), reason)
    elif promise is not None:
        set_aside(files, promise, reason)


def _without_blob(promise: str | None) -> str:
    """Say what follows from the loss of the blob that a record names."""
    if promise is not None and promise.endswith(f"/{RESULT}"):
        return TRAINED
    return "" if promise is None else consequence(promise)
