"""The page of a sweep: what it says, from its results, its ledger and its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from orchestrator.costs.budget import usage
from orchestrator.page.answer import answer, contrast_views
from orchestrator.page.at_hand import AtHand
from orchestrator.page.checklist import checklist
from orchestrator.page.costs import cost_views
from orchestrator.page.curves import curves
from orchestrator.page.methods import method_views
from orchestrator.page.suites import suite_tables
from orchestrator.page.tables import axes_of, settings_of_any, table_view
from orchestrator.page.view import Line, Page, ReadView
from orchestrator.page.words import words_said
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.report.results import missing
from orchestrator.spec.arguments import command
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files
from orchestrator.store.sweeps.ledger import reads_by_sweep
from orchestrator.store.sweeps.starts import all_starts
from orchestrator.terminal.units import count_text
from orchestrator.tracking import OFF, tracking_uri
from trainer.input.redaction import redacted

NO_FRONT = "no cell is on the front yet"
MOST_NAMED = 20


def page_of_sweep(found: AtHand, *, versions: Sequence[Line], is_live: bool, written: str) -> Page:
    """Say what a sweep's results are, how far to believe them, and how to have them again.

    Args:
        versions: of the software that makes the page.
        is_live: whether it is written anew while the sweep runs.
        written: when, in UTC.
    """
    spec, plan, store = found.spec, found.plan, found.store
    axes = axes_of(found.tables)
    settings_by = settings_of_any(found.tables)
    tables = tuple(table_view(named, axes, settings_by) for named in found.tables)
    if found.tables[0].split == "test" and spec.reevaluation is None:
        tables += suite_tables(store.files, spec.folder, axes, settings_by)
    trials = {planned.id: planned for planned in plan.every}
    drawn = curves(tables[0], trials, store)
    used = usage(all_starts(store.files, spec.name))
    reads = tuple(_reads(store.files, spec))
    comparison = [it for it in found.comparison.lines() if it[0] != "contrast"]
    front = tables[0].fronts[0]
    return Page(
        title=spec.name,
        facts=tuple(_facts(found)),
        answer=answer(found.comparison),
        belief=tuple(_belief(found)),
        axes=axes,
        words=tuple(words_said(axes)),
        methods=method_views(
            dict.fromkeys(cell.method for table in tables for cell in table.cells)
        ),
        tables=tables,
        contrasts=contrast_views(found.comparison),
        contrast_lines=_named(comparison),
        curves=drawn,
        why_no_curves="" if drawn else NO_FRONT,
        costs=cost_views(found.tables[0].table),
        cost_lines=(
            ("these are", f"of {found.tables[0].models}, trials of which a cost is known"),
            (
                "all starts",
                f"{used.hours:.3g} hours, {used.core_hours:.3g} core-hours, "
                f"{used.gpu_hours:.3g} GPU-hours",
            ),
        ),
        left_out=tuple(_left_out(found)),
        warnings=(*front.remarks, *found.few.lines(), *(("note", it) for it in spec.notes)),
        reads=reads,
        environment=(*versions, *_environment(plan.every)),
        commands=tuple(_commands(spec)),
        specification=spec.resolved_yaml(),
        checklist=tuple(checklist(found, used)),
        tracking=_tracking(spec),
        is_live=is_live,
        written=written,
    )


def _named(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Give the lines that go on from the contrasts' sentences something that they are about."""
    if not lines:
        return (("contrasts", "none is named"),)
    (about, says), *others = lines
    return ((about or "measured", says), *others)


def _tracking(spec: SweepSpec) -> str:
    uri = "" if spec.tracking == OFF else tracking_uri(spec.tracking, spec.storage)
    return redacted(uri)


def _facts(found: AtHand) -> Iterator[Line]:
    counts = found.plan.counts()
    done, every = counts.get("done", 0), sum(counts.values())
    others = ", ".join(f"{count} {status}" for status, count in counts.items() if status != "done")
    yield "trials", f"{done} of {every} done" + (f"; {others}" if others else "")
    data = dict.fromkeys(planned.trial.data.name for planned in found.plan.trials)
    yield "data", f"{', '.join(data)}, numbers of {found.tables[0].split} images"
    yield "suite", found.comparison.suite
    yield "models", found.tables[0].models


def _belief(found: AtHand) -> Iterator[Line]:
    """Yield what choice, confirmation and suite say of how far numbers may be trusted."""
    yield from found.chosen.lines()
    if found.confirmed is not None:
        yield from found.confirmed.lines()
    yield from found.covered.lines() if found.covered is not None else ()


def _left_out(found: AtHand) -> Iterator[Line]:
    """Yield what no front has, and why."""
    if said := missing(found.plan):
        yield "trials", said
    front = found.tables[0].fronts[0].front
    for why, count in front.dropped.items():
        yield "front", f"{count} trial{'s' * (count != 1)}: {why}"
    names = found.plan.names()
    ended = [it for it in found.plan.every if it.status in {"failed", "pruned"}]
    for planned in ended[:MOST_NAMED]:
        failure = planned.progress.failure
        why = f"{failure.kind}: {failure.message}" if failure else str(planned.pruning)
        yield planned.status, f"{planned.id} ({names[planned.id]}): {why}"
    if len(ended) > MOST_NAMED:
        yield "", f"and {len(ended) - MOST_NAMED} more, see trials.csv"
    sure = front.certainty
    if sure is not None:
        for what, why in (
            ("intervals", sure.left_out),
            ("noise of images", sure.why_no_images),
            ("noise of the reference", sure.why_no_reference),
            ("membership", sure.why_no_resamples),
            ("interval of the hypervolume", sure.why_no_hypervolume),
        ):
            if why:
                yield what, why


def _reads(files: Files, spec: SweepSpec) -> Iterator[ReadView]:
    every = reads_by_sweep(files, spec.name).values()
    for read in sorted(every, key=lambda read: read.at):
        yield ReadView(
            at=datetime.fromisoformat(read.at).astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
            what="the sweep's own" if read.confirmation is None else "what confirms it",
            data=", ".join(read.data.values()),
            suite=read.suite if read.suite != spec.suite.id else f"{read.suite} (this page's)",
            trials=read.trials,
        )


def _environment(trials: Sequence[PlannedTrial]) -> Iterator[Line]:
    """Yield with what models were trained; of the machines no name."""
    results = [it.progress.result for it in trials if it.progress.result is not None]
    said = Counter(
        ", ".join(
            f"{name} {value}"
            for name in ("device", "threads", "python", "torch", "code")
            if (value := getattr(it.provenance, name)) is not None
        )
        for it in results
    )
    for environment, count in said.items():
        if environment:
            yield "trained with", f"{environment} ({count_text(count)} trial{'s' * (count != 1)})"


def _commands(spec: SweepSpec) -> Iterator[Line]:
    if spec.reevaluation is not None:
        again = command("sweep", spec.reevaluation.sweep)
        yield "this page", f"{again} --evaluate {spec.reevaluation.suite_file}"
        return
    yield "all of it", command("sweep", spec)
    yield "this page", command("report", spec)
    yield "the front", command("front", spec)
    yield "a model to take", command("pick", spec)
