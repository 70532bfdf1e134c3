"""Pictures for a paper by name: what each needs, and how it is drawn.

A figure is added by a function of `drawn_of_table` or `drawn_of_store`, which composes it from a
`Sought`, and its row in `FIGURES`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.pareto.front import Front, methods_in
from orchestrator.report.drawn_of_store import draw_security, draw_weights
from orchestrator.report.drawn_of_table import (
    draw_attacks,
    draw_attainment,
    draw_front,
    draw_parallel,
)
from orchestrator.report.sought import PaperFigure
from trainer.input.problems import InputError

OF_FRONT = frozenset({"--axes", "--scale", "--of", "--published"})
"""Options of the command that only fronts have a use for."""

FIGURES: dict[str, PaperFigure] = {
    "front": PaperFigure(
        says="the front of the paper's Figure 7, raw and logarithmic, and the table of its cells",
        needs="table",
        draw=draw_front,
        is_sure=True,
        takes=OF_FRONT,
        table="table",
    ),
    "strict": PaperFigure(
        says="the strict front: union accuracy against natural accuracy",
        needs="table",
        draw=draw_front,
        is_strict=True,
        is_sure=True,
        takes=OF_FRONT,
        table="table_strict",
    ),
    "attainment": PaperFigure(
        says="what a quarter, a half and three quarters of the seeds attain, a band a method",
        needs="table",
        draw=draw_attainment,
        takes=frozenset({"--method"}),
    ),
    "parallel": PaperFigure(
        says="cells of the front in parallel coordinates, an axis for each objective or attack",
        needs="table",
        draw=draw_parallel,
        table="table_parallel",
    ),
    "attacks": PaperFigure(
        says="the heat map of methods by attacks, robust accuracy in per cent in each square",
        needs="table",
        draw=draw_attacks,
        table="table_attacks",
    ),
    "security": PaperFigure(
        says="security curves: accuracy over an attack's steps, and over radii where there are "
        "several",
        needs="store",
        draw=draw_security,
        table="table_security",
    ),
    "weights": PaperFigure(
        says="alpha and losses over training, epoch by epoch",
        needs="store",
        draw=draw_weights,
    ),
}
"""All figures by name, in the order in which people are told of them."""


def figure_of(name: str) -> PaperFigure:
    """Return a figure by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in FIGURES:
        raise InputError(f"NAME must be one of {', '.join(FIGURES)}, got {name}")
    return FIGURES[name]


def named_in(front: Front, methods: Sequence[str]) -> tuple[str, ...]:
    """Return the methods that a user names, which must be there.

    Raises:
        InputError: one is not.
    """
    there = methods_in(front)
    for method in methods:
        if method not in there:
            raise InputError(
                f"--method must be one of the table's, got {method!r}; "
                f"there are {', '.join(there) or 'none'}"
            )
    return tuple(methods)
