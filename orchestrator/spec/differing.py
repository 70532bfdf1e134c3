"""What two sweeps, or two methods of one, set differently, of all that may change a result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.spec.policy import Policy
from orchestrator.spec.sweep_spec import SweepSpec

APART = {"name", "storage", "tracking", "max_trials", *Policy.model_fields} - {
    "stopping",
    "weights",
}
"""Keys of a sweep file that change no result."""

MEASURES = ("data", "evaluation", "weights")
"""Sections that say what the numbers are of."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A key with two values; None: it is not set, or null."""

    key: str
    first: Any
    second: Any

    @property
    def is_measure(self) -> bool:
        """Whether numbers under the two values are of different things."""
        return self.key.partition(".")[0] in MEASURES


def between_sweeps(first: SweepSpec, second: SweepSpec) -> list[Setting]:
    """Return the keys of two resolved sweep files that differ, in the order of the first."""
    ours, theirs = (each.document.without(*APART).value for each in (first, second))
    return _differing(ours, theirs)


def between_methods(spec: SweepSpec, first: str, second: str) -> list[Setting]:
    """Return the keys of two methods' sections that differ; the label stands for `method` where
    that is left out."""
    written = spec.document.section("methods").value
    sections: dict[str, Any] = written if isinstance(written, dict) else {}
    ours, theirs = ({"method": label, **(sections.get(label) or {})} for label in (first, second))
    return _differing(ours, theirs)


def _differing(first: Any, second: Any) -> list[Setting]:
    ours, theirs = dict(_leaves(first, ())), dict(_leaves(second, ()))
    keys = dict.fromkeys([*ours, *theirs])
    return [
        Setting(key=key, first=ours.get(key), second=theirs.get(key))
        for key in keys
        if ours.get(key) != theirs.get(key)
    ]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield what is no mapping by its dotted key."""
    if isinstance(value, Mapping) and (value or not path):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    else:
        yield ".".join(path), None if value == {} else value
