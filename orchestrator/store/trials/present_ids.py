"""Trials of before under the ids that they have now.

What validation looks at was once in a trial's content, and so in its id. Trials of that time stay
where they are, `trials/<earlier id>`, and are read and written there: on a bucket a folder cannot
be renamed at once, and a kill in between would leave halves. That they are meant by their present
ids is kept in names of empty files, which are created and never changed, whoever does so first:

    earlier/<id>-<earlier id>-<validation>         the trial is in trials/<earlier id>
    earlier/<id>-<earlier id>-<validation>-other   likewise, but another is further, and is used
    earlier/unknown-<earlier id>                   which trial it is cannot be said yet

Which they are follows from the trials' descriptions. These are read while the mark of the store is
of the version before, and kept by its first start; of trials that name code of their users' own,
which is imported by no more than the sweep file that names it, when that has been done.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from orchestrator.store.files.contract import Files
from orchestrator.store.records.layout import (
    EARLIER,
    TRIALS,
    FileKind,
    TrialFolder,
)
from orchestrator.store.records.version import VERSION, raise_version, version_of
from orchestrator.store.trials.earlier import Earlier, identified
from orchestrator.store.trials.points import points
from orchestrator.store.trials.records import Description
from orchestrator.store.trials.result import trained_facts
from trainer.input.problems import InputError

READERS = 10
"""Descriptions that are read in parallel: as many as a bucket's client keeps connections."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the trials of before in a store."""

    trials: tuple[Earlier, ...] = ()
    kept: frozenset[str] = frozenset()  # names of the files by which it was known already
    unknown: frozenset[str] = frozenset()  # earlier ids
    is_whole: bool = True  # False: no start has looked at them yet

    def names(self) -> set[str]:
        """Names of the files that keep all of it."""
        unknown = (f"{EARLIER}/unknown-{trial_id}" for trial_id in self.unknown)
        return {*(trial.name for trial in self.trials), *unknown}


class ChangedError(InputError):
    """A store of before has changed while it was looked at."""


class PresentIds:
    """Ids of before and of now, read when first asked for."""

    def __init__(self, files: Files) -> None:
        """Know of those in `files`, which have the names of before."""
        self._files = files
        self._lock = threading.Lock()
        self._known: Known | None = None
        self._present: dict[str, str] = {}
        self._used: dict[str, Earlier] = {}

    def present(self, trial_id: str) -> str:
        """Return the id that a trial has now, by any that it ever had."""
        self._read()
        return self._present.get(trial_id, trial_id)

    def folder(self, trial_id: str) -> str:
        """Return the id by which a trial's folder is named, from its id now."""
        self._read()
        return self._used[trial_id].earlier if trial_id in self._used else trial_id

    def shown(self, folder: str) -> str:
        """Return the id now of the trial in a folder; that of one that is not used is the
        folder's name."""
        present = self.present(folder)
        return present if self.folder(present) == folder else folder

    def validation_before(self, trial_id: str) -> str | None:
        """Return the id of what validation looked at in a trial of before; None for any other."""
        self._read()
        return self._used[trial_id].validation if trial_id in self._used else None

    def any(self) -> bool:
        """Whether there are trials of before."""
        return bool(self._read().trials)

    def keep(self) -> None:
        """Keep what is known, once nobody works on the store who does not know of it. Broken off
        and called again, or by several at once, it comes to the same.

        Raises:
            ChangedError: somebody has worked on them since they were looked at.
        """
        known = self._read()
        names = known.names()
        if not known.is_whole and look(self._files).names() != names:
            raise ChangedError(
                f"storage {self._files.url} has changed while its trials of before were looked at: "
                f"somebody else works on it; give the same command again"
            )
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(lambda name: self._files.create(name, b""), sorted(names - known.kept)))
        for name in sorted(known.kept - names):  # of those that could not be named before
            self._files.remove(name)
        if not known.is_whole:
            raise_version(self._files)

    def _read(self) -> Known:
        if self._known is None:
            with self._lock:
                if self._known is None:
                    known = look(self._files)
                    self._present = {it.earlier: it.id for it in known.trials}
                    self._used = {it.id: it for it in known.trials if it.is_used}
                    self._known = known
        return self._known


def look(files: Files) -> Known:
    """Find which trials of before there are; nothing is changed."""
    names = [f"{EARLIER}/{name}" for name in files.names(EARLIER)]
    found = [it for it in map(FileKind.EARLIER.match, names) if it]
    trials = [
        Earlier(
            id=it["trial"],
            earlier=it["earlier"],
            validation=it["validation"],
            is_used=it["other"] is None,
        )
        for it in found
    ]
    doubts = [it for it in map(FileKind.UNKNOWN_EARLIER.match, names) if it]
    unknown = {it["earlier"] for it in doubts}
    is_whole = version_of(files) in {None, VERSION}
    if not is_whole:
        unknown |= {it for it in files.names(TRIALS) if _TRIAL_ID.fullmatch(it)}
        unknown -= {it.earlier for it in trials} | {it.id for it in trials}
    if unknown:
        described = dict(_described(files, unknown))
        fresh = identified(described, {it.earlier: it.id for it in trials})
        trials += _with_choice(files, fresh, taken={it.id for it in trials if it.is_used})
        unknown = described.keys() - {it.earlier for it in fresh}
    return Known(
        trials=tuple(trials),
        kept=frozenset(it[0] for it in (*found, *doubts)),
        unknown=frozenset(unknown),
        is_whole=is_whole,
    )


def _described(files: Files, trial_ids: Iterable[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the settings of trials as they are described; none where that is damaged or gone."""
    ids = sorted(trial_ids)

    def read(trial_id: str) -> Mapping[str, Any]:
        about = Description.peek(files, TrialFolder.of(trial_id).description)
        return {} if about is None else about.trial

    with ThreadPoolExecutor(READERS) as pool:
        yield from zip(ids, pool.map(read, ids), strict=True)


def _with_choice(files: Files, fresh: Iterable[Earlier], *, taken: set[str]) -> Iterator[Earlier]:
    """Choose of trials that are the same now the one that is furthest, the smallest name first
    where several are; none where one is chosen already, or has that id of its own."""
    by_id: dict[str, list[Earlier]] = {}
    for each in fresh:
        by_id.setdefault(each.id, []).append(each)
    for trial_id, same in by_id.items():
        best = same[0]
        if len(same) > 1:
            best = max(sorted(same, key=lambda it: it.earlier), key=lambda it: _reach(files, it))
        is_free = trial_id not in taken and not files.sizes(TrialFolder.of(trial_id).path)
        for each in same:
            yield Earlier(
                id=each.id,
                earlier=each.earlier,
                validation=each.validation,
                is_used=is_free and each is best,
            )


def _reach(files: Files, trial: Earlier) -> tuple[bool, int, tuple[int, int]]:
    """How far a trial has come: trained, evaluated under so many suites, its last checkpoint."""
    place = TrialFolder.of(trial.earlier)
    sizes = files.sizes(place.path)
    evaluated = sum(FileKind.EVALUATION.match(name) is not None for name in sizes)
    is_trained = trained_facts(files, place, sizes) is not None
    return is_trained, evaluated, next((it[:2] for it in points(sizes)), (0, 0))


_TRIAL_ID = re.compile(r"t[0-9a-f]{16}")
