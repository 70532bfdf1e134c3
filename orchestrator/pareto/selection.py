"""What is selected: the cells on the front of cells, and the cell at its knee.

A front that is chosen and read on the same images is optimistic, single trials above all: chance
picks among them. So what decides is the front of means over seeds, on images that are shown for
nothing else, and what was selected there is then read on others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orchestrator.pareto.dominance import knee
from orchestrator.pareto.front import cell_numbers, cells
from orchestrator.table.columns import AT_KNEE, SELECTED
from orchestrator.table.objectives import Objective, minimised


def selection(table: pd.DataFrame, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Mark by two columns of yes or no, `selected` and `at_knee`, which rows of a table are of a
    cell on the front of its cells, and of the cell at that front's knee.

    Args:
        table: of the images that pick; its row's index is the result's.
    """
    found = cells(table, objectives, keep_collapsed=False)
    selected = np.flatnonzero(found["on_front"])
    means = found.loc[selected, [f"{objective.name}_mean" for objective in objectives]]
    names = [objective.name for objective in objectives]
    bend = knee(minimised(means.set_axis(names, axis="columns"), objectives))
    numbers = cell_numbers(table, objectives)
    return pd.DataFrame(
        {
            SELECTED: numbers.isin(selected),
            AT_KNEE: numbers.isin([] if bend is None else [selected[bend]]),
        },
        index=table.index,
    )
