"""How far a sweep is, for a person: a few lines, and a table of trials."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Sized

from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.status.observer import SweepSnapshot, TrialSnapshot, silent_since
from orchestrator.status.trial_story import Story
from orchestrator.store.leases.lease import LeaseState
from orchestrator.table.setting_values import value_text
from orchestrator.terminal.units import count_text, duration, size_text
from trainer.terminal.table import Column, are_numbers

MOST_ROWS = 40
"""Most trials in one picture."""

_IMPORTANCE = {
    **{"state": 8, "epoch": 6, "time": 3, "passes": 1},
    **{"tries": 1, "host": 2, "failure": 6},
}
"""Weights of the columns about a trial's work: the lightest goes first where room is short."""

_FIRST = ("running", "failed", "stopped", "pending", "pruned", "done")
"""Statuses in the order of their rows where not all fit: the last ones are left out first."""


def chosen(trials: Sequence[PlannedTrial], limit: int) -> list[PlannedTrial]:
    """Choose at most `limit` trials to show: all in the plan's order, or else those first that are
    neither simply done nor pending."""
    if len(trials) <= limit:
        return list(trials)
    return sorted(trials, key=lambda planned: _FIRST.index(planned.status))[:limit]


def hidden(plan: Plan, rows: Sized, rest: str) -> str:
    """Say how many trials of a plan have no row, and which command shows all; empty if none."""
    count = len(plan.every) - len(rows)
    return f"and {count} more: {rest}" if count else ""


def summary(spec: SweepSpec, snapshot: SweepSnapshot) -> str:
    """Say in one line how many trials have each status, and whether anybody works on them."""
    plan, runners = snapshot.plan, snapshot.runners
    silent = sum(silent_since(start, spec, snapshot.at) is not None for start in runners)
    at_work = len(runners) - silent
    run = f"{at_work} start{'s' * (at_work > 1)} at work" if at_work else "nobody runs it"
    run += f", {silent} silent" if silent else ""
    run += ", paused" if snapshot.paused else ""
    counts = ", ".join(f"{count} {status}" for status, count in plan.counts().items())
    epochs = sum(
        planned.progress.epochs_done if planned.pruning else planned.trial.training.epochs
        for planned in plan.every
    )
    done = epochs - sum(planned.epochs_left for planned in plan.every)
    return f"{counts}; {done} of {epochs} epochs; {run}"


def columns(spec: SweepSpec, rows: Sequence[TrialSnapshot]) -> list[Column]:
    """Return the columns of a table with one row for each trial."""
    names = ("trial_id", "method", *spec.settings, "seed", *_IMPORTANCE)
    importance = {"trial_id": 9, "method": 7, "seed": 6} | _IMPORTANCE
    texts = [_cells(spec, row) for row in rows]
    cells = {name: [text[at] for text in texts] for at, name in enumerate(names)}
    return [
        Column(
            name=name,
            cells=cells[name],
            importance=importance.get(name, 5),
            stays=name in {"trial_id", "method", "state"},
            is_label=name == "method",
            is_sentence=name == "state",
            is_number=name in {"seed", "epoch", "time", "passes", "tries"}
            or (name in spec.settings and are_numbers(cells[name])),
        )
        for name in names
    ]


def sweep_lines(
    spec: SweepSpec, snapshot: SweepSnapshot, damaged: Collection[str], more: str
) -> list[tuple[str, str]]:
    """Return what is to be said of the sweep as a whole, except its front: titles and texts.

    Args:
        damaged: files that were found damaged.
        more: a line on the trials that are not shown; empty where all are.
    """
    trials = [("trials", more)] if more else []
    return [
        *_lines(spec, snapshot, damaged),
        *trials,
        *snapshot.chosen.lines(),
        *(snapshot.confirmed.lines() if snapshot.confirmed else ()),
    ]


def story_lines(story: Story) -> list[tuple[str, str]]:
    """Return the story of a trial: titles and texts."""
    said = [
        ("trial", f"{story.trial_id}  {story.status}"),
        ("what", story.what),
        ("folder", story.folder),
    ]
    for attempt in story.attempts:
        span = f"{attempt.since} to {attempt.until or 'now'}, {duration(attempt.seconds)}"
        said.append((f"attempt {attempt.number}", f"{attempt.who}, {span}: {attempt.how}"))
        said.append(("", f"began {attempt.origin}"))
    if story.failure is not None:
        failure = story.failure
        said.append(("failure", f"{failure.kind} at {failure.at}: {failure.message}"))
        said += [("", line) for line in failure.details.rstrip().splitlines()]
    if story.pruned is not None:
        said.append(("pruned", story.pruned))
    if story.last_steps is not None:
        said.append(("last steps", story.last_steps))
    said += [("next", sentence) for sentence in story.next]
    return said


def _lines(
    spec: SweepSpec, snapshot: SweepSnapshot, damaged: Collection[str]
) -> Iterator[tuple[str, str]]:
    yield "sweep", f"{spec.name}: {summary(spec, snapshot)} ({snapshot.at})"
    if snapshot.search is not None:
        yield "search", str(snapshot.search)
    for start in snapshot.runners:
        yield "run by", _runner(start, spec, snapshot.at)
    if not snapshot.runners and snapshot.starts:
        last = snapshot.starts[-1]
        how = f"ended {last.ended.at}" if last.ended else "its process is gone"
        yield "last start", f"{last.owner or 'unknown'} since {last.since}, {how}"
    if snapshot.paused is not None:
        yield "paused", f"by {snapshot.paused.by} since {snapshot.paused.since}"
    used, budget = snapshot.used, spec.policy.budget
    costs = (
        _cost("core-hours", used.core_hours, budget.core_hours),
        _cost("GPU-hours", used.gpu_hours, budget.gpu_hours),
        _cost("hours", used.hours, budget.hours),
        f"{count_text(sum(snapshot.passes.values()))} passes",
        f"{size_text(snapshot.kept_bytes)} of weights and outcomes",
    )
    yield "used", ", ".join(costs)
    yield from snapshot.forecast.lines()
    for name in sorted(damaged):
        yield "damaged", f"{name}: the next start sets it aside and makes it anew"


def _runner(start: LeaseState, spec: SweepSpec, now: str) -> str:
    silent = silent_since(start, spec, now)
    joined = ", joined" if start.about.joins else ""
    heard = f", silent since {silent}" if silent else ""
    return f"{start.owner or 'unknown: its record is damaged'} since {start.since}{joined}{heard}"


def _cost(unit: str, used: float, cap: float | None) -> str:
    return f"{used:.3g}{'' if cap is None else f' of {cap:g}'} {unit}"


def _cells(spec: SweepSpec, row: TrialSnapshot) -> list[str]:
    planned, failure = row.planned, row.planned.progress.failure
    values = [planned.settings[name] for name in spec.settings]
    return [
        planned.id,
        planned.method,
        *map(value_text, values),
        str(planned.trial.seed),
        _state(row),
        f"{row.epochs} of {planned.trial.training.epochs}",
        duration(row.seconds) if row.attempts else "",
        _passes(row),
        str(row.attempts or ""),
        row.host or "",
        "" if failure is None else failure.kind.replace("_", " "),
    ]


def _passes(row: TrialSnapshot) -> str:
    """Sum up passes of all kinds, of training and evaluation; empty where none were counted."""
    known = [each for each in (row.training_passes, row.evaluation_passes) if each is not None]
    return count_text(sum(passes.total for passes in known)) if known else ""


def _state(row: TrialSnapshot) -> str:
    if row.silent_since is not None:
        return f"silent since {row.silent_since}"
    if row.is_resting:
        return "running, paused"
    if row.evaluated is not None:
        return f"running, {row.evaluated:.0%} evaluated"
    result = row.planned.progress.result
    is_collapsed = row.planned.status == "done" and result is not None and result.collapsed
    if row.planned.pruning is not None and row.planned.status == "pruned":
        return f"pruned: {row.planned.pruning.rule}"
    return "done, collapsed" if is_collapsed else row.planned.status
