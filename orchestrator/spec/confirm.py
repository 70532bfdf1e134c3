"""Cells that are trained anew to stand on: section `confirm` of a sweep file.

Who picks the best of many cells picks luck too, so what a picked cell's own trials say of it is
flattering. Seeds that took no part in the choice are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from orchestrator.spec.method_space import MethodSpace
from trainer.evaluation.suite import SplitName, Suite
from trainer.input.document import Document
from trainer.input.settings import Count, Settings, Whole

MOST_FRESH_SEEDS = 40
"""Most seeds whose differences are tested: see `orchestrator.pareto.sign_flips.MOST_SEEDS`."""

END_OF_SEEDS = 2**31
"""Number that every seed is below."""


class KeepSettings(Settings):
    """Which cells are kept."""

    per_method: Count = Field(description="cells of each method, the best together")
    by: SplitName = Field("validation", description="images by which they are picked")


class ConfirmSettings(Settings):
    """Cells that are trained anew once they are picked."""

    keep: KeepSettings
    seeds: Annotated[Whole, Field(ge=1, le=MOST_FRESH_SEEDS)] = Field(
        description="fresh ones, counted on from the sweep's last"
    )


@dataclass(frozen=True, kw_only=True)
class Confirm:
    """What a sweep confirms, in the end."""

    per_method: int  # cells of each that are kept
    by: SplitName  # images by which they are picked
    seeds: tuple[int, ...]  # fresh ones, with which each of them is trained


def read_confirm(
    document: Document,
    confirm: ConfirmSettings | None,
    *,
    seeds: Sequence[int],
    suite: Suite,
    selection: SplitName,
    methods: Mapping[str, MethodSpace],
) -> Confirm | None:
    """Read what a sweep confirms; None where it confirms nothing.

    Args:
        seeds: those of the sweep's own trials.
        suite: that of the sweep, by which models are tried in the end.
        selection: images by which the sweep selects.
        methods: of the sweep, by label.

    Raises:
        BadInput: cells picked by the images that are to confirm them, no such images, too few seeds
            for a replay, or none left.
    """
    if confirm is None:
        return None
    if suite.split != "test":
        raise document.fail(
            "confirm",
            f"must be left out where evaluation.split is {suite.split}: what picks cells there "
            f"would confirm them too",
        )
    if confirm.keep.by == "test" and selection != "test":
        raise document.fail(
            "confirm.keep.by",
            "must be validation, got test: cells that the test set picks cannot be confirmed by "
            "it; selection: test, the paper's way, allows it",
        )
    replays = next((label for label, method in methods.items() if method.replays), None)
    if replays is not None and confirm.seeds < 2:
        raise document.fail(
            "confirm.seeds",
            f"must be at least 2 where {replays} replays the schedule of another seed, got "
            f"{confirm.seeds}",
        )
    first = max(seeds) + 1
    if first + confirm.seeds > END_OF_SEEDS:
        raise document.fail(
            "confirm.seeds",
            f"must leave each fresh seed below 2^31, got {confirm.seeds} after the seed "
            f"{first - 1}; lower that",
        )
    return Confirm(
        per_method=confirm.keep.per_method,
        by=confirm.keep.by,
        seeds=tuple(range(first, first + confirm.seeds)),
    )
