"""Tables that have the best weights beside the last epoch's, read as tables of the former alone."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from orchestrator.table.columns import WeightsName, is_of_best, of_weights


def stood_on(table: pd.DataFrame, names: Iterable[str]) -> WeightsName:
    """Say on which weights the sweep of a table stands: on the best ones where their columns of
    these names are there, since no other sweep leaves them."""
    needed = {of_weights(name, "best") for name in names}
    return "best" if any(map(is_of_best, needed)) and needed <= set(table) else "last"


def standing_on(table: pd.DataFrame, weights: WeightsName) -> pd.DataFrame:
    """Return a table of trials without columns of the best weights. Where these are asked for,
    their numbers stand in the columns of the last epoch's, empty where a table lacks one."""
    of_best = [name for name in map(str, table) if is_of_best(name)]
    if weights == "best":
        own = {of_weights(name, "last"): table[name] for name in of_best}
        table = table.assign(**{name: its for name, its in own.items() if name in table})
    return table.drop(columns=of_best)
