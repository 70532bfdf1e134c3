"""Threats: which images an attack may reach, whichever way it looks for them.

Two attacks of one threat are two searches of one set: PGD and AutoAttack in the L-infinity ball,
ascent and grid over rotations and translations. What was trained on, and whether two suites ask the
same, is a matter of threats.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Threat:
    """The set of images that an attack searches."""

    name: str
    """Of the kind of change, whatever its size: `linf pixels`, `flow`."""
    size: str
    """Of the set, in the attack's own words and units: `epsilon 0.1, padding zeros`."""
    contains: tuple[str, ...] = ()
    """Names of the other threats whose images it has as well, at its radii."""

    def __str__(self) -> str:
        return f"{self.name} at {self.size}" if self.size else self.name
