"""What trials came to epoch by epoch: losses and their weights, from the rows in the store."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.as_stored import StoredResults
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.looks import mapped
from orchestrator.store.records.read_only import only_read

LOSS, WEIGHT = "loss/", "weight/"
"""Begins of the names of facts of an epoch's row."""


def epochs_of(spec: SweepSpec, found: StoredResults, ids: Collection[str]) -> pd.DataFrame:
    """Read the courses of trials that are done, one row a trial, epoch and loss: `trial_id`,
    `epoch` (from 1), `branch` (the loss's name), `loss` and `weight`, means over the epoch's steps;
    NaN where a row does not have them.

    They are of training images, whatever may be shown of others.

    Args:
        ids: of the trials.
    """
    wanted = [it for it in found.plan.trials if it.id in ids and it.status == "done"]
    with only_read(open_files(spec.storage)) as looked:
        store = Store(looked)

        def read(planned: PlannedTrial) -> list[tuple[str, int, str, float, float]]:
            nothing = float("nan")
            return [
                (
                    planned.id,
                    int(row["epoch"]),
                    branch,
                    row.get(f"{LOSS}{branch}", nothing),
                    row.get(f"{WEIGHT}{branch}", nothing),
                )
                for row in store.trial(planned.id).rows(planned.trial.validation_id)
                for branch in _branches(row)
            ]

        rows = [row for its in mapped(read, wanted, store.files) for row in its]
    return pd.DataFrame(rows, columns=["trial_id", "epoch", "branch", "loss", "weight"])


def _branches(row: Collection[str]) -> list[str]:
    names = (
        name.removeprefix(start)
        for name in row
        for start in (LOSS, WEIGHT)
        if name.startswith(start)
    )
    return list(dict.fromkeys(names))
