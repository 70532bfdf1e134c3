"""Records of a trial that name a blob: its result the weights, an evaluation the outcomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.store.files.contract import Files
from orchestrator.store.records.sealed import peek_record
from orchestrator.store.trials.result import weights_name

_PROMISE = re.compile(r"(?P<folder>trials/[^/]+)/(result|evaluations/(?P<suite>[^/]+))\.json")


def is_promise(name: str) -> bool:
    """Whether a file is a record that names a blob: a result or an evaluation."""
    return _PROMISE.fullmatch(name) is not None


def promised(name: str, record: Mapping[str, Any]) -> str:
    """Return the blob that a result or an evaluation names."""
    found = _PROMISE.fullmatch(name)
    assert found is not None
    if found["suite"] is None:
        return weights_name(found["folder"], record)
    attempt = f"{found['folder']}/attempts/{record['attempt']:06d}"
    return f"{attempt}/outcomes/{found['suite']}.npz"


def promise_of(files: Files, blob: str) -> str | None:
    """Return the name of the whole record that names a blob; None where none does."""
    folder = "/".join(blob.split("/")[:2])
    suite = blob.rpartition("/")[2].removesuffix(".npz")
    for name in (f"{folder}/result.json", f"{folder}/evaluations/{suite}.json"):
        record = peek_record(files, name)
        if record is not None and promised(name, record) == blob:
            return name
    return None
