"""The rule by which radii are chosen, on made-up outcomes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.threats import STUDIES, Candidate, candidates
from trainer.evaluation.outcomes import Outcomes

RADII = STUDIES["digits"].radii


def candidate(**changed: object) -> Candidate:
    """One that keeps all rules."""
    kept = {
        "pgd": 0.2,
        "flow": 0.08,
        "rt": 0.1,
        "standard_union": 0.01,
        "pgd_worst": {"pgd": 0.5, "flow": 0.45, "rt": 0.55},
        "pgd_union": 0.3,
        "sacrificed": 0.03,
    }
    return Candidate(**kept | changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "distance"),
    [
        ({}, 0),
        ({"standard_union": 0.15}, 0.1),
        ({"pgd_worst": {"pgd": 0.5, "flow": 0.05, "rt": 0.5}}, 0.15),
        ({"pgd_worst": {"pgd": 0.9, "flow": 0.5, "rt": 0.5}}, 0.1),
        ({"sacrificed": -0.01}, 0.02),
    ],
)
def test_a_rule_is_missed_by_as_much_as_it_says(
    changed: dict[str, object], distance: float
) -> None:
    assert candidate(**changed).distance == pytest.approx(distance)


def test_rules_come_before_room_and_room_before_cost() -> None:
    central = candidate()
    off = candidate(pgd_worst={"pgd": 0.7, "flow": 0.5, "rt": 0.5}, sacrificed=0.2)
    missing = candidate(standard_union=0.06)
    dearer = candidate(sacrificed=0.04)
    assert sorted([missing, off, central, dearer], key=lambda each: each.rank) == [
        dearer,
        central,
        off,
        missing,
    ]


def test_unions_are_over_the_combination_image_by_image() -> None:
    """Two images: a radius up to the middle of its list breaks none, a larger one breaks the
    first (pgd, flow) or the second (rt)."""

    def bits(label: str, radius: float) -> np.ndarray:
        broken = radius > RADII[label][len(RADII[label]) // 2]
        return np.array([[not (broken and label != "rt"), not (broken and label == "rt")]])

    outcomes = Outcomes(
        natural=np.array([True, True]),
        robust={
            f"{label}_{radius:g}".replace(".", "_"): bits(label, radius)
            for label, radii in RADII.items()
            for radius in radii
        },
        ladders={},
    )
    models = {epsilon: [outcomes] for epsilon in RADII["pgd"]}
    found = {(each.pgd, each.flow, each.rt): each for each in candidates(RADII, [outcomes], models)}
    first = tuple(radii[0] for radii in RADII.values())
    last = tuple(radii[-1] for radii in RADII.values())
    assert len(found) == np.prod([len(radii) for radii in RADII.values()])
    assert found[first].standard_union == 1
    assert found[(last[0], last[1], first[2])].standard_union == 0.5
    assert found[last].standard_union == 0
    assert found[last].pgd_worst == {"pgd": 0.5, "flow": 0.5, "rt": 0.5}
