"""A sweep whose queue grows: `python -m growing SPEC ...` as `python -m orchestrator.sweep`.

Its back end begins with the first of the trials and is given the others as it asks for more; each
of them waits for the first as for a parent.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.execution.backend import Workload
from orchestrator.execution.tuning import RayTune
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.sweep import app

run = RayTune.run


def run_growing(back_end: RayTune, workload: Workload) -> None:
    """Run the workload, one trial more at every question."""
    first, *others = workload.trials

    def more() -> list[PlannedTrial]:
        return [replace(others.pop(0), parents=(first.id,))] if others else []

    run(back_end, replace(workload, trials=(first,), more=more))


if __name__ == "__main__":
    RayTune.run = run_growing  # type: ignore[method-assign]
    app()
