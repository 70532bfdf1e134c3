"""Verification: every file that carries a checksum is read and compared with it.

What is damaged is set aside, as a reader would do who came upon it, and so is the record that
says that it is whole: the next start of a sweep makes it anew. All of it is safe beside a running
sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from orchestrator.store.files.contract import Files
from orchestrator.store.housekeeping.activity import at_work
from orchestrator.store.housekeeping.consequences import TRAINED, consequence
from orchestrator.store.housekeeping.damage import Damage, FaultKind, is_blob, is_record, judged
from orchestrator.store.housekeeping.membership import all_sweeps, members
from orchestrator.store.housekeeping.references import (
    blob_named_by,
    names_a_blob,
    record_that_names,
)
from orchestrator.store.records.layout import (
    FAMILIES,
    SWEEPS,
    TRIALS,
    FileKind,
    TrialFolder,
    by_folder,
    kind_of,
    member,
)
from orchestrator.store.records.read_only import ReadOnly
from orchestrator.store.records.sealed import set_aside
from orchestrator.store.records.version import damaged_marks, enter
from orchestrator.store.trials.records import Description, Predecessor
from orchestrator.store.trials.result import retract, trained_facts

READERS = 4
"""Files that are read in parallel, each whole in memory."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A file that is not as it should be."""

    name: str
    kind: FaultKind
    consequence: str  # for people; empty where there is none

    @property
    def is_damage(self) -> bool:
        """Whether something must be made again, or was nearly lost."""
        return self.kind not in {FaultKind.ORPHAN, FaultKind.LOST}


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
        kind = FaultKind.GONE if files.read(name) is None else FaultKind.DAMAGED
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
        yield from _gone(files, its_sizes, dry_run=dry_run)
        yield from _undescribed(files, trial_id, its_sizes, families, is_named=trial_id in named)
        yield from _lost_epochs(files, TrialFolder.of(trial_id), its_sizes)
        yield from _parentless(files, trial_id, its_sizes, by_trial)
        yield from _left_over(files, trial_id, its_sizes)
    for name in families:
        trial_id = name.rpartition("-")[2]
        if trial_id not in by_trial and not files.sizes(TrialFolder.of(trial_id).path):
            yield Finding(name=name, kind=FaultKind.ORPHAN, consequence="there is no such trial")


def _below(folder: str, sizes: Mapping[str, int]) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if name.startswith(f"{folder}/")}


def _treated(files: Files, damage: Damage, *, dry_run: bool) -> Finding:
    """Set aside what is damaged, unless it is a dry run, and say what follows."""
    name = damage.name
    naming = name if names_a_blob(name) else record_that_names(files, name)
    if not dry_run:
        if naming != name:
            set_aside(files, name, f"it is {damage.kind}")
        _take_back(files, naming, f"it is {damage.kind}")
    said = consequence(name) if naming in {None, name} else _without_blob(naming)
    return Finding(name=damage.name, kind=damage.kind, consequence=said)


def _gone(files: Files, sizes: Mapping[str, int], *, dry_run: bool) -> Iterator[Finding]:
    """Find records of a trial whose blobs are not there."""
    for name in sizes:
        blob = blob_named_by(files, name)
        if blob is None or blob in sizes:
            continue
        place, _, last = blob.rpartition("/")
        if last in files.names(place) or blob_named_by(files, name) != blob:
            continue  # written, or given up, since the listing
        if not dry_run:
            _take_back(files, name, "what it names is gone")
        yield Finding(name=name, kind=FaultKind.GONE, consequence=_without_blob(name))


def _undescribed(
    files: Files,
    trial_id: str,
    sizes: Mapping[str, int],
    families: Mapping[str, int],
    *,
    is_named: bool,
) -> Iterator[Finding]:
    """Find where a trial's description, or its entry in its family, is gone."""
    place = TrialFolder.of(trial_id)
    name = place.description
    about = Description.peek(files, name)
    if about is not None and about.family is not None and about.epochs is not None:
        name = member(about.family, about.epochs, trial_id)
    is_there = name in sizes or name in families
    if is_there or at_work(ReadOnly(files), trial_id) is not None or files.read(name) is not None:
        return
    if is_named:
        yield Finding(name=name, kind=FaultKind.GONE, consequence=consequence(name))
    elif about is None:
        said = "nothing says what trial it is, and no sweep names it"
        yield Finding(name=place.path, kind=FaultKind.ORPHAN, consequence=said)


def _lost_epochs(files: Files, place: TrialFolder, sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Find epochs of a trained trial whose rows are lost."""
    result = trained_facts(ReadOnly(files), place, sizes)
    if result is None:
        return
    attempt = place.attempt(result.attempt)
    origin = Predecessor.peek(files, attempt.origin)
    before = {int(row["epoch"]) for row in (origin.rows if origin else ())}
    for epoch in range(1, result.epochs + 1):
        name = attempt.row(epoch)
        if epoch not in before and name not in sizes:
            yield Finding(name=name, kind=FaultKind.LOST, consequence=consequence(name))


def _parentless(
    files: Files,
    trial_id: str,
    sizes: Mapping[str, int],
    by_trial: Mapping[str, Mapping[str, int]],
) -> Iterator[Finding]:
    """Find a trial's parents, whose weights or schedule it takes, of which nothing is there any
    more."""
    place = TrialFolder.of(trial_id)
    about = Description.peek(files, place.description)
    if about is None:
        return
    for parent in about.parents:
        name = TrialFolder.of(parent).description
        if parent in by_trial or files.read(name) is not None:
            continue
        if trained_facts(ReadOnly(files), place, sizes) is not None:
            said = f"what {trial_id} took from it is lost for good; its own result stands"
            yield Finding(name=name, kind=FaultKind.LOST, consequence=said)
        else:
            does = "replays its schedule" if parent == about.replayed else "starts from its weights"
            said = f"{trial_id} {does}: the next start trains it again first"
            yield Finding(name=name, kind=FaultKind.GONE, consequence=said)


def _left_over(files: Files, trial_id: str, sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Find what is in a trial's folder and nobody asks for."""
    found = {}
    for name in sizes:
        if name.endswith(".sha256"):
            blob = name.removesuffix(".sha256")
            if blob not in sizes and f"{blob}.damaged" not in sizes:
                found[name] = "there is nothing that it belongs to"
        elif kind_of(name) is None and not name.endswith(".damaged"):
            found[name] = "no trial has such a file"
    if found and at_work(ReadOnly(files), trial_id) is None:  # else it may be on its way
        for name, why in found.items():
            yield Finding(name=name, kind=FaultKind.ORPHAN, consequence=why)


def _take_back(files: Files, record: str | None, reason: str) -> None:
    """Take back a record that names a blob."""
    if record is None:
        return
    if found := FileKind.RESULT.match(record):
        retract(files, TrialFolder.of(found["trial"], found["best"]), reason)
    else:
        set_aside(files, record, reason)


def _without_blob(record: str | None) -> str:
    """Say what follows from the loss of the blob that a record names."""
    if record is None:
        return ""
    return TRAINED if FileKind.RESULT.match(record) else consequence(record)
