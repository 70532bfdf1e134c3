"""Records of a trial that name a blob: its result the weights, an evaluation the outcomes."""

from __future__ import annotations

from orchestrator.store.files.contract import Files
from orchestrator.store.records.layout import FileKind, TrialFolder
from orchestrator.store.trials.records import Evaluation, Result


def names_a_blob(name: str) -> bool:
    """Whether a file is a record that names a blob: a result or an evaluation."""
    return FileKind.RESULT.match(name) is not None or FileKind.EVALUATION.match(name) is not None


def blob_named_by(files: Files, name: str) -> str | None:
    """Return the blob that a result or an evaluation names; None where it is no such record, or not
    whole."""
    if found := FileKind.RESULT.match(name):
        result = Result.peek(files, name)
        place = TrialFolder.of(found["trial"], found["best"])
        return None if result is None else place.attempt(result.attempt).weights
    if found := FileKind.EVALUATION.match(name):
        evaluation = Evaluation.peek(files, name)
        attempts = TrialFolder.of(found["trial"], found["best"]).attempt
        return None if evaluation is None else attempts(evaluation.attempt).outcomes(found["suite"])
    return None


def record_that_names(files: Files, blob: str) -> str | None:
    """Return the name of the whole record that names a blob; None where none does."""
    if found := FileKind.WEIGHTS.match(blob):
        name = TrialFolder.of(found["trial"], found["best"]).result
    elif found := FileKind.OUTCOMES.match(blob):
        name = TrialFolder.of(found["trial"], found["best"]).evaluation(found["suite"])
    else:
        return None
    return name if blob_named_by(files, name) == blob else None
