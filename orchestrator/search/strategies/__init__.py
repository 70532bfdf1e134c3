"""Search strategies by name: which cells come next, from what is known of a sweep.

None writes or reads anything: who plans a sweep asks them, here, on whatever machine.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.search.strategies import grid, quasi_random
from orchestrator.search.strategies.strategy import Strategy
from orchestrator.spec.search import StrategyName

STRATEGIES: Mapping[StrategyName, Strategy] = {
    "grid": grid.propose,
    "random": quasi_random.propose,
}
"""Search strategies by name."""
