"""Categories that nobody trained on stand beside score and union, under columns of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import Suite, read_suite
from trainer.evaluation.trained_on import refuse_trained_on, trained_on
from trainer.input.document import Document
from trainer.input.problems import BadInput

PGD = {"epsilon": 0.1, "ladder": [1, 10]}
NOISE = {"attack": "corruption", "kind": "gaussian_noise", "ladder": [1, 3, 5]}


def suite_of(**sections: Any) -> Suite:
    return read_suite(Document.from_plain(sections, "suite.yaml:1"))


def bits(*counts: int) -> Any:
    return np.arange(8) < np.array(counts)[:, None]


def test_marks_are_content_and_are_kept() -> None:
    plain, marked = (
        suite_of(pgd=PGD, noise=NOISE),
        suite_of(pgd=PGD, noise=NOISE | {"unseen": True}),
    )
    assert plain.unseen == ()
    assert (marked.seen, marked.unseen) == (("pgd",), ("noise",))
    assert plain.id != marked.id
    assert plain.id == suite_of(pgd=PGD | {"unseen": False}, noise=NOISE).id
    assert read_suite(Document.from_plain(marked.record(), "record")) == marked
    assert "unseen" not in plain.record()["noise"]


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"pgd": PGD | {"unseen": True}}, "at least one attack that is not unseen"),
        ({"pgd": PGD | {"unseen": "yes"}}, "unseen"),
    ],
)
def test_wrong_marks_are_refused(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        suite_of(**sections)


STANDARD = {"training": {"attacks": {}}}
ON_PGD = {"training": {"attacks": {"mine": {"attack": "pgd", "epsilon": 0.3, "num_steps": 2}}}}
TUNED = {**STANDARD, "start": {"trial": "t1"}}
FOREIGN = {"training": {"attacks": {"mine": {"attack": "nobody.knows:Attack"}}}}
OLD = {"training": {"attacks": {"pgd": {"radius": 0.3}}}}
SUITE = {
    "flow": {"epsilon": 0.1, "ladder": [1]},
    "linf": {"attack": "pgd", "epsilon": 0.01, "ladder": [1], "unseen": True},
}


def record(trial: dict[str, Any]) -> Document:
    return Document.from_plain(trial, "weights.pt")


@pytest.mark.parametrize(
    ("trial", "parents"),
    [(ON_PGD, {}), (TUNED, {"t1": ON_PGD}), (TUNED, {"t1": TUNED | ON_PGD})],
)
def test_what_a_model_was_trained_on_is_not_unseen(
    trial: dict[str, Any], parents: dict[str, dict[str, Any]]
) -> None:
    """Whatever the radius; and in whichever of the trials that it stands on."""
    found = trained_on(record(trial), trusts_code=False, parent=lambda it: record(parents[it]))
    document = Document.from_plain(SUITE, "suite.yaml")
    with pytest.raises(BadInput, match=r"linf\.unseen: must be false .* was trained as mine"):
        refuse_trained_on(document, suite_of(**SUITE), found)
    refuse_trained_on(
        document, suite_of(**SUITE | {"linf": {**SUITE["linf"], "norm": "l2"}}), found
    )


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        (STANDARD, ""),
        ({}, "its file does not say what it was trained on"),
        (TUNED, "it starts from the weights of t1, and what that was trained on is not known"),
        (FOREIGN, "it was trained on mine, an attack of somebody's own (nobody.knows:Attack); "),
        (OLD, "it was trained on pgd, which cannot be read: weights.pt"),
    ],
)
def test_what_is_not_known_of_a_training_is_said(trial: dict[str, Any], said: str) -> None:
    found = trained_on(record(trial), trusts_code=False, parent=lambda _: None)
    doubt = found.doubt(suite_of(**SUITE))
    assert bool(doubt) == bool(said)
    assert said in doubt
    seen = {**SUITE, "linf": {**SUITE["linf"], "unseen": False}}
    assert found.doubt(suite_of(**seen)) == "", "nothing is marked"


def test_an_unseen_category_is_in_neither_mean_nor_union() -> None:
    robust = {"pgd": bits(6, 4), "rt": bits(4, 2), "noise": bits(3, 1, 0)}
    ladders = {"pgd": (1, 10), "rt": (1, 10), "noise": (1, 3, 5)}
    facts: dict[str, Any] = {"natural": bits(8)[0], "ladders": ladders}
    outcomes = Outcomes(robust=robust, unseen=("noise",), **facts)
    without = Outcomes(
        natural=bits(8)[0],
        robust={name: robust[name] for name in ("pgd", "rt")},
        ladders={name: ladders[name] for name in ("pgd", "rt")},
    )
    accuracies = outcomes.accuracies()
    assert accuracies.pop("unseen_accuracy_noise") == pytest.approx(4 / 24)
    assert accuracies.pop("unseen_worst_noise") == 0
    assert accuracies == without.accuracies()
    mean = "mean_robust_accuracy"
    assert outcomes.measures()[mean].value == without.measures()[mean].value == 0.5
    again = Outcomes.from_bytes(outcomes.to_bytes())
    assert again.accuracies() == outcomes.accuracies()
    assert outcomes.among(bits(5)[0]).accuracies()["unseen_accuracy_noise"] == pytest.approx(4 / 15)


def test_unequal_attacks_that_are_unseen_are_nothing_to_warn_of() -> None:
    far = {"attack": "pgd", "epsilon": 0.1, "num_restarts": 3, "ladder": [50], "unseen": True}
    assert suite_of(pgd=PGD, far=far).oddities((1, 8, 8)) == ()
