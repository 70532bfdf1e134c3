"""Which trials of before have which ids now, as their settings say: see `present_ids`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.store.records.layout import EARLIER, TrialFolder
from orchestrator.store.trials.records import Description
from trainer.config import read_trial
from trainer.input.document import Document
from trainer.input.problems import BadInput
from trainer.input.settings import content_id

_Ids = Callable[[str], str]
_PARENTS = {"start", "replay"}
"""Sections of a trial's settings that name another one."""

_OWN_CODE = re.compile(r"[\w.]+:[\w.]+")


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A trial of before: its id now, that of before, and what validation looked at."""

    id: str
    earlier: str
    validation: str
    is_used: bool = True  # False: another of the same id now is further

    @property
    def name(self) -> str:
        """Name of the file that keeps it."""
        other = "" if self.is_used else "-other"
        return f"{EARLIER}/{self.id}-{self.earlier}-{self.validation}{other}"


@dataclass(frozen=True, kw_only=True)
class _Shared:
    """What trials share that differ in their seed and in which trials they stand on alone."""

    content: Mapping[str, Any]
    of_before: Mapping[str, Any]  # the content with what validation looks at
    validation: str

    def id(self, content: Mapping[str, Any], settings: Mapping[str, Any], ids: _Ids) -> str:
        """Return the id of a trial under a content, its parents named by these ids."""
        own = {"seed": settings.get("seed")}
        for key in _PARENTS & content.keys():
            own[key] = {**content[key], "trial": ids(str(settings[key].get("trial")))}
        return content_id("t", {**content, **own})


def identified(
    described: Mapping[str, Mapping[str, Any]], known: Mapping[str, str]
) -> list[Earlier]:
    """Name the trials of before whose settings can be read, and come to the ids that they have;
    none before its parents. What many share is read once."""
    found: dict[str, Earlier] = {}
    present = dict(known)
    left = dict(described)
    read: dict[str, _Shared | None] = {}
    while ready := {key: it for key, it in left.items() if _parents(it) <= present.keys()}:
        for earlier, settings in ready.items():
            key = json.dumps(_without_own(settings), sort_keys=True)
            if key not in read:
                read[key] = _shared(earlier, settings)
            its = read[key]
            if its is not None and its.id(its.of_before, settings, str) == earlier:
                trial_id = its.id(its.content, settings, present.__getitem__)
                present[earlier] = trial_id
                found[earlier] = Earlier(id=trial_id, earlier=earlier, validation=its.validation)
            del left[earlier]
    return [it for it in found.values() if it.id != it.earlier]


def _parents(settings: Mapping[str, Any]) -> set[str]:
    return {*Description(trial=dict(settings)).parents}


def _without_own(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without seed, and without the ids of the trials that these stand on."""
    named = {key: settings[key] for key in _PARENTS if isinstance(settings.get(key), Mapping)}
    apart = {key: {**its, "trial": None} for key, its in named.items()}
    return {**settings, "seed": None, **apart}


def _shared(earlier: str, settings: Mapping[str, Any]) -> _Shared | None:
    """Read a trial of before; None where its settings are not read as they were, or name code that
    nobody has imported."""
    if not all(name.partition(":")[0] in sys.modules for name in _own_code(settings)):
        return None
    try:
        trial = read_trial(Document.from_plain(dict(settings), TrialFolder.of(earlier).description))
        return _Shared(
            content=trial.content(),
            of_before=trial.content_with_validation(),
            validation=trial.validation_id,
        )
    except (BadInput, ValueError):
        return None


def _own_code(settings: Any) -> Iterator[str]:
    """Yield the names in settings that are, or look like, code by dotted path."""
    if isinstance(settings, Mapping):
        for value in settings.values():
            yield from _own_code(value)
    elif isinstance(settings, str) and _OWN_CODE.fullmatch(settings):
        yield settings
