"""A setting of a trial that a method's section gives, and where it was written."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.input.document import Document


@dataclass(frozen=True, kw_only=True)
class Override:
    """One setting of a trial that a method's section gives."""

    written: str  # dotted key in the sweep file
    path: tuple[str, ...]  # in a trial's document
    value: Document
