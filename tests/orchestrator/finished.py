"""A small sweep that is done: real trainings, real tables, all in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.pareto.front import extract_front
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.shown import record_shown
from orchestrator.results.trials_table import trials_table
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.starts import begun
from tests.orchestrator.working import PATIENT, mission, run

SPEC = """
name: {name}
data: {{name: digits, train_examples: 160}}
training: {{epochs: 2, batch_size: 32, attacks: {{pgd: {{num_steps: 1}}}}}}
validation:
  examples: 16
  attacks: {{pgd: {{num_steps: 1}}, flow: null, rt: null}}
methods:
  pgd: {{}}
evaluation: {{examples: 40, pgd: {{epsilon: 0.2, ladder: [1, 2]}}, flow: null, rt: null}}
tracking: none
"""


def read_sweep(folder: Path, name: str = "small", *assignments: str) -> SweepSpec:
    """A sweep of two trials, `standard` and `pgd`, whose storage is `runs` in the folder."""
    path = folder / f"{name}.yaml"
    path.write_text(SPEC.format(name=name))
    return read_spec(str(path), [f"storage={folder / 'runs'}", *assignments], {})


def store_of(spec: SweepSpec) -> Store:
    """Where a sweep keeps its trials."""
    return Store(open_files(spec.storage))


def do_sweep(spec: SweepSpec) -> Plan:
    """Run what is missing, as a start does, one trial after the other and without Ray."""
    store = store_of(spec)
    enter(store.files)
    patient = spec.policy.model_copy(update={"lease": PATIENT.lease})
    with begun(
        store.files, store.files, spec.name, joins=False, lasts=60.0, on_tick=lambda lease: None
    ):
        store.files.write(f"{spec.folder}/spec.yaml", spec.resolved_yaml().encode())
        for planned in make_plan(spec, store).pending(retry_failed=False):
            run(planned.trial, spec.suite, store, mission(patient))
        plan = make_plan(spec, store)
        table = trials_table(spec, plan, record_shown(spec, plan, store.files))
        front = extract_front(
            table,
            objectives=spec.objectives,
            reference_point=spec.reference_point,
            keep_collapsed=False,
        )
        for name, rows in (("trials", table), ("front", front.points)):
            data = rows.to_csv(index=False).encode()
            store.files.write(f"{spec.folder}/{name}.csv", data)
        write_manifest(store.files, spec.folder, plan)
    return plan


def to_do(spec: SweepSpec, done: Sequence[PlannedTrial]) -> set[str]:
    """Ids of the trials that a start would take up, where the data are those of earlier plans."""
    fingerprints = {planned.trial.data: planned.trial.fingerprint for planned in done}
    plan = make_plan(spec, store_of(spec), fingerprint_of=fingerprints.__getitem__)
    return {planned.id for planned in plan.pending(retry_failed=False)}
