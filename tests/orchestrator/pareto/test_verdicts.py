"""Verdicts from hand-made differences, intervals against SciPy's t tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from orchestrator.pareto.sign_flips import sign_flip_p
from orchestrator.pareto.verdicts import Verdict, judged, mean_interval

MARGIN = 0.005
NOISE = np.array([-3.0, -2, -1, -1, 1, 1, 2, 3]) / 3


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        (0.03 + 0.01 * NOISE, Verdict.BETTER),
        (-0.03 + 0.01 * NOISE, Verdict.WORSE),
        (0.03 * NOISE, Verdict.UNDECIDED),  # not significant is not equal
        (0.002 * NOISE, Verdict.EQUIVALENT),
        (0.001 + 0.0005 * NOISE, Verdict.EQUIVALENT),  # of one sign, and too small to matter
        (0.0 * NOISE, Verdict.EQUIVALENT),
        (0.03 + 0.01 * NOISE[:5], Verdict.UNDECIDED),  # 5 seeds reach .0625
        (0.03 + 0.0 * NOISE[:4], Verdict.UNDECIDED),
        (0.0 * NOISE[:4], Verdict.UNDECIDED),
        (0.0 * NOISE[:0], Verdict.UNDECIDED),
    ],
)
def test_verdicts(differences: np.ndarray, expected: Verdict) -> None:
    p = sign_flip_p(differences) if len(differences) else 1.0
    judgement = judged(differences, adjusted_p=min(1.0, 3 * p), margin=MARGIN)
    assert judgement.verdict is expected
    assert judgement.why


def test_few_seeds_say_why() -> None:
    judgement = judged([0.1], adjusted_p=1.0, margin=MARGIN)
    assert judgement.why == "1 paired seed, and nothing is claimed of fewer than 5"


def test_a_margin_is_said_in_points_as_differences_are() -> None:
    """Beside a difference of 1.4 points, "beyond 0.005" would be read as a half of a hundredth."""
    apart = judged(0.1 * NOISE[:8], adjusted_p=0.3, margin=MARGIN)
    assert apart.why.endswith(f"reaches beyond {100 * MARGIN:g} points")
    alike = judged(0.0 * NOISE[:8], adjusted_p=1.0, margin=MARGIN)
    assert alike.why.endswith(f"within the margin of {100 * MARGIN:g} points")


def test_equivalent_is_two_one_sided_t_tests() -> None:
    random = np.random.default_rng(5)
    said = set()
    for scale in (0.002, 0.005, 0.01):
        for _ in range(30):
            values = random.normal(0.001, scale, 6)
            above = stats.ttest_1samp(values, -MARGIN, alternative="greater").pvalue
            below = stats.ttest_1samp(values, MARGIN, alternative="less").pvalue
            is_equivalent = max(above, below) < 0.05
            judgement = judged(values, adjusted_p=1.0, margin=MARGIN)
            assert (judgement.verdict is Verdict.EQUIVALENT) == is_equivalent
            said.add(is_equivalent)
    assert said == {True, False}


def test_the_interval_is_students() -> None:
    values = np.random.default_rng(6).normal(0, 1, 7)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert mean_interval(values, 0.9) == pytest.approx(tuple(expected))
    assert mean_interval([1.0], 0.9) is None
