"""Whose models a sweep's table is of: its own, by which cells were also chosen, or those that were
trained with fresh seeds afterwards, to confirm it."""

from __future__ import annotations

from typing import Literal

ModelsName = Literal["own", "confirmed"]
