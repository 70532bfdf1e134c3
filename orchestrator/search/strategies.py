"""Search strategies by name."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.search import grid, quasi_random
from orchestrator.search.strategy import Strategy
from orchestrator.spec.search import StrategyName

STRATEGIES: Mapping[StrategyName, Strategy] = {
    "grid": grid.propose,
    "random": quasi_random.propose,
}
