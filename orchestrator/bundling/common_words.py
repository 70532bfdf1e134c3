"""Words that a bundle has whoever makes it: a host or a user of such a name tells nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.plan.plan import Plan
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.table.columns import COLUMNS
from trainer.attacks import ATTACKS
from trainer.config import preset
from trainer.methods import METHODS

ANYBODYS = frozenset(
    [
        *("root", "user", "users", "admin", "administrator", "ubuntu", "debian", "centos"),
        *("ec2-user", "runner", "nobody", "guest", "docker", "ray", "head", "worker"),
        *("node", "master", "main", "localhost", "home", "test", "default", "data"),
        *("runs", "work", "python", "linux", "example", "none", "host"),
    ]
)
"""Names of hosts and users that there are everywhere."""

_OF_LABELS = frozenset({"methods", "attacks", "evaluation", "stopping"})
"""Sections whose keys are labels of the user's own."""


def common_words(spec: SweepSpec, plan: Plan) -> frozenset[str]:
    """Return the words, in lower case, of sweep files and tables as this project has them, and of
    what a sweep's settings are called; labels of its author's are not among them."""
    names = [*METHODS, *ATTACKS, *(column.name for column in COLUMNS), *_keys(spec.document.value)]
    for name in {planned.trial.data.name for planned in plan.every}:
        defaults = preset(name).value
        names += [*_keys(defaults), *_choices(defaults)]
    for trial in {planned.method: planned.trial for planned in plan.every}.values():
        names += _choices(trial.record())
    words = (word for name in names for word in (name, *name.replace(".", "_").split("_")))
    return ANYBODYS | {word.casefold() for word in words}


def _keys(value: Any, *, are_labels: bool = False) -> Iterator[str]:
    """Yield the keys of a sweep file, but for labels."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not are_labels:
                yield str(key)
            yield from _keys(item, are_labels=key in _OF_LABELS)


def _choices(value: Any) -> Iterator[str]:
    """Yield texts in settings that are no paths, and no dotted ones."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _choices(item)
    elif isinstance(value, str) and value.isidentifier():
        yield value
