"""How a trial stands, in one word: what the table's column `status` says."""

from __future__ import annotations

from typing import Literal

Status = Literal["pending", "running", "done", "failed", "stopped", "pruned"]

FINISHED: frozenset[str] = frozenset({"done", "pruned"})
"""Statuses of trials of which nothing is left to do, and nothing went wrong."""
