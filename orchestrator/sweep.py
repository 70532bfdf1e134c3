"""Run a sweep, or evaluate its models under another suite: `python -m orchestrator.sweep SPEC`."""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from orchestrator.driver.dry_run import show_plan
from orchestrator.driver.live_page import PageWhen
from orchestrator.driver.session import Outcome, start
from orchestrator.driver.stated_losses import EXAMPLE, read_losses
from orchestrator.exit_codes import exit_codes
from orchestrator.figures.placement import FRONTS
from orchestrator.plan.plan import Plan
from orchestrator.report.front_files import front_record
from orchestrator.report.front_text import show, show_files
from orchestrator.report.results import missing, suite_facts
from orchestrator.results.reevaluation import coverage, reevaluated
from orchestrator.spec.auto_precision import DecidedOtherwiseError, Decision, decided_here
from orchestrator.spec.policy import Resources
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.store.files.contract import RefusedError
from orchestrator.store.records.record import NewerRecordError
from orchestrator.table.status import FINISHED
from orchestrator.tracking import OFF, tracking_uri
from trainer.input.problems import BadInput, Problem
from trainer.input.redaction import redacted
from trainer.terminal.console import print_titled, terminal
from trainer.terminal.door import Codes, door
from trainer.terminal.exit_code import ExitCode
from trainer.terminal.json_text import print_json

logger = logging.getLogger("orchestrator")

LOCAL_AND_ADDRESS = (
    "must not stand beside --address: it runs trials in this process, and not on a cluster; leave "
    "out one of the two"
)
BROKE_OFF = "the sweep broke off; what is done is kept, the same command goes on"
SHOWN_ENDS = 10


def _codes() -> Codes:
    """Return the exit codes of errors: a storage that refuses a sweep under way is no bad input,
    of which nothing was started; one that refuses its start is told as such. With a record of a
    newer version the same command never goes on."""
    return {
        **exit_codes(),
        RefusedError: ExitCode.LOST,
        NewerRecordError: ExitCode.BAD_INPUT,
    }


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@door(_codes, broke_off=BROKE_OFF)
def main(
    spec_path: Annotated[str, typer.Argument(metavar="SPEC", help="The sweep's YAML file.")],
    *,
    storage: Annotated[
        str | None, typer.Option(metavar="FOLDER|URL", help="Keep trials and sweeps here.")
    ] = None,
    tracking: Annotated[
        str | None,
        typer.Option("--tracking-uri", metavar="URI", help="MLflow's; also `sqlite`, `none`."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="auto|HOST:PORT", help="A running Ray cluster; else this machine."),
    ] = None,
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="Run one trial after the other in this process, without Ray: to debug them.",
        ),
    ] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=YAML", help="Set a key of SPEC, such as training.epochs=1."
        ),
    ] = None,
    evaluate: Annotated[
        str | None,
        typer.Option(
            metavar="SUITE",
            help="Train nothing: evaluate the models that are there under this YAML file of "
            "attacks, written as a section `evaluation`. Tables and pictures go to a folder of "
            "their own beside the sweep's; MLflow is not told.",
        ),
    ] = None,
    only: Annotated[
        Literal["front"] | None,
        typer.Option(
            help="With --evaluate: no models but those on the front under the sweep's own suite, "
            "the references of scores, and what confirms the sweep."
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Download a data set that is missing.")
    ] = False,
    join: Annotated[
        bool, typer.Option("--join", help="Share the work of a sweep that others are running.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Run failed trials again as well.")
    ] = False,
    report: Annotated[
        PageWhen,
        typer.Option(
            help="When the page is written: at the `end`, `live` while the sweep runs too, or "
            "`none` at all."
        ),
    ] = "end",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show the plan, drawn trials too, and what is done; run nothing."
        ),
    ] = False,
    losses: Annotated[
        str | None,
        typer.Option(
            metavar="BRANCH=LOSS,...",
            help="With --dry-run: mean losses on which the weights of Pareto training are "
            f"previewed, as {EXAMPLE}; A*B=NUMBER for a second moment.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; all else goes to stderr.")
    ] = False,
) -> None:
    """Train and evaluate what is missing of a sweep, then extract and draw its front."""
    flags = [
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in (("storage", storage), ("tracking", tracking))
        if value is not None
    ]
    flags += ["data.download=true"] if download else []
    console = terminal(stderr=as_json)
    if losses is not None and not dry_run:
        raise BadInput(Problem("--losses", "", "must stand beside --dry-run, which previews"))
    if local and address is not None:
        raise BadInput(Problem("--local", "", LOCAL_AND_ADDRESS))
    is_to_ask = address is not None and not dry_run and evaluate is None
    decide = _decided_on(address) if is_to_ask else decided_here
    read = partial(read_spec, spec_path, [*(assignments or []), *flags], os.environ, decide=decide)
    spec = read()
    for note in spec.notes:
        logger.warning("%s", note)
    if evaluate is not None:
        spec = reevaluated(spec, evaluate, only_front=only == "front")
    elif only is not None:
        raise BadInput(Problem("--only", "", "must stand beside --evaluate"))
    if dry_run:
        show_plan(
            spec,
            console,
            address=address,
            is_local=local,
            retry_failed=retry_failed,
            as_json=as_json,
            losses=None if losses is None else read_losses(losses),
        )
        return
    begin = partial(
        start,
        address=address,
        is_local=local,
        joins=join,
        retry_failed=retry_failed,
        page=report,
        console=console,
    )
    spec, outcome = _started(spec, read, begin)
    code = _exit_code(outcome)
    if as_json:
        print_json(_outcome_record(spec, outcome, code))
    else:
        _show_outcome(spec, outcome, console)
    raise typer.Exit(code)


def _started(
    spec: SweepSpec, read: Callable[[], SweepSpec], begin: Callable[[SweepSpec], Outcome]
) -> tuple[SweepSpec, Outcome]:
    """Start the sweep; once more where another first start has meanwhile decided its precision."""
    try:
        return spec, begin(spec)
    except DecidedOtherwiseError:
        spec = read()
        return spec, begin(spec)


def _decided_on(address: str | None) -> Callable[[Resources], Decision]:
    def decide(resources: Resources) -> Decision:
        # Ray takes seconds to import, which a mistake need not wait for.
        from orchestrator.execution.cluster import decided_on  # noqa: PLC0415

        assert address is not None
        return decided_on(address, resources)

    return decide


def _exit_code(outcome: Outcome) -> int:
    if outcome.signal is not None:
        return 128 + outcome.signal
    if outcome.budget is not None:
        return ExitCode.BUDGET_REACHED
    is_done = all(planned.status in FINISHED for planned in outcome.plan.asked_for())
    return ExitCode.DONE if is_done else ExitCode.SOME_FAILED


def _show_outcome(spec: SweepSpec, outcome: Outcome, console: Console) -> None:
    failed = [planned for planned in outcome.plan.asked_for() if planned.status == "failed"]
    names = outcome.plan.names()
    said: list[tuple[str, str]] = []
    for planned in failed[:SHOWN_ENDS]:
        failure = planned.progress.failure
        assert failure is not None
        why = f"{failure.kind}: {failure.message}"
        said.append(("failed", f"{planned.id} ({names[planned.id]}): {why}"))
    if len(failed) > SHOWN_ENDS:
        said.append(("failed", f"and {len(failed) - SHOWN_ENDS} more, see trials.csv"))
    pruned = [planned for planned in outcome.plan.asked_for() if planned.status == "pruned"]
    said += [
        ("pruned", f"{planned.id} ({names[planned.id]}): {planned.pruning}")
        for planned in pruned[:SHOWN_ENDS]
    ]
    if len(pruned) > SHOWN_ENDS:
        said.append(("pruned", f"and {len(pruned) - SHOWN_ENDS} more, see trials.csv"))
    parents = {planned.id: planned for planned in outcome.plan.every}
    stranded = outcome.plan.stranded(retry_failed=False)
    for planned in stranded[:SHOWN_ENDS]:
        waits = ", ".join(f"{it}, which is {parents[it].status}" for it in planned.waits_for)
        said.append(("waiting", f"{planned.id} ({names[planned.id]}): for its parent {waits}"))
    if len(stranded) > SHOWN_ENDS:
        said.append(("waiting", f"and {len(stranded) - SHOWN_ENDS} more, see trials.csv"))
    print_titled(console, said)
    show(outcome.front, console, of=FRONTS[0])
    print_titled(console, outcome.comparison.lines())
    show_files(outcome.folder, outcome.files, console)
    said = [
        *outcome.few.lines(),
        *outcome.chosen.lines(),
        *(outcome.confirmed.lines() if outcome.confirmed else ()),
        ("sweep", f"{spec.name}: {_counted(outcome.plan)}"),
    ]
    if (covered := coverage(spec, outcome.plan)) is not None:
        said += covered.lines()
    if missed := missing(outcome.plan):
        said.append(("front", missed))
    if outcome.budget is not None:
        said.append(("stopped", f"{outcome.budget}; raise it, and the same command goes on"))
    if outcome.signal is not None:
        said.append(("stopped", "by a signal; the same command goes on from here"))
    print_titled(console, said)
    if spec.tracking != OFF:
        uri = tracking_uri(spec.tracking, spec.storage)
        note = "" if outcome.tracked else "  (incomplete: the next start sends the rest)"
        command = f"mlflow ui --backend-store-uri {shlex.quote(redacted(uri))}"
        print_titled(console, [("look", f"{command}{note}")])


def _outcome_record(spec: SweepSpec, outcome: Outcome, code: int) -> dict[str, Any]:
    return {
        "name": spec.name,
        "exit_code": code,
        "counts": outcome.plan.counts(),
        "front": front_record(outcome.front)
        | {"selection": outcome.chosen.record(), "few_steps": outcome.few.record()}
        | suite_facts(coverage(spec, outcome.plan))
        | (outcome.confirmed.facts("own") if outcome.confirmed else {}),
        "contrasts": outcome.comparison.record(),
        "confirmation": outcome.confirmed and outcome.confirmed.record(),
        "files": [f"{outcome.folder}/{name}" for name in outcome.files],
        "tracking": redacted(tracking_uri(spec.tracking, spec.storage)),
    }


def _counted(plan: Plan) -> str:
    return ", ".join(f"{count} {status}" for status, count in plan.counts().items())


if __name__ == "__main__":
    app()
