"""What a sweep's numbers stand on, what chose among its cells, and how far both may be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.plan.plan import PickedBy, Plan
from orchestrator.results.images import FEWEST_TO_PICK_BY, Images, on_half, picking_images
from orchestrator.results.shown import data_names, question
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Files
from orchestrator.store.sweeps.ledger import reads_by_sweep, reads_of
from orchestrator.table.columns import WeightsName
from trainer.evaluation.suite import SplitName

SHOWN_LATER = "the test set is shown once a start has left nothing to do"


BEST_WEIGHTS = (
    "fronts and contrasts are of the weights that did best on validation images that steer; the "
    "last epoch's stand beside them in the tables"
)
"""What fronts stand on under `weights: best`, for people."""

BY_TEST = (
    "cells and knee by test images, as in the paper (selection: test); their numbers on the same "
    "images are optimistic"
)
"""What chooses under `selection: test`, for people, before anything is evaluated."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a sweep's numbers stand on, and what chose among its cells."""

    split: SplitName  # that the numbers stand on
    selection: SplitName  # that cells are selected by
    images: int | None  # that cells are selected by; None: nothing is evaluated on them
    unpicked: int  # trials that are done and have no numbers on these
    is_held_back: bool  # test numbers wait until the sweep is complete
    shown_before: str | None  # when test numbers of other trials of the sweep were; UTC, ISO 8601
    reads: int | None  # of the test set under the suite, by all sweeps; None: not counted
    weights: WeightsName = "last"  # that fronts and what is selected stand on
    turns_to_test: bool = False  # selects by the test set once that is shown, as the file says

    @property
    def is_reliable(self) -> bool:
        """Whether enough images pick."""
        return self.images is not None and self.images >= FEWEST_TO_PICK_BY

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield what a reader must know, for people: what each line is about, and what it says."""
        if self.is_held_back:
            yield "numbers", f"of {self._by}: {SHOWN_LATER}"
        else:
            again = f", shown {self.reads} times so far" if (self.reads or 0) > 1 else ""
            yield "numbers", f"of {self.split} images{again}"
        if self.weights == "best":
            yield "weights", BEST_WEIGHTS
        yield "selected", self._selected()
        if self.shown_before is not None:
            yield "exploratory", self._exploratory()

    def note(self) -> str:
        """Say in brief what chose, for the small print of pictures."""
        said = ["best weights"] if self.weights == "best" else []
        if self.images is None:
            return ", ".join([*said, "nothing selected"])
        said += [f"knee chosen on {self._by}"]
        said += [f"not among {self.unpicked} trials"] if self.unpicked else []
        said += ["optimistic"] if self.is_optimistic else []
        said += [] if self.is_reliable else ["pick unreliable"]
        said += ["exploratory"] if self.shown_before is not None else []
        return ", ".join(said)

    def record(self) -> dict[str, Any]:
        """The choice as values of JSON, as `front.json` has it under `selection`."""
        return {
            "by": self.selection,
            "weights": self.weights,
            "images": self.images,
            "unpicked": self.unpicked,
            "is_reliable": self.is_reliable,
            "is_optimistic": self.is_optimistic,
            "turns_to_test": self.turns_to_test,
            "is_exploratory": self.shown_before is not None,
            "test_shown_before": self.shown_before,
            "test_reads": self.reads,
        }

    @property
    def is_optimistic(self) -> bool:
        """Whether cells are selected by the very images that the numbers stand on."""
        return self.selection == self.split

    @property
    def _by(self) -> str:
        count = "" if self.images is None else f"{self.images:,} "
        kind = "validation images that pick" if self.selection == "validation" else "test images"
        return f"{count}{kind}"

    def _selected(self) -> str:
        if self.images is None:
            return "nothing: no model is evaluated on the images that pick"
        said = f"cells and knee by {self._by}"
        if self.selection == "test":
            said += ", as in the paper (selection: test)"
        if self.is_optimistic:
            said += "; their numbers on the same images are optimistic"
        if not self.is_reliable:
            said += f"; picks by fewer than {FEWEST_TO_PICK_BY:,} images are unreliable"
        if self.unpicked:
            said += f"; not among {self.unpicked} trials that are done without numbers on them"
        if self.turns_to_test:
            said += "; by test images once these are shown, as in the paper (selection: test)"
        return said

    def _exploratory(self) -> str:
        return (
            f"test numbers of this sweep were shown on {self.shown_before} before its trials, "
            f"suite, objectives, contrasts or selection became what they are: what they "
            f"suggested, they cannot confirm"
        )


def choice(
    spec: SweepSpec, plan: Plan, files: Files, images: Images, *, counts_reads: bool
) -> Choice:
    """Say what the numbers of a plan stand on, and what chose, by the plan and the store's ledger
    of test sets.

    Args:
        images: whose numbers are shown.
        counts_reads: whether the reads of the test set are counted, for which every sweep of the
            store is looked at.
    """
    split = spec.suite.split if images == "suite" else "validation"
    before = plan.choice_before
    by = picked_by(spec, plan, images) if before is None else before.by
    reads = reads_by_sweep(files, spec.name)
    if spec.reevaluation is not None:  # harder on the same models is no second look
        reads = {what: read for what, read in reads.items() if read.suite == spec.suite.id}
    asked = question(spec, plan)
    own = reads.get(asked)
    others = [read.at for what, read in reads.items() if what != asked]
    earlier = [at for at in others if own is None or at < own.at]
    return Choice(
        split=split,
        selection=spec.selection if images == "suite" else "validation",
        images=by.images,
        unpicked=by.unpicked,
        is_held_back=spec.suite.split != split,
        shown_before=min(earlier, default=None),
        reads=max(reads_of(files, data, spec.suite.id) for data in data_names(plan))
        if counts_reads
        else None,
        weights=spec.policy.weights,
        turns_to_test=spec.selection == "test" and images != "suite",
    )


def picking_ahead(spec: SweepSpec, plan: Plan) -> int | None:
    """Count the images by which a sweep is to select, before anything is evaluated: of held-out
    images the half that picks, the fewest where trials differ in it; None where none do, as under
    another suite."""
    if spec.choice_suite is None or spec.selection == "test":
        return None
    held_out = [planned.trial.data.validation for planned in plan.trials]
    if (most := spec.choice_suite.examples) is not None:
        held_out = [min(count, most) for count in held_out]
    return min((count - count // 2 for count in held_out), default=None)


def few_to_pick_by(spec: SweepSpec, plan: Plan) -> str | None:
    """Warn of picks that will be unreliable, for people, before anything is evaluated; None where
    they will not."""
    count = picking_ahead(spec, plan)
    if count is None or count >= FEWEST_TO_PICK_BY:
        return None
    return (
        f"cells and knee by {count:,} validation images that pick; picks by fewer than "
        f"{FEWEST_TO_PICK_BY:,} images are unreliable; raise data.validation, of which half picks"
    )


def picked_by(spec: SweepSpec, plan: Plan, images: Images) -> PickedBy:
    """Count the images by which a sweep selects where numbers of `images` are shown, the fewest
    where trials differ in it, and the trials that are done without numbers on them: those of a
    version before, whose weights were given up."""
    is_by_suite = picking_images(spec, images) == "suite"
    done = [planned for planned in plan.trials if planned.status == "done"]
    counts = []
    for planned in done:
        evaluation = planned.evaluation if is_by_suite else planned.validation
        if evaluation is not None:
            on = evaluation.on_all if is_by_suite else on_half(evaluation, "picking")
            counts.append(on.examples)
    return PickedBy(
        images=min(filter(None, counts), default=None), unpicked=len(done) - len(counts)
    )
