"""What rungs of few steps make in a sweep: from the bits in the store, of trials that are done."""

from __future__ import annotations

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.results import few_steps as module
from orchestrator.results.few_steps import few_steps
from orchestrator.store import Store
from orchestrator.store.trials.records import Halves, OnImages
from tests.orchestrator.conftest import Finish, Read

SPEC = """
data: {name: digits}
methods: {pgd: {}, flow: {}}
seeds: [0, 1]
evaluation: {pgd: {ladder: [1, 10]}, flow: {ladder: [5, 20]}, rt: null}
tracking: none
"""


def test_stored_bits_are_summed_over_done_trials(
    read: Read, finish: Finish, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = read(SPEC)
    first, second, pending = [
        it.trial for it in make_plan(spec, store).trials if not it.is_reference
    ][:3]
    finish(
        first, spec.suite, [1, 1, 1], {"pgd": [[1, 1, 1], [1, 0, 0]], "flow": [[1, 1, 0], [0] * 3]}
    )
    finish(second, spec.suite, [1, 1, 1], {"pgd": [[1, 0, 0], [1, 0, 0]], "flow": [[0] * 3] * 2})
    reference = next(it.trial for it in make_plan(spec, store).trials if it.is_reference)
    finish(
        reference, spec.suite, [1, 1, 1], {"pgd": [[1, 1, 1], [0] * 3], "flow": [[1] * 3, [0] * 3]}
    )
    found = few_steps(spec, make_plan(spec, store), store, "suite")
    assert found.record() == {"shares": {"pgd": 4 / 6, "flow": 1.0}, "trials": 2}
    assert pending.id
    ((title, text),) = found.lines()
    assert title == "few steps"
    assert text.endswith("pgd 67 %, flow 100 % (over 2 trials)")
    monkeypatch.setattr(module, "MOST_READ", 1)
    assert few_steps(spec, make_plan(spec, store), store, "suite").trials == 1


def test_until_test_numbers_are_shown_it_is_of_the_images_that_pick(
    read: Read, finish: Finish, store: Store
) -> None:
    """Of the validation images the two that pick, not the two that steer; where an evaluation does
    not tell them apart, all."""
    spec = read(SPEC)
    first, second = [it.trial for it in make_plan(spec, store).trials if not it.is_reference][:2]
    bits = {"pgd": [[1, 1, 1, 1], [0, 0, 1, 1]], "flow": [[1] * 4, [0] * 4]}
    halves = Halves(
        steering=OnImages(examples=2, withstood={"pgd": (2, 2), "flow": (2, 0)}),
        picking=OnImages(examples=2, withstood={"pgd": (2, 0), "flow": (2, 0)}),
    )
    finish(first, spec.suite, [1] * 4, bits, halves=halves)
    found = few_steps(spec, make_plan(spec, store), store, "picking")
    assert found.record() == {"shares": {"pgd": 1.0, "flow": 1.0}, "trials": 1}
    finish(second, spec.suite, [1] * 4, bits)
    found = few_steps(spec, make_plan(spec, store), store, "picking")
    assert found.record() == {"shares": {"pgd": (2 + 4) / (2 + 6), "flow": 1.0}, "trials": 2}
    found = few_steps(spec, make_plan(spec, store), store, "suite")
    assert found.shares["pgd"] == (4 + 4) / (6 + 6)


def test_of_nothing_nothing_is_said(read: Read, store: Store) -> None:
    spec = read(SPEC)
    found = few_steps(spec, make_plan(spec, store), store, "suite")
    assert (found.record(), list(found.lines())) == ({"shares": {}, "trials": 0}, [])
