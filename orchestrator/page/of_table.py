"""The page of a bare table of trials: what it says, and why it says no more."""

from __future__ import annotations

import pandas as pd

from orchestrator.page.answer import OF_A_TABLE
from orchestrator.page.costs import cost_views
from orchestrator.page.fronts import NamedFront, NamedTable
from orchestrator.page.methods import method_views
from orchestrator.page.tables import axes_of, settings_of_any, table_view
from orchestrator.page.view import Line, Page
from orchestrator.page.words import words_said
from orchestrator.pareto.contrasts import split_of
from orchestrator.pareto.front import Front
from orchestrator.pareto.membership import Membership

NO_STORE = "a table has no epochs; the page of a sweep file has them"


def page_of_table(
    name: str,
    table: pd.DataFrame,
    fronts: tuple[NamedFront, ...],
    *,
    command: str,
    versions: tuple[Line, ...],
    written: str,
) -> Page:
    """Say what a table alone allows.

    Args:
        name: of the table, for people.
        fronts: of it, with how sure they are.
        command: by which the page is made again.
    """
    split = split_of(table)
    named = NamedTable(
        models="trials", images="", split=split, table=table, fronts=fronts, weights={}
    )
    axes = axes_of([named])
    shown = table_view(named, axes, settings_of_any([named]))
    first = fronts[0].front
    images = f"{split} images" if split else "images that the table does not name"
    return Page(
        title=name,
        facts=(("trials", f"{len(table)} rows, {first.used} used"), ("numbers", f"of {images}")),
        answer=(OF_A_TABLE, _of_front(first)),
        belief=(("selected", "a table does not say on what: what is best here may be so by luck"),),
        axes=axes,
        words=tuple(words_said(axes)),
        methods=method_views(dict.fromkeys(cell.method for cell in shown.cells)),
        tables=(shown,),
        contrasts=(),
        contrast_lines=(
            ("contrasts", "none: a sweep file names them, before test images are read"),
        ),
        curves=(),
        why_no_curves=NO_STORE,
        costs=cost_views(table),
        cost_lines=(),
        left_out=tuple(
            (why, f"{count} trial{'s' * (count != 1)}") for why, count in first.dropped.items()
        ),
        warnings=shown.fronts[0].remarks,
        reads=None,
        environment=versions,
        commands=(("this page", command),),
        specification="",
        checklist=_checklist(first, images),
        tracking="",
        is_live=False,
        written=written,
    )


def _of_front(front: Front) -> str:
    """Say in a sentence what there is of a front."""
    if front.means().dropna().empty:
        return "No trial is done with finite objectives, so that there is no front to show."
    count = int(front.cells["on_front"].sum())
    said = f"{count} of {len(front.cells)} cells are on the front that was seen"
    sure = front.certainty
    if sure is None or sure.members is None:
        return f"{said}; how sure that is, is not known."
    surely, possibly = sure.members[Membership.YES], sure.members[Membership.POSSIBLE]
    return f"{said}; on the true one are surely {surely}, possibly {possibly}."


def _checklist(front: Front, images: str) -> tuple[Line, ...]:
    sure = front.certainty
    bars = "none" if sure is None or sure.left_out else f"95 % intervals over {sure.noise}"
    runs = f"{len(front.cells)} cells" if sure is None else _runs(front, sure.seeds)
    return (
        ("Error bars", bars),
        ("Number of runs", runs),
        ("Splits", f"numbers are of {images}"),
        ("Compute, selection, code", "not in a table; the page of its sweep file has them"),
    )


def _runs(front: Front, seeds: tuple[int, int]) -> str:
    fewest, most = seeds
    span = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return f"{front.used} trials: {len(front.cells)} cells, {span} seeds each"
