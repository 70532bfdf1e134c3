"""What each r and rho of a sweep would weigh, before anything is trained.

Weights follow from the losses that a training meets. Here they are those that are stated, else of
the middle epoch of a trial that is trained, or, where none is, equal ones; second moments that
nobody states are taken for the products of the means, by which weights differ in the third decimal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.driver.stated_losses import StatedLosses
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.table.setting_values import named_value
from trainer.methods import NATURAL, Pareto
from trainer.methods.alpha import solve_alpha
from trainer.training.loop import EpochRow

EQUAL_LOSS = 1.0
"""Mean of every loss where none is recorded."""

SAME = 1e-3
"""Difference of weights below which two values are one."""

NO_WEIGHT = 5e-3
"""Weight that is shown as 0."""

ROUNDED = 1e-8
"""Weight, or loss, up to which people are shown 0: what a solver rounds."""

MOST_SHOWN = 8
"""Cells whose weights are written out."""

RowsOf = Callable[[str], Sequence[EpochRow]]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Weights of one cell's losses."""

    method: str  # its label
    name: str  # of the cell, such as `pareto rho=0.4`
    alpha: Mapping[str, float]  # by branch
    clipped: bool  # r to what the losses can give
    losses: Mapping[str, float]  # means, by branch
    origin: str | None  # id of the trial that met these losses; None: none did
    is_stated: bool = False  # whether a person stated them; else they are made up without origin

    def record(self) -> dict[str, Any]:
        """Return the preview as values of JSON."""
        return {
            "cell": self.name,
            "alpha": dict(self.alpha),
            "clipped": self.clipped,
            "losses": dict(self.losses),
            "losses_of": "stated" if self.is_stated else self.origin,
        }


def previews(
    trials: Sequence[PlannedTrial], rows_of: RowsOf, stated: StatedLosses | None = None
) -> list[Preview]:
    """Preview the weights of each cell of Pareto training.

    Args:
        rows_of: gives a trial's epochs, from its id.
        stated: losses in place of recorded ones.

    Raises:
        BadInput: losses that are stated are not those of the cells' branches.
    """
    cells: dict[str, PlannedTrial] = {}
    for planned in trials:
        if isinstance(planned.trial.method, Pareto) and planned.trial.replay is None:
            cells.setdefault(_name(planned), planned)
    if stated is not None:
        stated.check([planned.trial.method.branches() for planned in cells.values()])
    known: dict[tuple[str, ...], tuple[str | None, dict[str, float]]] = {}
    found = []
    for name, planned in cells.items():
        method = planned.trial.method
        assert isinstance(method, Pareto)
        branches = method.branches()
        if stated is not None:
            known[branches] = None, {branch: stated.means[branch] for branch in branches}
        elif branches not in known:
            known[branches] = _recorded(trials, branches, rows_of)
        origin, losses = known[branches]
        m = np.array([losses[branch] for branch in branches])
        second = np.outer(m, m)
        if stated is not None and method.moments == "second":
            second, _ = stated.moments(branches)
        r = method.r if method.r is not None else (method.rho or 0.0) * float(m[1:].max())
        solution = solve_alpha(second, m, r)
        alpha = dict(zip(branches, solution.alpha.tolist(), strict=True))
        found.append(
            Preview(
                method=planned.method,
                name=name,
                alpha=alpha,
                clipped=solution.clipped,
                losses=losses,
                origin=origin,
                is_stated=stated is not None,
            )
        )
    return found


def lines(found: Sequence[Preview]) -> Iterator[tuple[str, str]]:
    """Yield the previews for people: what each line is about, and what it says."""
    for each in found[:MOST_SHOWN]:
        clipped = ", r is clipped" if each.clipped else ""
        yield "alpha", f"{each.name}: {_mix(each.alpha)}{clipped}"
    if len(found) > MOST_SHOWN:
        yield "", f"and {len(found) - MOST_SHOWN} more: --dry-run --json"
    for each in {each.origin: each for each in found}.values():
        whose = "equal losses, for want of a trained trial"
        if each.is_stated:
            whose = "as stated"
        elif each.origin is not None:
            whose = f"in {each.origin}"
        yield "", f"on the losses {_mix(each.losses)} ({whose})"
    for warning in warnings(found):
        yield "warning", warning


def warnings(found: Sequence[Preview]) -> Iterator[str]:
    """Yield which cells of a method come to the same weights, and which give the natural loss
    none."""
    groups: list[list[Preview]] = []
    for each in found:
        for group in groups:
            if _is_same(group[0], each):
                group.append(each)
                break
        else:
            groups.append([each])
    for group in groups:
        if len(group) > 1:
            names = ", ".join(each.name for each in group)
            yield f"{names} come to the same weights on these losses: keep one of them"
    none = [each.name for each in found if each.alpha[NATURAL] < NO_WEIGHT]
    if none:
        names = ", ".join(none)
        yield f"{names} would give the natural loss no weight on these losses: lower r or rho"


def _is_same(one: Preview, other: Preview) -> bool:
    if one.method != other.method or one.alpha.keys() != other.alpha.keys():
        return False
    return all(
        math.isclose(weight, other.alpha[branch], rel_tol=0, abs_tol=SAME)
        for branch, weight in one.alpha.items()
    )


def _recorded(
    trials: Iterable[PlannedTrial], branches: tuple[str, ...], rows_of: RowsOf
) -> tuple[str | None, dict[str, float]]:
    """Return the losses of a trained trial's middle epoch, and its id; equal ones where there is
    none of these branches."""
    for planned in trials:
        method = planned.trial.method
        if not isinstance(method, Pareto) or method.branches() != branches:
            continue
        rows = rows_of(planned.id) if planned.progress.trained else ()
        if not rows:
            continue
        row = rows[len(rows) // 2]
        losses = {branch: row.get(f"loss/{branch}", math.nan) for branch in branches}
        if all(math.isfinite(loss) for loss in losses.values()):
            return planned.id, losses
    return None, dict.fromkeys(branches, EQUAL_LOSS)


def _name(planned: PlannedTrial) -> str:
    settings = {key: value for key, value in planned.settings.items() if value is not None}
    method = planned.trial.method
    assert isinstance(method, Pareto)
    for key in ("r", "rho"):
        if (value := getattr(method, key)) is not None:
            settings = {key: value} | settings
    return " ".join([planned.method, *(named_value(key, it) for key, it in settings.items())])


def _mix(values: Mapping[str, float]) -> str:
    shown = ((branch, value if value > ROUNDED else 0.0) for branch, value in values.items())
    return " ".join(f"{branch} {value:.2g}" for branch, value in shown)
