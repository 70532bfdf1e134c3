"""What methods cost, as far as their table knows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from orchestrator.page.costs import cost_views


def test_a_trial_without_a_cost_makes_no_mean_smaller() -> None:
    table = pd.DataFrame(
        {
            "method": ["pgd", "pgd", "pgd", "flow"],
            "status": ["done", "pending", "done", "pending"],
            "seconds": [3600.0, np.nan, 1800.0, np.nan],
            "training_passes": [100.0, np.nan, np.nan, np.nan],
        }
    )
    pgd, flow = cost_views(table)
    assert (pgd.trials, pgd.hours) == (2, 1.5)
    assert (pgd.training_passes, pgd.passes_a_trial) == (100.0, 100.0)
    assert (flow.trials, flow.hours, flow.passes_a_trial) == (0, None, None)
