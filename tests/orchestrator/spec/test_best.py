"""Which weights a sweep stands on: what it says, what follows from a cap, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.spec.sweep_spec import SweepSpec
from trainer.input.problems import BadInput

Read = Callable[..., SweepSpec]

FILE = """\
data: digits
training: {epochs: 4}
methods:
  pgd: {}
  average: {natural_weight: 0.5}
tracking: none
"""


def weights_of(spec: SweepSpec) -> tuple[str, bool]:
    """What the policy says, and what objectives are of; the resolved file says the same."""
    assert f"weights: {spec.policy.weights}\n" in spec.resolved_yaml()
    return spec.policy.weights, all(it.name.startswith("best_") for it in spec.objectives)


def test_last_is_the_default_and_best_moves_the_objectives(read: Read) -> None:
    assert weights_of(read(FILE)) == ("last", False)
    best = read(FILE, "weights=best")
    assert weights_of(best) == ("best", True)
    assert best.reference_point == read(FILE).reference_point
    assert best.objectives[1].sign == 1, "the sacrifice is minimised"
    cost = read(FILE, "weights=best", "objectives=[union_accuracy, seconds]", SECONDS)
    assert [it.name for it in cost.objectives] == ["best_union_accuracy", "seconds"]


SECONDS = "hypervolume={reference: [0, 100]}"


def test_a_cap_on_passes_chooses_epochs_unless_the_file_says_otherwise(read: Read) -> None:
    cap = "training.max_passes=99000000"
    assert weights_of(read(FILE, cap)) == ("best", True)
    assert weights_of(read(FILE, cap, "weights=last")) == ("last", False)
    assert weights_of(read(FILE, f"methods.pgd={{{cap.replace('=', ': ')}}}"))[0] == "best"
    assert weights_of(read(FILE, "methods.pgd={training.max_passes: null}"))[0] == "last"
    varied = read(FILE, "methods.pgd={vary: {training.max_passes: [99000000, null]}}")
    assert weights_of(varied)[0] == "best"


def test_no_id_hangs_on_it(read: Read) -> None:
    ids = [[cell.id for cell in read(FILE, f"weights={it}").cells] for it in ("last", "best")]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "validation.attacks={pgd: null, flow: null, rt: null}",
            r"validation.attacks: must have some where weights: best chooses epochs by worst "
            r"cases, got none \(standard\); name attacks as training.attacks does, or say "
            r"weights: last",
        ),
        (
            "validation.every=5",
            r"validation.every: must be at most the 4 epochs of standard where weights: best .*, "
            r"got 5, by which the last one alone is looked at; lower it",
        ),
        (
            "methods.average={validation.every: 2}",
            r"validation: must be the same for all methods where weights: best .*, and that of "
            r"average is not that of standard",
        ),
        ("weights=first", r"weights: must be one of 'last' or 'best', got 'first'"),
    ],
)
def test_what_leaves_no_choice_of_an_epoch_is_refused(
    read: Read, assignment: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        read(FILE, *([] if assignment.startswith("weights") else ["weights=best"]), assignment)
    if not assignment.startswith("weights"):
        read(FILE, assignment)


def test_a_cap_that_cannot_choose_says_that_it_is_why(read: Read) -> None:
    with pytest.raises(BadInput, match=r"where training.max_passes, under which weights are best,"):
        read(FILE, "training.max_passes=99000000", "validation.every=5")
