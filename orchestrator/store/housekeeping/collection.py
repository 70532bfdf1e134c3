"""Collects garbage over a whole store, and removes it.

What belongs to a trial or a sweep at which somebody may be at work is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from orchestrator.store.files.contract import Files
from orchestrator.store.files.local import LocalFiles
from orchestrator.store.housekeeping.activity import at_work, is_run
from orchestrator.store.housekeeping.garbage import (
    Garbage,
    GarbageKind,
    garbage_of_trial,
    is_prolongable,
)
from orchestrator.store.housekeeping.membership import all_sweeps, members
from orchestrator.store.leases.lease import LeaseState
from orchestrator.store.records.layout import (
    FAMILIES,
    SWEEPS,
    TRIALS,
    FileKind,
    SweepFolder,
    TrialFolder,
    by_folder,
)
from orchestrator.store.records.read_only import ReadOnly
from orchestrator.store.trials.present_files import present
from orchestrator.store.trials.records import Description
from orchestrator.store.trials.result import trained_facts
from trainer.input.problems import InputError

UNFINISHED_SECONDS = 3600.0
"""Seconds without a new byte after which a file that was being written is taken for abandoned."""

READERS = 8
"""Trials that are looked at in parallel."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a look at the whole store found."""

    garbage: tuple[Garbage, ...]
    left_alone: tuple[str, ...]  # folders of trials and sweeps at which somebody may be at work


class UncertainError(InputError):
    """Which trials no sweep names cannot be said now."""


def survey(files: Files, *, unreferenced: bool) -> Survey:
    """Find garbage; nothing is changed.

    Args:
        unreferenced: whether trials that no sweep names are garbage too.

    Raises:
        UncertainError: they are asked for, and a sweep is run, or does not say what it names.
    """
    looked = ReadOnly(files)
    sizes = by_folder(files.sizes(TRIALS))
    run = [sweep for sweep in all_sweeps(files) if is_run(looked, sweep)]
    with ThreadPoolExecutor(READERS) as pool:
        leases = dict(zip(sizes, pool.map(lambda it: at_work(looked, it), sizes), strict=True))
        idle = [trial_id for trial_id, lease in leases.items() if lease is None]
        unnamed = _unnamed(looked, idle, run, sizes) if unreferenced else set()
        kept = [trial_id for trial_id in idle if trial_id not in unnamed]
        found = pool.map(lambda it: garbage_of_trial(looked, TrialFolder.of(it), sizes[it]), kept)
        garbage = [item for items in found for item in items]
    if unreferenced:
        garbage += _of_unnamed(files, unnamed, sizes)
    busy = {TrialFolder.of(it).path: lease for it, lease in leases.items() if lease is not None}
    garbage += _of_sweeps(looked, run, busy.values())
    left_alone = (*busy, *(SweepFolder.of(sweep).path for sweep in run))
    garbage += [item for item in _of_root(files) if item.place not in left_alone]
    return Survey(garbage=tuple(garbage), left_alone=left_alone)


def remove(files: Files, garbage: Iterable[Garbage]) -> Iterator[Garbage]:
    """Delete garbage one by one, and yield each; what somebody has begun to work on stays."""
    looked = ReadOnly(files)
    for place, items in groupby(sorted(garbage, key=_turn), key=lambda item: item.place):
        folder, _, name = place.partition("/")
        if folder == TRIALS and at_work(looked, name) is not None:
            continue
        if folder == SWEEPS and is_run(looked, name):
            continue
        kinds = set()
        for item in items:
            files.remove(item.name)
            kinds.add(item.kind)
            yield item
        if GarbageKind.UNREFERENCED in kinds and (local := _folder_of(files)) is not None:
            local.remove_empty_folders(present(files).place(place))


def _folder_of(files: Files) -> LocalFiles | None:
    """Return the folder in which files lie; None where that is a bucket."""
    under = present(files).under
    return under if isinstance(under, LocalFiles) else None


def _turn(item: Garbage) -> tuple[str, int, bool, str]:
    """Sort key of a removal: by place, a blob before its checksum. Of a whole trial, which may be
    broken off in the middle, first what says that something is done, and last that its attempts are
    over."""
    rank = 1 if FileKind.LEASE.match(item.name) else 2 if FileKind.ENDED.match(item.name) else 0
    return item.place, rank, "/attempts/" in item.name, item.name


def _unnamed(
    files: Files,
    trial_ids: Iterable[str],
    run: Iterable[str],
    sizes: Mapping[str, Mapping[str, int]],
) -> set[str]:
    """Find trials that no sweep names, and from whose weights none that one names is still to
    start. One that a longer trial could go on from counts as named
    while any sweep has trials to do: these are not in the store yet."""
    for sweep in run:
        raise UncertainError(
            f"sweep {sweep!r} must be over before trials that no sweep names are looked for: it "
            f"may be about to name some; stop it, wait for it, or start it once more if it is gone"
        )
    named: set[str] = set()
    is_all_done = True
    for sweep in all_sweeps(files):
        found = members(files, sweep)
        if found is None:
            raise UncertainError(
                f"sweep {sweep!r} must say what it names, and neither plan.json nor trials.csv "
                f"under sweeps/{sweep}/ does; start it once more, or delete that folder"
            )
        named |= found.keys()
        is_all_done &= all(member.is_finished for member in found.values())
    named |= _awaited(files, named, sizes)
    unnamed = {it for it in trial_ids if _TRIAL_ID.fullmatch(it)} - named
    if is_all_done:
        return unnamed
    return {it for it in unnamed if not is_prolongable(files, TrialFolder.of(it))}


def _awaited(
    files: Files, trial_ids: Iterable[str], sizes: Mapping[str, Mapping[str, int]]
) -> set[str]:
    """Find the parents of trials that are not trained yet, and theirs in turn."""
    found: set[str] = set()
    left = list(trial_ids)
    while left:
        trial_id = left.pop()
        place, its_sizes = TrialFolder.of(trial_id), sizes.get(trial_id, {})
        if its_sizes and trained_facts(files, place, its_sizes) is None:
            about = Description.peek(files, place.description)
            parents = set() if about is None else {*about.parents} - found
            found |= parents
            left += parents
    return found


def _of_unnamed(
    files: Files, unnamed: set[str], sizes: Mapping[str, Mapping[str, int]]
) -> Iterator[Garbage]:
    """Yield all files of trials that no sweep names, and families' entries of these or lost
    ones."""
    of_families = {
        name: size
        for name, size in files.sizes(FAMILIES).items()
        if (trial_id := name.rpartition("-")[2]) in unnamed or trial_id not in sizes
    }
    for name, size in of_families.items():
        place = TrialFolder.of(name.rpartition("-")[2]).path
        yield Garbage(name=name, bytes=size, kind=GarbageKind.UNREFERENCED, place=place)
    for trial_id in unnamed:
        for name, size in sizes[trial_id].items():
            place = TrialFolder.of(trial_id).path
            yield Garbage(name=name, bytes=size, kind=GarbageKind.UNREFERENCED, place=place)


def _of_sweeps(files: Files, run: Iterable[str], busy: Iterable[LeaseState]) -> Iterator[Garbage]:
    """Yield garbage of sweeps that nobody runs; a start whose worker is there needs its orders."""
    needed = {lease.about.start for lease in busy}  # None: of a damaged lease, of any
    for sweep, sizes in by_folder(files.sizes(SWEEPS)).items():
        if sweep in run:
            continue
        for name, size in sizes.items():
            kind = GarbageKind.DAMAGED if name.endswith(".damaged") else None
            if FileKind.ORDERS.match(name) and not needed & {None, name.rpartition("/")[0]}:
                kind = GarbageKind.ORDERS
            if kind is not None:
                yield Garbage(name=name, bytes=size, kind=kind, place=SweepFolder.of(sweep).path)


def _of_root(files: Files) -> Iterator[Garbage]:
    """Yield garbage of no trial or sweep, and unfinished files, which only a folder knows of."""
    for name in files.names(""):
        if name.endswith(".damaged"):
            size = len(files.read(name) or b"")
            yield Garbage(name=name, bytes=size, kind=GarbageKind.DAMAGED, place="")
    if (local := _folder_of(files)) is not None:
        shown = present(files).shown
        unfinished = local.unfinished(UNFINISHED_SECONDS)
        for name, size in ((shown(name), size) for name, size in unfinished.items()):
            folder, *rest = name.split("/")
            is_owned = folder in {TRIALS, SWEEPS} and len(rest) > 1
            place = f"{folder}/{rest[0]}" if is_owned else ""
            yield Garbage(name=name, bytes=size, kind=GarbageKind.UNFINISHED, place=place)


_TRIAL_ID = re.compile(r"t[0-9a-f]{16}")
"""Pattern of a trial's id. What else a person keeps among the trials is not removed."""
