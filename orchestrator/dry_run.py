"""What a start of a sweep would do: `python -m orchestrator.sweep SPEC --dry-run`.

Nothing is run or written. Data that are not on this machine are taken to be those that the
sweep's last start found; of trials that it found done, the store is not asked again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from orchestrator.arguments import check_version
from orchestrator.budget import usage
from orchestrator.footprint import bytes_stored
from orchestrator.forecast import Forecast, forecast
from orchestrator.manifest import read_manifest
from orchestrator.plan import Plan, PlannedTrial
from orchestrator.reevaluation import coverage, plan_start
from orchestrator.results import suite_facts
from orchestrator.spec import SweepSpec
from orchestrator.starts import all_starts
from orchestrator.status.display import MOST_ROWS, chosen, hidden
from orchestrator.store import Store
from orchestrator.store.opening import open_files
from orchestrator.store.read_only import only_read


def show_plan(spec: SweepSpec, console: Console, *, as_json: bool) -> None:
    """Print each trial with what is left to do, and what all of that will take.

    Raises:
        BadInput: the data are neither here nor known, or the storage holds something else.
    """
    with only_read(open_files(spec.storage)) as files:
        check_version(spec, files)
        own = spec if spec.reevaluation is None else spec.reevaluation.sweep
        plan = plan_start(
            spec,
            Store(files),
            fingerprint_of=read_manifest(files, own).fingerprint_here,
            settled=read_manifest(files, spec).settled,
        )
        is_capped = spec.policy.budget.disk_gb is not None
        stored = bytes_stored(files) if is_capped else None
        used = usage(all_starts(files, spec.name))
        coming = forecast(spec, plan, used, files, stored=stored)
    if as_json:
        record = _record(spec, plan, coming)
        typer.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
        return
    rows = chosen(plan.trials, MOST_ROWS)
    console.print(_table(spec, rows))
    counts = ", ".join(f"{count} {status}" for status, count in plan.counts().items())
    said = [("sweep", f"{spec.name}: {counts}")]
    if (covered := coverage(spec, plan)) is not None:
        said += covered.lines()
    said += coming.lines()
    if more := hidden(plan, rows, "--dry-run --json"):
        said.append(("trials", more))
    for title, text in said:
        console.print(f"{title:12}{text}", soft_wrap=True)


def _record(spec: SweepSpec, plan: Plan, coming: Forecast) -> dict[str, Any]:
    trials = [
        {
            "trial_id": planned.id,
            "method": planned.method,
            "seed": planned.trial.seed,
            "status": planned.status,
            "todo": planned.todo,
            "left_out": planned.left_out,
            "settings": dict(planned.settings),
        }
        for planned in plan.trials
    ]
    left = coming.record()
    record = {"name": spec.name, "counts": plan.counts(), "left": left, "trials": trials}
    return record | suite_facts(spec, plan)


def _table(spec: SweepSpec, rows: Iterable[PlannedTrial]) -> Table:
    shown = Table(box=None)
    for column in ("trial_id", "method", *spec.settings, "seed", "status", "to do"):
        shown.add_column(column, overflow="fold", no_wrap=column == "trial_id")
    for planned in rows:
        values = [planned.settings[name] for name in spec.settings]
        settings = ["" if value is None else str(value) for value in values]
        seed = str(planned.trial.seed)
        todo = planned.todo or planned.left_out or ""
        shown.add_row(planned.id, planned.method, *settings, seed, planned.status, todo)
    return shown
