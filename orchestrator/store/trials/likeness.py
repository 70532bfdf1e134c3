"""Trials that are alike: records that are of a trial, and its shorter siblings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.store.files.contract import Files
from orchestrator.store.records.layout import FileKind, members_of
from trainer.config import TrainingSettings, Trial
from trainer.data import DataSettings
from trainer.input.settings import Provenance, Settings, plain


def is_of(record: Mapping[str, Any], trial: Trial) -> bool:
    """Whether a record in a file of weights is of the trial; no code that it names is run for
    that. Settings that came after it was written had their defaults, what validation looks at does
    not matter, and its parents may have had other ids."""
    apart = {"validation", "start", "replay"}
    own = {key: part for key, part in trial.record().items() if key not in apart}
    theirs = {key: part for key, part in record.items() if key not in apart}
    sections: dict[str, type[Settings]] = {
        "data": DataSettings,
        "training": TrainingSettings,
        "method": type(trial.method),
    }
    for section, settings in sections.items():
        for name, field in settings.model_fields.items():
            found = theirs.get(section, {})
            if any(isinstance(mark, Provenance) for mark in field.metadata):
                theirs[section] = {**found, name: own[section][name]}
            elif name not in found and not field.is_required():
                theirs[section] = {**found, name: plain(field.get_default())}
    return theirs == own


def is_prolongable(trial: Trial) -> bool:
    """Whether a longer trial takes the same steps as a shorter one, as far as that goes."""
    return trial.training.optimiser.is_constant


def shorter_siblings(files: Files, trial: Trial) -> list[str]:
    """List the trials that differ from this one only in being shorter, the longest first."""
    folder = members_of(trial.family)
    found = map(FileKind.MEMBER.match, (f"{folder}/{name}" for name in files.names(folder)))
    lengths = sorted(((int(it["epochs"]), it["trial"]) for it in found if it), reverse=True)
    return [trial_id for epochs, trial_id in lengths if epochs < trial.training.epochs]
