"""A sweep file's meaning, and the arguments of the commands about it."""

from __future__ import annotations

from orchestrator.spec.sweep_spec import SweepSpec, read_spec

__all__ = ["SweepSpec", "read_spec"]
