"""A store's files under the ids that its trials have now, wherever they lie: see `present_ids`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from orchestrator.store.files.contract import Files
from orchestrator.store.records.layout import FAMILIES, SWEEPS, TRIALS, FileKind
from orchestrator.store.records.read_only import ReadOnly
from orchestrator.store.records.sealed import opened, sealed
from orchestrator.store.trials.present_ids import PresentIds


class PresentFiles:
    """Files whose names have the present ids of trials where they have earlier ones, as do the
    records and tables of trials and sweeps that are read. What is written is not altered.

    An earlier id as a name is understood too, so that no path that a person has noted is wrong.
    """

    def __init__(self, files: Files, ids: PresentIds) -> None:
        """View `files`, of which `ids` knows the ids of before."""
        self.under = files
        self.ids = ids

    @property
    def url(self) -> str:
        return self.under.url

    def read(self, name: str) -> bytes | None:
        data = self.under.read(self.place(name))
        folder, _, last = name.partition("/")
        is_told = folder in {TRIALS, SWEEPS} and last.endswith((".json", ".csv"))
        return self._under_present_ids(data) if data is not None and is_told else data

    def write(self, name: str, data: bytes) -> None:
        self.under.write(self.place(name), data)

    def create(self, name: str, data: bytes) -> bool:
        return self.under.create(self.place(name), data)

    def names(self, folder: str) -> list[str]:
        found = self.under.names(self.place(folder))
        if folder == TRIALS:
            return sorted({self.ids.shown(name) for name in found})
        if folder.startswith(f"{FAMILIES}/"):
            return sorted(self.shown(f"{folder}/{name}").rpartition("/")[2] for name in found)
        return found

    def sizes(self, folder: str) -> dict[str, int]:
        found = self.under.sizes(self.place(folder))
        return {self.shown(name): size for name, size in found.items()}

    def remove(self, name: str) -> None:
        self.under.remove(self.place(name))

    def rename(self, name: str, other: str) -> None:
        self.under.rename(self.place(name), self.place(other))

    def place(self, name: str) -> str:
        """Return under which name a file or folder lies."""
        return _with_id(name, self.ids.folder)

    def shown(self, name: str) -> str:
        """Return how a file is named here that lies under that name."""
        return _with_id(name, self.ids.shown)

    def _under_present_ids(self, data: bytes) -> bytes:
        """Return a record or a table with present ids in the place of earlier ones; a record that
        is damaged stays so."""
        if not self.ids.any():
            return data
        named = set(_TRIAL_ID.findall(data))
        if all(self.ids.present(name.decode()) == name.decode() for name in named):
            return data  # as of nearly all
        present = _TRIAL_ID.sub(lambda found: self.ids.present(found[0].decode()).encode(), data)
        record = opened(data)
        if record is None:
            return present
        plain: dict[str, Any] = json.loads(present)["record"]
        return sealed(plain)


def present(files: Files) -> PresentFiles:
    """View files under present ids; the same view of files that are seen so already."""
    if isinstance(files, PresentFiles):
        return files
    below = files.under if isinstance(files, ReadOnly) else None
    ids = below.ids if isinstance(below, PresentFiles) else PresentIds(files)
    return PresentFiles(files, ids)  # over a view of the same ids nothing is left to change


def _with_id(name: str, named: Callable[[str], str]) -> str:
    """Return a name with another id of its trial, where it has one."""
    folder, _, rest = name.partition("/")
    if folder == TRIALS and rest:
        trial_id, slash, below = rest.partition("/")
        return f"{TRIALS}/{named(trial_id)}{slash}{below}"
    if folder == FAMILIES and (found := FileKind.MEMBER.match(name)):
        return f"{name.removesuffix(found['trial'])}{named(found['trial'])}"
    return name


_TRIAL_ID = re.compile(rb"\bt[0-9a-f]{16}\b")
