"""The table of a sweep's trials: what stands in its columns, and how scores come from outcomes.

One row a planned trial, references included, under the columns that `orchestrator.table.columns`
declares for the suite's categories, and the settings that vary. Accuracies are fractions in [0, 1];
empty means not applicable, or not known for want of a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.pareto.front import on_front
from orchestrator.pareto.selection import selection
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.images import Images, on_half, picking_images
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store.trials.records import Evaluation, Result
from orchestrator.table.columns import (
    AT_KNEE,
    BEST,
    SELECTED,
    ColumnKind,
    columns_under,
    is_of_best,
    measured_numbers,
    of_weights,
)
from orchestrator.table.setting_values import is_mix, value_text

DTYPES = {ColumnKind.FRACTION: "float64", ColumnKind.NUMBER: "float64", ColumnKind.WHOLE: "Int64"}
"""Types of measured numbers, which may be empty in any row, or in all."""


def trials_table(spec: SweepSpec, plan: Plan, images: Images) -> pd.DataFrame:
    """Make the table of a sweep's plan that people see, as the plan found it: on the images whose
    numbers are shown, with what is selected by the images that pick.

    Under another suite than the sweep's own, selected is what was so under that.
    """
    table = table_on(spec, plan, images)
    if (before := plan.choice_before) is not None:
        ids = table["trial_id"]
        marks = {SELECTED: ids.isin(before.selected), AT_KNEE: ids.isin(before.at_knee)}
        return table.assign(**marks)
    picks = picking_images(spec, images)
    by = table if picks == images else table_on(spec, plan, picks)
    return table.assign(**selection(by, spec.objectives))


def validation_table(spec: SweepSpec, plan: Plan, images: Images) -> pd.DataFrame:
    """Make the table of a sweep's plan on the validation images that pick, with what is selected
    where numbers of `images` are shown: by them, unless the sweep selects on its test set."""
    table = table_on(spec, plan, "picking")
    if picking_images(spec, images) == "picking":
        return table.assign(**selection(table, spec.objectives))
    return table.assign(**trials_table(spec, plan, images)[[SELECTED, AT_KNEE]])


def choosing_table(spec: SweepSpec, plan: Plan, images: Images) -> pd.DataFrame:
    """Make the table by which a sweep chooses, with nothing selected: under its own suite, on the
    images that pick, though numbers of others, or under another suite, are shown."""
    if spec.reevaluation is None:
        return table_on(spec, plan, picking_images(spec, images))
    assert plan.choice_before is not None
    own = spec.reevaluation.sweep
    return table_on(own, plan.choice_before.plan, picking_images(own, images))


def table_on(spec: SweepSpec, plan: Plan, images: Images) -> pd.DataFrame:
    """Make the table of a sweep's plan on some images, with nothing selected.

    Robustness score: the mean over the suite's categories of `robust_accuracy_*`, minus the
    same of the standard reference. Sacrificed accuracy: the reference's natural accuracy minus
    the trial's. The reference is the mean over the seeds of the standard trials that are done;
    where none is, scores are empty. The best weights, in a sweep that has them, are taken against
    the reference's last ones too: of a model that nothing defends the epoch whose worst cases are
    best is one by chance, or an early one. Under another suite than the sweep's own a trial is
    done once it is evaluated under that.
    """
    categories, settings = spec.suite.seen, spec.settings
    has_best = spec.policy.weights == "best"
    columns = columns_under(categories, spec.suite.unseen, has_best=has_best)
    rows = pd.DataFrame([_row(spec, planned, images) for planned in plan.trials])
    references = rows["is_reference"] & (rows["status"] == "done")
    table = rows.reindex(columns=[*columns, *settings])
    robust = table[[f"robust_accuracy_{c}" for c in categories]].mean(axis=1, skipna=False)
    natural = table["natural_accuracy"]
    origin = robust[references].mean(), natural[references].mean()
    table["robustness_score"], table["sacrificed_accuracy"] = (
        robust - origin[0],
        origin[1] - natural,
    )
    if has_best:
        best = table[[f"{BEST}robust_accuracy_{c}" for c in categories]].astype(float)
        table[f"{BEST}robustness_score"] = best.mean(axis=1, skipna=False) - origin[0]
        natural = table[f"{BEST}natural_accuracy"].astype(float)
        table[f"{BEST}sacrificed_accuracy"] = origin[1] - natural
    table["constant_accuracy"] = _over_equal_data(table["constant_accuracy"], plan)
    for name in settings:
        table[name] = _setting_column([planned.settings[name] for planned in plan.trials])
    numbers = [*measured_numbers(columns), "max_passes"]
    table = table.astype({name: DTYPES[columns[name].kind] for name in numbers})
    nothing = {SELECTED: False, AT_KNEE: False}
    return table.assign(on_front=on_front(table, spec.objectives, keep_collapsed=False), **nothing)


def _row(spec: SweepSpec, planned: PlannedTrial, images: Images) -> dict[str, Any]:
    """Return what is known of a trial, by column; what follows from other trials is not in it."""
    failure = planned.progress.failure if planned.status == "failed" else None
    own = planned.evaluation if images == "suite" else planned.validation
    evaluation = own if planned.status == "done" else None
    split = spec.suite.split if images == "suite" else "validation"
    return {
        "trial_id": planned.id,
        "method": planned.method,
        "seed": planned.trial.seed,
        "status": planned.status,
        "split": split if evaluation else None,
        "is_reference": planned.is_reference,
        "max_passes": planned.max_passes,
        **_of_training(planned, planned.progress.result if evaluation else None),
        **_of_evaluation(evaluation, images),
        **(_of_best(planned, images) if evaluation else {}),
        "failure": None if failure is None else f"{failure.kind}: {failure.message}",
        "pruned": str(planned.pruning) if planned.status == "pruned" else None,
    }


def _of_training(planned: PlannedTrial, result: Result | None) -> dict[str, Any]:
    if result is None:
        spent = planned.progress.spent_in_vain if planned.status == "pruned" else None
        passes = None if spent is None else spent.passes
        return {
            "seconds": np.nan if spent is None else spent.seconds,
            "training_passes": None if passes is None else sum(passes.values()),
            "collapsed": None,
            "degraded": None,
        }
    return {
        "seconds": result.seconds,
        "training_passes": result.passes.total if result.passes else None,
        "collapsed": result.collapsed,
        "degraded": result.degraded,
    }


def _of_evaluation(evaluation: Evaluation | None, images: Images) -> dict[str, Any]:
    if evaluation is None:
        return {"evaluation_passes": None, "constant_accuracy": np.nan, "warnings": None}
    found = evaluation.on_all if images == "suite" else on_half(evaluation, images)
    constant = found.constant_accuracy
    return {
        **found.accuracies,
        "evaluation_passes": evaluation.passes.total if evaluation.passes else None,
        "constant_accuracy": np.nan if constant is None else constant,
        "warnings": "; ".join(warning.code for warning in evaluation.warnings) or None,
    }


def _of_best(planned: PlannedTrial, images: Images) -> dict[str, Any]:
    """Return what is known of a trial's best weights, by column; nothing where none are kept."""
    its = planned.progress.best
    if its is None or its.result is None:
        return {}
    evaluation = its.evaluation if images == "suite" else its.validation
    found: dict[str, Any] = {} if evaluation is None else _of_evaluation(evaluation, images)
    return {
        f"{BEST}epoch": its.result.best_epoch,
        **{of_weights(name, "best"): value for name, value in found.items() if _has_best(name)},
        f"{BEST}collapsed": its.result.collapsed,
    }


def _has_best(name: str) -> bool:
    """Whether a column has another of the best weights beside it."""
    return is_of_best(of_weights(name, "best"))


def _over_equal_data(constants: pd.Series[float], plan: Plan) -> pd.Series[float]:
    """Fill in the constant classifier's accuracy of each trial that is done from one on the same
    data: evaluations made before it was kept have none."""
    data = [planned.trial.data for planned in plan.trials]
    known = {key: value for key, value in zip(data, constants, strict=True) if pd.notna(value)}
    filled = [
        known.get(planned.trial.data, np.nan) if planned.status == "done" else np.nan
        for planned in plan.trials
    ]
    return pd.Series(filled, index=constants.index, dtype=float)


def _setting_column(values: Sequence[Any]) -> pd.Series[Any]:
    """Make a column: whole numbers stay whole beside empty cells, lists are written with commas,
    weights as `natural=0.4 pgd=0.6`."""
    plain = [
        ", ".join(map(str, v))
        if isinstance(v, (tuple, list))
        else value_text(v)
        if is_mix(v)
        else v
        for v in values
    ]
    is_whole = all(value is None or type(value) is int for value in plain)
    return pd.Series(plain, dtype="Int64" if is_whole else None)
