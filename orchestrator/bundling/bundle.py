"""A sweep in one archive: what its folder has, with what it was made, and how it is run again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from orchestrator.bundling.anonymity import (
    DRAWN,
    IN_SCRIPTS,
    drawn_in,
    in_scripts_of,
    refuse_traces,
    texts_of,
    without_traces,
)
from orchestrator.bundling.archive import packed
from orchestrator.bundling.bits import BITS, bits_of, suites_shown
from orchestrator.bundling.contents import CONFIRMING, OWN, SUITES, TRIALS, contents_of, suite_ids
from orchestrator.bundling.environment import environment_record, versions
from orchestrator.bundling.own_modules import OwnModule, own_modules
from orchestrator.bundling.read_me import ENVIRONMENT, README, Told, read_me
from orchestrator.bundling.redrawn import redrawn
from orchestrator.bundling.traces import Traces
from orchestrator.bundling.whose import whose
from orchestrator.plan.manifest import plan_as_stored
from orchestrator.plan.plan import Plan
from orchestrator.results.choice import choice
from orchestrator.results.confirmation import confirmed, confirmed_images
from orchestrator.results.images import is_complete
from orchestrator.results.shown import data_names, shown_images
from orchestrator.results.taken_home import PROJECT
from orchestrator.spec.arguments import command
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.read_only import only_read
from trainer.input.problems import InputError
from trainer.terminal.json_text import json_text


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """An archive, and what is in it."""

    folder: str
    """Name of the folder in it that has all its files: the sweep's."""

    data: bytes
    files: Mapping[str, int]
    """Bytes of each file by its name, as it lies in the archive's folder."""

    bits: int
    """Bytes of the files of outcome bits, unpacked."""

    absent: Sequence[str]
    """Names of files that might be there, and are not."""

    left_out: Mapping[str, str]
    """Why files that are there are not in it, by name."""

    incomplete: str
    """Why its numbers are not final; empty where they are."""

    lines: Sequence[tuple[str, str]]
    """What its numbers stand on, for people."""

    searched: int | None
    """Texts that every byte of it was searched for; None where it need not be anonymous."""

    common: Sequence[str]
    """Names of hosts and users that are words of any sweep, and were left."""

    def record(self) -> dict[str, Any]:
        """The bundle as values of JSON."""
        return {
            "sha256": hashlib.sha256(self.data).hexdigest(),
            "bytes": len(self.data),
            "files": dict(self.files),
            "bytes_of_bits": self.bits,
            "absent": list(self.absent),
            "left_out": dict(self.left_out),
            "is_complete": not self.incomplete,
            "incomplete": self.incomplete or None,
            "is_anonymous": self.searched is not None,
            "searched_for": self.searched,
            "common_names": list(self.common),
        }


@dataclass(kw_only=True)
class _Draft:
    """What is known of a sweep, before it is packed."""

    spec: SweepSpec
    plan: Plan
    files: dict[str, bytes]
    what: dict[str, str]
    absent: Sequence[str]
    modules: Sequence[OwnModule]
    others: Sequence[str]
    """Ids of other suites of which there are tables."""

    incomplete: str
    lines: Sequence[tuple[str, str]]
    traces: Traces | None = None
    common: Sequence[str] = ()
    left_out: dict[str, str] = field(default_factory=dict)


def make_bundle(spec: SweepSpec, *, is_anonymous: bool, with_bits: bool) -> Bundle:
    """Put what a sweep left into one archive; nothing of the storage is changed.

    Args:
        is_anonymous: whether nothing in it may tell a host, a user, a folder or an address.
        with_bits: whether the outcome bits of its trials are in it.

    Raises:
        InputError: it has left no tables yet, or these are of other trials than its file says.
        TraceError: something that tells whose it is cannot be taken out.
    """
    with only_read(open_files(spec.storage)) as looked:
        store = Store(looked)
        plan = plan_as_stored(spec, store)
        draft = _draft(spec, plan, store, with_bits=with_bits)
        if is_anonymous:
            draft.traces, draft.common = _traces(draft, store)
            draft.left_out = dict.fromkeys(sorted(drawn_in(draft.files, plan, draft.traces)), DRAWN)
            draft.left_out |= dict.fromkeys(in_scripts_of(draft.files, draft.traces), IN_SCRIPTS)
            draft.files = {k: it for k, it in draft.files.items() if k not in draft.left_out}
            again = redrawn(spec, draft.traces, draft.left_out)
            draft.files |= again
            draft.left_out = {k: why for k, why in draft.left_out.items() if k not in again}
    draft.files[README] = read_me(_told(draft, is_anonymous=is_anonymous)).encode()
    folder = spec.name
    if draft.traces is not None:
        draft.files = without_traces(draft.files, draft.traces)
        folder = draft.traces.replaced(folder)
    data = packed(draft.files, folder=folder)
    if draft.traces is not None:
        refuse_traces(data, draft.traces)
    return Bundle(
        folder=folder,
        data=data,
        files={name: len(content) for name, content in sorted(draft.files.items())},
        bits=sum(len(it) for name, it in draft.files.items() if name.endswith(".npz")),
        absent=draft.absent,
        left_out=draft.left_out,
        incomplete=draft.incomplete,
        lines=draft.lines,
        searched=None if draft.traces is None else len(draft.traces),
        common=draft.common,
    )


def _draft(spec: SweepSpec, plan: Plan, store: Store, *, with_bits: bool) -> _Draft:
    """Read all that goes into a bundle, but for what it says of itself."""
    files = store.files
    contents = contents_of(spec, files)
    _refuse_other_tables(spec, plan, contents.files.get(TRIALS))
    images = shown_images(spec, plan, files)
    images_confirmed = confirmed_images(spec, plan, files)
    found = confirmed(spec, plan, files, images_confirmed)
    lines = [*choice(spec, plan, files, images, counts_reads=True).lines()]
    lines += [] if found is None else [*found.lines()]
    modules = own_modules(spec.document.value)
    draft = _Draft(
        spec=spec,
        plan=plan,
        files=dict(contents.files),
        what=dict(contents.what),
        absent=contents.absent,
        modules=modules,
        others=suite_ids(contents),
        incomplete=_incomplete(spec, plan),
        lines=lines,
    )
    for module in modules:
        if module.path is not None:
            draft.files[module.in_bundle] = module.path.read_bytes()
            draft.what[module.in_bundle] = f"`{module.name}`, which the sweep file names"
    environment = environment_record(plan)
    draft.files[ENVIRONMENT] = f"{json_text(environment)}\n".encode()
    draft.what[ENVIRONMENT] = "versions and kinds of machines that trained, and that bundled"
    if with_bits:
        own = replace(plan, confirmation=None)
        fresh = plan.of_confirmation("confirm", "parent")
        for its, shown in ((own, images), (fresh, images_confirmed)):
            draft.files |= bits_of(its, store, [*suites_shown(spec, shown), *draft.others])
    return draft


def _refuse_other_tables(spec: SweepSpec, plan: Plan, table: bytes | None) -> None:
    """Check that a sweep has tables, of the very trials that its file says.

    Raises:
        InputError: it has none, or they are of others.
    """
    again = f"start it, which makes them: {command('sweep', spec)}"
    if table is None:
        raise InputError(f"{spec.path}: must have left tables, but {TRIALS} is not there; {again}")
    ids = {*pd.read_csv(io.BytesIO(table), usecols=["trial_id"], dtype=str)["trial_id"]}
    planned = {it.id for it in plan.trials} | {it.earlier_id for it in plan.trials}
    mine = {it.id for it in plan.trials}
    if not ids <= planned or len(ids) != len(mine):
        raise InputError(
            f"{spec.path}: must say the trials of which its tables are, got {len(mine)} trials, "
            f"of which {len(ids & planned)} are among the {len(ids)} of {TRIALS}; {again}"
        )


def _incomplete(spec: SweepSpec, plan: Plan) -> str:
    if is_complete(spec, plan):
        return ""
    counts = plan.counts()
    done = counts.pop("done", 0)
    rest = ", ".join(f"{count} {status}" for status, count in counts.items())
    return (
        f"{done} of {len(plan.every)} trials are done ({rest or 'more are to come'}): numbers and "
        f"what is selected may change until nothing is left to do."
    )


def _traces(draft: _Draft, store: Store) -> tuple[Traces, Sequence[str]]:
    own = [module.path.parent for module in draft.modules if module.path is not None]
    texts = texts_of(draft.files)
    return whose(draft.spec, draft.plan, store.files, folders=own, texts=texts)


def _told(draft: _Draft, *, is_anonymous: bool) -> Told:
    plan, spec = draft.plan, draft.spec
    return Told(
        name=spec.name,
        data=sorted({*data_names(plan).values()}),
        trials=len(plan.every),
        done=plan.counts().get("done", 0),
        incomplete=draft.incomplete,
        lines=draft.lines,
        what={README: "this file", **_what(draft)},
        absent=draft.absent,
        left_out=draft.left_out,
        modules=draft.modules,
        data_root=any(it.trial.data.name != "digits" for it in plan.trials),
        suites=_suites(draft),
        versions={name: it for name, it in versions().items() if name in {PROJECT, "torch"}},
        is_anonymous=is_anonymous,
    )


def _what(draft: _Draft) -> dict[str, str]:
    """Say what each file is, those of a suite by their folder, of which there may be thousands."""
    suites = {f"{BITS}/{suite}/": said for suite, said in _suites(draft).items()}
    told = {name for name in draft.files if name in draft.what}
    told |= {folder for folder in suites if any(name.startswith(folder) for name in draft.files)}
    told |= {name for name in draft.what if name.endswith("/")}
    order = {name: at for at, name in enumerate([*OWN, ENVIRONMENT, *CONFIRMING])}
    said = draft.what | {name: f"outcome bits of each trial: {it}" for name, it in suites.items()}
    return {
        name: said[name] for name in sorted(told, key=lambda it: (order.get(it, len(order)), it))
    }


def _suites(draft: _Draft) -> dict[str, str]:
    """Say what is evaluated under each suite, by its id."""
    spec = draft.spec
    said = {spec.suite.id: f"{spec.suite.split} images, the sweep's own suite"}
    if spec.choice_suite is not None:
        said.setdefault(spec.choice_suite.id, "validation images, the sweep's own suite")
    return said | dict.fromkeys(draft.others, f"another suite, of `{SUITES}/`")
