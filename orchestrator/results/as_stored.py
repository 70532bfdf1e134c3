"""A sweep's results as its storage has them now, for commands that only read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from orchestrator.pareto.answers import Answers
from orchestrator.plan.manifest import plan_as_stored
from orchestrator.plan.plan import Plan
from orchestrator.results.answers import answers
from orchestrator.results.choice import Choice, choice
from orchestrator.results.confirmation import (
    Confirmed,
    confirmed,
    confirmed_images,
    confirmed_table,
)
from orchestrator.results.images import Images
from orchestrator.results.shown import shown_images
from orchestrator.results.trials_table import trials_table
from orchestrator.spec.arguments import command
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.read_only import only_read
from orchestrator.table.models import ModelsName
from orchestrator.table.objectives import Objective, weights_of
from trainer.input.problems import BadInput, Problem


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredResults:
    """The table of a sweep's models, and what it stands on."""

    table: pd.DataFrame
    models: ModelsName  # whose it is
    chosen: Choice  # what the numbers of the sweep's own stand on
    confirmed: Confirmed | None  # how far what confirms it is; None: that is not asked for
    answers: Answers | str
    """What its models answered to each image, or why that says nothing of how sure a front of them
    is (`orchestrator.results.answers`)."""

    plan: Plan  # of these models
    images: Images  # that the table is of

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield what a reader must know, for people: what each line is about, and what it says."""
        if self.models == "own":
            yield from self.chosen.lines()
        elif self.confirmed is not None:
            yield "numbers", f"of {self.confirmed.split} images"
            yield from self.confirmed.lines()

    def whose(self) -> str:
        """Say whose models these are, and that there are others; empty where none are asked for."""
        if self.confirmed is None:
            return ""
        if self.models == "confirmed":
            return f"{self.confirmed.models}; the sweep's own: --models own"
        said = "the sweep's own, by which cells were also chosen"
        if self.confirmed.is_complete:
            return f"{said}; fresh seeds of the cells kept: --models confirmed"
        return f"{said}; what confirms them: {self.confirmed.progress}"

    def note(self) -> str:
        """Say in brief what the numbers stand on, for the small print of pictures."""
        if self.models == "own" or self.confirmed is None:
            return self.chosen.note()
        return self.confirmed.note(self.chosen.weights)

    def facts(self) -> dict[str, Any]:
        """The same as values of JSON, as `front.json` has it beside the front."""
        selection = {"selection": self.chosen.record()} if self.models == "own" else {}
        return selection | (self.confirmed.facts(self.models) if self.confirmed else {})


def stored_results(
    spec: SweepSpec,
    objectives: tuple[Objective, ...],
    models: ModelsName,
    *,
    reads_answers: bool,
) -> StoredResults:
    """Make the table of a sweep, or of what confirms it, on the data that its last start found;
    nothing is changed.

    Args:
        objectives: by which the front is drawn and cells are selected.
        models: whose table it is.
        reads_answers: whether the answers of each model to each image are read, a file a model.

    Raises:
        BadInput: no start found the data and they are not here, so that trials cannot be named; or
            no start has shown a complete confirmation, whose table it is to be.
    """
    with only_read(open_files(spec.storage)) as looked:
        store = Store(looked)
        files = store.files
        plan = plan_as_stored(spec, store)
        images = shown_images(spec, plan, files)
        chosen = choice(spec, plan, files, images, counts_reads=True)
        fresh = confirmed(spec, plan, files, confirmed_images(spec, plan, files))
        asked = replace(spec, objectives=objectives)
        if models == "confirmed":
            _refuse_unconfirmed(spec, fresh)
            images, its = "suite", plan.of_confirmation("confirm")
            table = confirmed_table(asked, plan, images)
        else:
            its = plan
            table = trials_table(asked, plan, images)
        names = [objective.name for objective in objectives]
        return StoredResults(
            table=table,
            models=models,
            chosen=replace(chosen, weights=weights_of(objectives)),
            confirmed=fresh,
            answers=answers(spec, its, store, images, names) if reads_answers else UNREAD,
            plan=its,
            images=images,
        )


UNREAD = Answers(why_not="answers to single images were not read")


def sweep_table(spec: SweepSpec) -> pd.DataFrame:
    """Make the table of a sweep's own models, as `stored_results` does."""
    return stored_results(spec, spec.objectives, "own", reads_answers=False).table


def _refuse_unconfirmed(spec: SweepSpec, found: Confirmed | None) -> None:
    if found is None:
        why = f"where nothing is to confirm a sweep, as {spec.name}, got confirmed"
        raise BadInput(Problem("--models", "", f"must be own {why}; say `confirm` in its file"))
    if not found.is_complete:
        message = (
            f"must be own until a start has shown a complete confirmation, got confirmed of "
            f"{spec.name}: {found.progress}; go on: {command('sweep', spec)}"
        )
        raise BadInput(Problem("--models", "", message))
