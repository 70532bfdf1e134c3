"""Kinds of failures, by the error that ended a trial."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from orchestrator.store import FailureKind
from orchestrator.worker.supervision import TimeLimitError
from trainer.answers import NotFiniteError
from trainer.data import MissingData
from trainer.training.loop import DivergedError


class ParentError(RuntimeError):
    """The weights from which the trial starts are not there."""


def failure_kind(error: BaseException) -> FailureKind:
    """Return the kind of failure that an error is recorded as: see `orchestrator.store.Failure`."""
    if isinstance(error, (DivergedError, NotFiniteError)):
        return "diverged"
    if isinstance(error, TimeLimitError):
        return "time_limit"
    if isinstance(error, ParentError):
        return "parent"
    if any(map(_is_of_memory, _with_causes(error))):
        return "out_of_memory"
    return "data" if isinstance(error, MissingData) else "exception"


def _is_of_memory(error: BaseException) -> bool:
    is_said = "can't allocate memory" in str(error)  # torch's RuntimeError on the CPU
    return is_said or isinstance(error, (torch.OutOfMemoryError, MemoryError))


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes: what runs out of memory may raise something else in turn."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
