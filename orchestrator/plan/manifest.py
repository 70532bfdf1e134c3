"""The manifest of a sweep: what its starts have found, for those who only look.

A start looks at each of its trials in the store, and at the data, so that nothing damaged or
missing escapes it. Who wants to know how a sweep stands has 10,000 trials to ask about, perhaps
over a network, and perhaps no data: the sweep's `plan.json` has the data's fingerprints, by
which trials are named, the results of those that are done, and the sizes of the networks that are
to train. It is checked by its own SHA-256; without it everything is looked up. Of several writers
the last one wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.plan.network_sizes import bytes_by_network
from orchestrator.plan.plan import Plan, grown, make_plan
from orchestrator.plan.planned_trial import NOTHING, PlannedTrial
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files, Progress, Store
from orchestrator.store.records.layout import SweepFolder
from orchestrator.store.sweeps.records import (
    ManifestBest,
    ManifestEntry,
    ManifestRecord,
    Proposal,
)
from orchestrator.store.trials.present_files import present
from orchestrator.store.trials.present_ids import PresentIds
from orchestrator.store.trials.progress import BestProgress
from trainer.data import DataSettings, MissingData, fingerprint
from trainer.input.problems import BadInput
from trainer.input.settings import content_id


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the last start of a sweep found, known without looking again."""

    fingerprints: Mapping[str, str] = field(default_factory=dict)  # by id of the data's content
    settled: Mapping[str, Progress] = field(default_factory=dict)  # of trials that are done
    network_bytes: Mapping[str, int | None] = field(default_factory=dict)  # by `network_id`

    def fingerprint(self, data: DataSettings) -> str:
        """Return a data set's fingerprint as the sweep's last start found it, or else as it is
        here; nothing is downloaded.

        Raises:
            MissingData: they are neither known nor here.
        """
        return self.fingerprints.get(_data_id(data)) or fingerprint(_as_it_is(data))


def write_manifest(files: Files, folder: str, plan: Plan) -> None:
    """Write what a plan has found, for later commands, into the folder of its sweep's files."""
    fingerprints = {planned.trial.data: planned.trial.fingerprint for planned in plan.trials}
    untrained = (each.trial for each in plan.asked_for() if not each.progress.trained)
    record = ManifestRecord(
        suite=plan.suite_id,
        fingerprints={_data_id(data): found for data, found in fingerprints.items()},
        network_bytes=bytes_by_network(untrained),
        trials=tuple(_entry(planned) for planned in plan.every),
    )
    record.write(files, SweepFolder(folder).plan)


def read_manifest(files: Files, spec: SweepSpec) -> Manifest:
    """Read what is known of a sweep under its suite; nothing where there is no manifest."""
    record = ManifestRecord.read(files, SweepFolder(spec.folder).plan)
    if record is None:
        return Manifest()
    ids = present(files).ids
    is_of_suite = record.suite == spec.suite.id
    is_enough = spec.choice_suite is None  # what the suite itself says
    done = (
        entry
        for entry in record.trials
        if is_of_suite and entry.evaluation is not None and (is_enough or entry.validation)
    )
    return Manifest(
        fingerprints=record.fingerprints,
        settled={entry.id: _settled(entry, ids) for entry in done},
        network_bytes=record.network_bytes,
    )


def plan_as_stored(spec: SweepSpec, store: Store) -> Plan:
    """Plan a sweep on the data that its last start found, as the storage has it now.

    Raises:
        BadInput: no start found the data and they are not here, so that trials cannot be named.
    """
    known = read_manifest(store.files, spec)
    return make_plan(spec, store, fingerprint_of=known.fingerprint, settled=known.settled)


def known_network_bytes(files: Files, folder: str) -> Mapping[str, int | None]:
    """Return the sizes of the networks that a sweep is still to train, by `network_id`, as its last
    start found them; nothing where there is no manifest in the folder of its files."""
    record = ManifestRecord.read(files, SweepFolder(folder).plan)
    return {} if record is None else record.network_bytes


def grown_as_known(
    plan: Plan, spec: SweepSpec, store: Store, proposals: Sequence[Proposal]
) -> Plan:
    """Return a plan with the trials of more proposals, on data as the sweep's last start found
    them; the same plan while one is on data that no start has told of yet, and that are not here.

    Raises:
        BadInput: data that are here cannot be read, or a stopping rule of the user's own raised
            something.
    """
    if not proposals:
        return plan
    known = read_manifest(store.files, spec)
    try:
        return grown(plan, spec, store, proposals, fingerprint_of=known.fingerprint)
    except BadInput as error:
        if isinstance(error.__cause__, MissingData):
            return plan
        raise


def _entry(planned: PlannedTrial) -> ManifestEntry:
    is_done = planned.status == "done"
    evaluation = planned.evaluation if is_done else None
    validation = planned.validation if is_done else None
    return ManifestEntry(
        id=planned.id,
        method=planned.method,
        seed=planned.trial.seed,
        settings=dict(planned.settings),
        epochs=planned.trial.training.epochs,
        status=planned.status,
        parents=planned.parents or None,
        result=planned.progress.result if evaluation else None,
        # The suite is the same for all, and the specification has it.
        evaluation=evaluation and evaluation.model_copy(update={"suite": None}),
        validation=validation and validation.model_copy(update={"suite": None}),
        best=_best_entry(planned) if is_done else None,
    )


def _best_entry(planned: PlannedTrial) -> ManifestBest | None:
    its = planned.progress.best
    if its is None or its.result is None or its.evaluation is None:
        return None
    return ManifestBest(
        key=its.key,
        result=its.result,
        evaluation=its.evaluation.model_copy(update={"suite": None}),
        validation=its.validation and its.validation.model_copy(update={"suite": None}),
    )


def _settled(entry: ManifestEntry, ids: PresentIds) -> Progress:
    said = None if entry.result is None else entry.result.validation
    return Progress(
        result=entry.result,
        evaluation=entry.evaluation,
        validation=entry.validation,
        best=None if entry.best is None else BestProgress(**dict(entry.best)),
        epochs_done=entry.epochs,
        steps_done=NOTHING.steps_done,
        lease=None,
        rows_of=said or ids.validation_before(entry.id),
    )


def _data_id(data: DataSettings) -> str:
    return content_id("d", data.content())


def _as_it_is(data: DataSettings) -> DataSettings:
    return data.model_copy(update={"download": False})
