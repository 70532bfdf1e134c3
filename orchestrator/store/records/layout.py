"""Folders of the store in which what belongs to one trial, or to one sweep, lies together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

TRIALS, SWEEPS = "trials", "sweeps"
"""Folders of the store, with one for each trial and each sweep."""


def by_folder(sizes: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Group the files of all trials, or all sweeps, by the name of the one that they belong to."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for name, size in sizes.items():
        _, folder, *rest = name.split("/")
        if rest:
            found[folder][name] = size
    return dict(found)
