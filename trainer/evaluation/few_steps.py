"""How much of a category's number is made by rungs that hardly attack.

A category's accuracy is the mean over its ladder, and a run of few small steps cannot cross the set
that it searches: of a model that every longer run breaks, what is left of the mean is the rungs of
one and five steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainer.evaluation.suite import Suite

FEW_STEPS = 5
"""Most steps of a rung that counts as one of few."""


def shares_of_few_steps(
    suite: Suite, found: Sequence[Mapping[str, Sequence[int]]]
) -> dict[str, float]:
    """Compute which share of each category's mean over its ladder the rungs of at most `FEW_STEPS`
    steps make, over several models.

    With c_k images withstanding rung k it is the sum of c_k over the rungs of few steps, divided by
    that over all: 1 where every rung is of few steps. A ladder of many alone, or of something else
    than steps, has no such share; nor has a category that no image withstands, or that is unseen.

    Args:
        found: how many images withstand each rung of each category, one for each model.
    """
    shares = {}
    for label, rungs in suite.categories.items():
        few = sum(steps <= FEW_STEPS for steps in rungs.ladder)
        if rungs.unseen or rungs.attack.rung != "num_steps" or not few:
            continue
        counts = [sum(each[label][k] for each in found) for k in range(len(rungs))]
        if any(counts):
            shares[label] = sum(counts[:few]) / sum(counts)
    return shares


def few_steps_text(shares: dict[str, float]) -> str:
    """Say the shares for people; empty where there are none."""
    if not shares:
        return ""
    each = ", ".join(f"{label} {100 * share:.0f} %" for label, share in shares.items())
    return f"rungs of at most {FEW_STEPS} steps make up this share of a category's mean: {each}"
