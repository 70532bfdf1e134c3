"""Checks of trials that start from the weights of others, or replay their schedules, before
anything runs."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable
from functools import cache

import torch

from orchestrator.plan.named_trials import blamed_on
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.store.files.contract import Files
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.trials.result import published
from trainer.data import DataSettings, load
from trainer.input.document import Document

logger = logging.getLogger(__name__)

CPU = torch.device("cpu")


def check_parents(
    plan: Plan,
    pending: Iterable[PlannedTrial],
    files: Files,
    *,
    document: Document,
    away: Container[DataSettings],
) -> None:
    """Check that there are weights to start from, or will be, and that they fit; say which are made
    once more for that.

    Args:
        pending: the trials to work on.
        document: the sweep file, whose methods are blamed.
        away: data sets that are to be downloaded: trials on them are not checked.

    Raises:
        BadInput: a parent's weights were given up, or it takes images of another shape, or tells
            another number of classes apart.
    """
    by_id = {planned.id: planned for planned in plan.every}

    @cache
    def kind(data: DataSettings) -> tuple[tuple[int, int, int], int]:
        with blamed_on("data", document):
            dataset = load(data, CPU)
        return dataset.image_shape, dataset.num_classes

    for planned in pending:
        if planned.again is not None:
            logger.warning("trial %s is trained once more: %s", planned.id, planned.again)
        for parent in map(by_id.__getitem__, planned.parents if planned.needs_parents else ()):
            place = TrialFolder.of(parent.id)
            is_there = published(files, place) is not None
            # A manifest may still call done what a person has deleted, to be trained again.
            if parent.progress.trained and not is_there and files.read(place.dropped) is not None:
                replay = planned.trial.replay
                is_replayed = replay is not None and replay.trial == parent.id
                what = "replay a schedule that is" if is_replayed else "start from weights that are"
                those = "the weights beside that" if is_replayed else "those"
                raise document.fail(
                    f"methods.{planned.method}",
                    f"must {what} there, and {those} of {parent.id} "
                    f"({parent.title}) were given up (retention.weights is front); delete "
                    f"{files.url}/{place.dropped} to have them trained again",
                )
            one, other = parent.trial.data, planned.trial.data
            if one == other or one in away or other in away:
                continue
            if kind(one) != kind(other):
                (shape, classes), (own_shape, own_classes) = kind(one), kind(other)
                raise document.fail(
                    f"methods.{planned.method}",
                    f"must start from a network for the same images and classes, got {parent.title}"
                    f" on images of {shape} and {classes} classes, where its own are "
                    f"{own_shape} and {own_classes}",
                )
