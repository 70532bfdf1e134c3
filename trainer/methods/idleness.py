"""Attacks without weight, which may be left out of steps."""

from __future__ import annotations

from typing import Any


class Idleness:
    """Which of some attacks may be left out of a step, for want of weight."""

    def __init__(self, count: int, *, after: int, every: int) -> None:
        """Let attacks idle after so many steps without weight, but not at each `every`-th step."""
        self._after = after
        self._every = every
        self._steps = 0
        self._without_weight = [0] * count  # steps in a row

    def now(self) -> list[int]:
        """Return the places, from 0, of the attacks that are idle in the coming step."""
        if self._steps % self._every == 0:
            return []
        return [place for place, steps in enumerate(self._without_weight) if steps >= self._after]

    def count(self, without_weight: list[bool]) -> None:
        """Count a step; `without_weight` says of each attack whether it had no weight in it."""
        self._steps += 1
        self._without_weight = [
            steps + 1 if has_none else 0
            for steps, has_none in zip(self._without_weight, without_weight, strict=True)
        ]

    def state(self) -> dict[str, Any]:
        if self._every == 1:
            return {}
        return {"steps": self._steps, "without_weight": self._without_weight}

    def restore(self, state: dict[str, Any]) -> None:
        if self._every > 1:
            self._steps, self._without_weight = state["steps"], state["without_weight"]
