"""The trials of a store, one line each: what each is, how far it is, what it takes, whose it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import ValidationError

from orchestrator.store import Store
from orchestrator.store.files.contract import Files
from orchestrator.store.housekeeping.membership import all_sweeps, members, sweeps_by_trial
from orchestrator.store.leases.lease import LeaseState
from orchestrator.store.records.layout import TRIALS, FileKind, TrialFolder, by_folder
from orchestrator.store.records.read_only import ReadOnly
from orchestrator.store.records.record import Plain
from orchestrator.store.trials.progress import Progress
from orchestrator.store.trials.records import Description
from trainer.input.problems import InputError
from trainer.methods import METHODS

READERS = 8
"""Trials that are looked at in parallel."""


UNKNOWN = Description(trial={})
"""Description of a trial whose own is damaged or gone."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A trial as listed. What its `trial.json` would say is None where that is damaged."""

    id: str
    data: str | None
    model: str | None
    method: str | None  # with its settings, but for defaults
    seed: int | None
    state: str  # done, failed: KIND, pruned: RULE, running, stopped, pending
    epochs_done: int
    epochs: int | None
    evaluations: int  # suites
    attempts: int
    bytes: int
    sweeps: tuple[str, ...]  # that name it
    changed: str | None  # UTC, by the clock of who wrote last; None: nobody has worked on it


class UnknownSweepError(InputError):
    """No sweep of that name says what its trials are."""


def inventory(files: Files, *, sweep: str | None) -> list[Entry]:
    """List all trials of which any file is there, by id; nothing is changed.

    Args:
        sweep: the one whose trials alone are wanted; None: all.

    Raises:
        UnknownSweepError: no sweep of that name says what its trials are.
    """
    looked = ReadOnly(files)
    known = {name: members(looked, name) for name in all_sweeps(looked)}
    if sweep is not None and known.get(sweep) is None:
        told = ", ".join(name for name, found in known.items() if found is not None)
        raise UnknownSweepError(
            f"--sweep must be one that says what its trials are, got {sweep!r}; "
            f"there are {told or 'none'}"
        )
    holders = sweeps_by_trial(known)
    wanted = {
        trial_id: sizes
        for trial_id, sizes in sorted(by_folder(looked.sizes(TRIALS)).items())
        if sweep is None or sweep in holders.get(trial_id, ())
    }
    store = Store(looked)
    with ThreadPoolExecutor(READERS) as pool:
        return list(
            pool.map(lambda it: _entry(store, it, wanted[it], sweeps=holders.get(it, ())), wanted)
        )


def _entry(store: Store, trial_id: str, sizes: Mapping[str, int], sweeps: Sequence[str]) -> Entry:
    progress = store.trial(trial_id).progress("")
    about = Description.peek(store.files, TrialFolder.of(trial_id).description) or UNKNOWN
    matches = map(FileKind.EVALUATION.match, sizes)
    evaluations = sum(it is not None and it["best"] is None for it in matches)
    return Entry(
        id=trial_id,
        data=about.data,
        model=about.model,
        method=_method(about.method),
        seed=about.seed,
        state=_state(progress, evaluations),
        epochs_done=progress.result.epochs if progress.result else progress.epochs_done,
        epochs=about.epochs,
        evaluations=evaluations,
        attempts=0 if progress.lease is None else progress.lease.number,
        bytes=sum(sizes.values()),
        sweeps=tuple(sweeps),
        changed=_changed(progress.lease),
    )


def _state(progress: Progress, evaluations: int) -> str:
    """Say how far a trial is, under any suite: one that is evaluated is done, though a sweep with
    another suite may have to evaluate it again."""
    if progress.is_held:
        return "running"
    if progress.trained and evaluations:
        return "done"
    if progress.failure is not None:
        return f"failed: {progress.failure.kind}"
    if progress.pruned is not None:  # by the rules of the sweep that had it last
        return f"pruned: {progress.pruned.rule}"
    return "stopped" if progress.has_begun else "pending"


def _method(record: Plain | None) -> str | None:
    """Name a method, as `pareto rho=0.4`; a user's own without settings, whose code would run."""
    if record is None:
        return None
    kind = str(record.get("method"))
    own = {key: value for key, value in record.items() if key != "method"}
    try:
        content = METHODS[kind].model_validate(own).content()
    except (KeyError, ValidationError):  # theirs, or as another version wrote it
        content = {}
    return " ".join([kind, *(f"{key}={value}" for key, value in content.items())])


def _changed(lease: LeaseState | None) -> str | None:
    if lease is None:
        return None
    return lease.last_said.at or lease.since
