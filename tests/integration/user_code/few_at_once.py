"""The sweep's command with a random search that proposes few cells at a time: `-m few_at_once`.

So its plan grows while it runs, as that of a strategy which waits for results does.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.search.strategies import STRATEGIES, quasi_random
from orchestrator.search.strategies.strategy import Known
from orchestrator.store.sweeps.records import Proposal
from orchestrator.sweep import app

CELLS = 2


def propose(known: Known, *, most: int) -> Sequence[Proposal]:
    """Propose the next few of the cells that would be proposed at once."""
    return quasi_random.propose(known, most=most)[:CELLS]


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STRATEGIES, "random", propose)  # type: ignore[arg-type]
        app()
