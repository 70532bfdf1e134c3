"""A gate at which trials wait in mid-work until a test has done what it came for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Closed until it is opened, for the trials of every command with its environment."""

    file: Path
    """Whose presence opens it; of a name of its own, without a suffix."""

    steps: int = 0
    """Of an attempt at a training before it comes to the gate."""

    seconds: float = 3600.0
    """For which each step, or each batch of an evaluation, waits at most; less than all time, where
    a trial is to be asked something, which it hears between two of these."""

    @property
    def environment(self) -> dict[str, str]:
        """Of the commands whose trials wait; `tests/integration/user_code/gated.py` reads it."""
        return {
            "GATE": str(self.file),
            "GATE_STEPS": str(self.steps),
            "GATE_SECONDS": str(self.seconds),
        }

    def workers(self) -> set[int]:
        """Processes that have come to it."""
        return {int(file.suffix[1:]) for file in self.file.parent.glob(f"{self.file.name}.*")}

    def open(self) -> None:
        """Let everybody pass from now on."""
        self.file.touch()
