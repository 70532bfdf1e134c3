"""Section `confirm` of a sweep file: what it means, and what is refused."""

from __future__ import annotations

import pytest

from orchestrator.pareto.sign_flips import MOST_SEEDS
from orchestrator.spec.confirm import MOST_FRESH_SEEDS
from tests.orchestrator.conftest import Read
from trainer.input.problems import BadInput

SWEEP = """\
data: digits
methods: {pareto: {vary: {rho: [0.2, 0.4]}}}
seeds: [0, 7, 3]
"""


def test_nothing_is_confirmed_unless_asked_for(read: Read) -> None:
    assert read(SWEEP).confirm is None
    assert read(SWEEP, "confirm=null").confirm is None


def test_fresh_seeds_are_counted_on_from_the_last(read: Read) -> None:
    spec = read(SWEEP, "confirm={keep: {per_method: 5}, seeds: 3}")
    assert spec.confirm is not None
    assert spec.confirm.seeds == (8, 9, 10)
    assert (spec.confirm.per_method, spec.confirm.by) == (5, "validation")
    assert read(spec.resolved_yaml()).confirm == spec.confirm
    by_test = read(SWEEP, "selection=test", "confirm={keep: {per_method: 1, by: test}, seeds: 2}")
    assert by_test.confirm is not None
    assert by_test.confirm.by == "test"


def test_as_many_seeds_as_are_tested() -> None:
    assert MOST_FRESH_SEEDS == MOST_SEEDS


ONE_SEED = "{keep: {per_method: 2}, seeds: 1}"


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["confirm={keep: {per_method: 0}, seeds: 8}"], "confirm.keep.per_method: must be"),
        (["confirm={keep: {per_method: 2}, seeds: 0}"], "confirm.seeds: must be"),
        (["confirm={keep: {per_method: 2}, seeds: 41}"], "confirm.seeds: must be"),
        (["confirm={keep: {per_method: 2}}"], "confirm.seeds: is required"),
        (["confirm={seeds: 8}"], "confirm.keep: is required"),
        (["confirm={keep: {per_method: 2}, seeds: 8, more: 1}"], "confirm.more: is not a known"),
        (["confirm={keep: {per_method: 2, by: training}, seeds: 8}"], "confirm.keep.by: must be"),
        (
            ["confirm={keep: {per_method: 2, by: test}, seeds: 8}"],
            "confirm.keep.by: must be validation, got test: cells that the test set picks cannot "
            "be confirmed by it",
        ),
        (
            ["confirm={keep: {per_method: 2}, seeds: 8}", "evaluation.split=validation"],
            "confirm: must be left out where evaluation.split is validation",
        ),
        (
            [
                "confirm={keep: {per_method: 2}, seeds: 1}",
                "methods.again={method: replay, of: pareto}",
            ],
            "confirm.seeds: must be at least 2 where again replays the schedule of another seed",
        ),
        (
            ["confirm={keep: {per_method: 2}, seeds: 3}", "seeds=[0, 2147483645]"],
            "confirm.seeds: must leave each fresh seed below 2^31, got 3 after the seed 2147483645",
        ),
    ],
)
def test_what_cannot_be_confirmed_is_refused(
    read: Read, assignments: list[str], message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(SWEEP, *assignments)
    assert message in str(caught.value)
