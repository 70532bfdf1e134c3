"""What a start of a sweep would do: `python -m orchestrator.sweep SPEC --dry-run`.

What a start would refuse is refused. Nothing is run, written or downloaded: data that a start
would download are taken to be those that the sweep's last start found. Of trials that it found
done, the store is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from rich.console import Console

from orchestrator.costs.budget import usage
from orchestrator.costs.confirmation_ahead import Ahead, ahead, all_to_come
from orchestrator.costs.equality import equality
from orchestrator.costs.footprint import bytes_stored
from orchestrator.costs.forecast import Forecast, forecast, room_here
from orchestrator.driver.alpha_preview import lines, previews, warnings
from orchestrator.driver.preflight import check_storage, ready
from orchestrator.driver.stated_losses import StatedLosses
from orchestrator.plan.manifest import read_manifest
from orchestrator.plan.plan import Plan, with_republished
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.plan.search_progress import SearchProgress, search_progress
from orchestrator.report.contrasts import reach_record, reach_text
from orchestrator.report.results import suite_facts
from orchestrator.results.choice import BEST_WEIGHTS, BY_TEST, few_to_pick_by, picking_ahead
from orchestrator.results.confirmation import Confirmed, confirmed, confirmed_images
from orchestrator.results.reevaluation import coverage
from orchestrator.search.stopping import recorded
from orchestrator.spec.auto_precision import explained
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.status.display import MOST_ROWS, chosen, hidden
from orchestrator.store import Files, Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.read_only import only_read
from orchestrator.store.sweeps.starts import all_starts
from orchestrator.table.setting_values import setting_column
from orchestrator.terminal.units import count_text
from trainer.data import DataSettings, MissingData, fingerprint
from trainer.terminal.console import print_table, print_titled
from trainer.terminal.json_text import print_json
from trainer.terminal.table import Column


def show_plan(
    spec: SweepSpec,
    console: Console,
    *,
    address: str | None,
    is_local: bool,
    retry_failed: bool,
    as_json: bool,
    losses: StatedLosses | None = None,
) -> None:
    """Print each trial with what is left to do, and what all of it will take.

    Args:
        losses: on which weights of Pareto training are previewed, in place of recorded ones.

    Raises:
        BadInput, NoClusterError: what a start would refuse; or the data are still to be downloaded
            and no start has found them yet.
    """
    place = open_files(spec.storage)
    check_storage(place, spec.document)
    with only_read(place) as looked:
        store = Store(looked)
        files = store.files
        data = _DataHere(files, spec)
        checked = ready(
            spec,
            store,
            place,
            address=address,
            is_local=is_local,
            retry_failed=retry_failed,
            console=console,
            fingerprint_of=data.fingerprint,
            settled=read_manifest(files, spec).settled,
            away=data.away,
        )
        plan = with_republished(checked.plan, store)
        search = search_progress(spec, plan, recorded=checked.recorded.proposals)
        is_capped = spec.policy.budget.disk_gb is not None
        stored = bytes_stored(files) if is_capped else None
        used = usage(all_starts(files, spec.name))
        slots = 1 if is_local else room_here(spec.policy.resources)
        given = equality(plan.trials)
        fresh = confirmed(spec, plan, files, confirmed_images(spec, plan, files))
        fresh_ahead = ahead(spec, plan)
        weights = previews(plan.trials, lambda trial_id: store.trial(trial_id).rows(), losses)
        coming = forecast(
            plan,
            all_to_come(spec, plan),
            used,
            files,
            suites=spec.suites,
            policy=spec.policy,
            folder=spec.folder,
            slots=slots,
            stored=stored,
        )
    if as_json:
        record = {
            "methods": given.record(),
            "alpha": [each.record() for each in weights],
            "alpha_warnings": list(warnings(weights)),
            "confirmation": _confirmation_record(fresh, fresh_ahead),
            "picking_images": picking_ahead(spec, plan),
        }
        print_json(_record(spec, plan, search, coming) | record)
        return
    rows = chosen(plan.every, MOST_ROWS)
    print_table(console, _columns(spec.settings, rows), more="--json")
    counts = ", ".join(f"{count} {status}" for status, count in plan.counts().items())
    said = [("sweep", f"{spec.name}: {counts}")]
    if search is not None:
        said.append(("search", str(search)))
    if (covered := coverage(spec, plan)) is not None:
        said += covered.lines()
    if spec.auto_precision is not None:
        said.append(("precision", explained(spec.auto_precision)))
    said += _best_weights(spec, plan)
    if spec.selection == "test":
        said.append(("selected", BY_TEST))
    elif (few := few_to_pick_by(spec, plan)) is not None:
        said.append(("selected", few))
    for label, rule in spec.rules.items():
        said.append(("stopping", f"{label} {rule.words()}"))
    said += fresh.lines() if fresh else ()
    said += [("", str(fresh_ahead))] if fresh_ahead else []
    if reach := reach_text(spec.contrasts.pairs, len(_compared_seeds(spec))):
        said.append(("contrasts", reach))
    if others := [planned for planned in plan.every if planned.has_other_rows]:
        said.append(("rows", _of_others(len(others))))
    said += [*lines(weights), *given.lines()]
    said += coming.lines()
    if more := hidden(plan, rows, "--dry-run --json"):
        said.append(("trials", more))
    print_titled(console, said)


def _compared_seeds(spec: SweepSpec) -> Sequence[int]:
    """Return the seeds on which the methods are compared in the end."""
    return spec.seeds if spec.confirm is None else spec.confirm.seeds


def _confirmation_record(found: Confirmed | None, coming: Ahead | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return found.record() | (coming.record() if coming else {})


def _best_weights(spec: SweepSpec, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what the best weights take, where the sweep wants them: a title and a sentence."""
    if spec.policy.weights != "best":
        return
    capped = ", since training.max_passes is a cap" if spec.space.is_capped else ""
    again = [it for it in plan.asked_for() if it.progress.trained and it.progress.lacks_best]
    said = f"{BEST_WEIGHTS}{capped}"
    if again:
        said += (
            f"; {count_text(len(again))} trained trials are trained once more for them: nobody "
            f"watched for them under these settings of validation"
        )
    yield "weights", said


def _of_others(count: int) -> str:
    """Say that trials are trained which have no rows of the sweep's own."""
    trials = "trained trial has" if count == 1 else "trained trials have"
    return (
        f"{count} {trials} rows under other settings of validation: weights do not depend on "
        f"these, and rows under those of this sweep would mean training again"
    )


class _DataHere:
    """The data as a start would find them, except that nothing is downloaded."""

    def __init__(self, files: Files, spec: SweepSpec) -> None:
        own = spec if spec.reevaluation is None else spec.reevaluation.sweep
        self._known = read_manifest(files, own)
        self.away: set[DataSettings] = set()  # to be downloaded

    def fingerprint(self, data: DataSettings) -> str:
        """Return a data set's fingerprint: of the files here, or that of the last start if they
        would have to be downloaded."""
        try:
            return fingerprint(data.model_copy(update={"download": False}))
        except MissingData:
            if not data.download:
                raise
            self.away.add(data)
            with suppress(MissingData):
                return self._known.fingerprint(data)
            raise MissingData(
                f"data.download is true, and {data.name!r} is still to be downloaded, which "
                f"--dry-run does not do; trials are named by the data: start the sweep, or put the "
                f"files there"
            ) from None


def _record(
    spec: SweepSpec, plan: Plan, search: SearchProgress | None, coming: Forecast
) -> dict[str, Any]:
    trials = [
        {
            "trial_id": planned.id,
            "method": planned.method,
            "seed": planned.trial.seed,
            "status": planned.status,
            "todo": planned.todo,
            "left_out": planned.left_out,
            "settings": dict(planned.settings),
            "parents": list(planned.parents),
            "stage": planned.stage,
            "has_other_rows": planned.has_other_rows,
        }
        for planned in plan.every
    ]
    record = {
        "name": spec.name,
        "counts": plan.counts(),
        "search": search and search.record(),
        "left": coming.record(),
        "trials": trials,
        "stopping": recorded(spec.rules),
        "weights": spec.policy.weights,
        "selection": spec.selection,
        "contrasts": reach_record(spec.contrasts.pairs, len(_compared_seeds(spec))),
    }
    if spec.auto_precision is not None:
        record["precision"] = asdict(spec.auto_precision)
    return record | suite_facts(coverage(spec, plan))


def _columns(settings: Sequence[str], rows: Sequence[PlannedTrial]) -> list[Column]:
    return [
        Column(name="trial_id", cells=[it.id for it in rows], importance=9, stays=True),
        Column(
            name="method", cells=[it.method for it in rows], importance=7, is_label=True, stays=True
        ),
        *(
            setting_column(name, [it.settings[name] for it in rows], importance=5)
            for name in settings
        ),
        Column(
            name="seed", cells=[str(it.trial.seed) for it in rows], importance=6, is_number=True
        ),
        Column(name="status", cells=[it.status for it in rows], importance=8, stays=True),
        Column(
            name="to do",
            cells=[it.todo or it.left_out or "" for it in rows],
            importance=6,
            is_sentence=True,
        ),
    ]
