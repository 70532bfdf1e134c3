"""The rule `collapse` on hand-made rows."""

from __future__ import annotations

import pytest

from orchestrator.search.stopping.collapse import Collapse
from trainer.training.loop import EpochRow


def rows(course: str, *, first: int = 1) -> list[EpochRow]:
    """An epoch a character: `x` collapsed, `.` not, `-` not validated, and `?` lost."""
    known = {"x": {"validation/collapsed": 1.0}, ".": {"validation/collapsed": 0.0}, "-": {}}
    return [
        {"epoch": float(epoch), "loss/natural": 0.1, **known[each]}
        for epoch, each in enumerate(course, first)
        if each != "?"
    ]


@pytest.mark.parametrize(
    ("course", "epochs", "span"),
    [
        ("x", 1, (1, 1)),
        ("xx", 3, None),
        ("xxx", 3, (1, 3)),
        (".xxx", 3, (2, 4)),
        ("x.xx", 3, None),
        ("xxx.", 3, None),
        ("xxxxx", 3, (1, 5)),
        ("...", 1, None),
        ("---", 1, None),
        ("-x-x", 3, (2, 4)),
        ("-x-x", 4, None),
        ("-x-x-", 4, None),
        ("-.-x-x-x", 5, (4, 8)),
        ("x?x", 3, (1, 3)),
        ("xx?", 3, None),
    ],
)
def test_epochs_in_a_row(course: str, epochs: int, span: tuple[int, int] | None) -> None:
    decision = Collapse(epochs=epochs).decide(rows(course), {})
    if span is None:
        assert decision is None
    else:
        first, last = span
        assert decision is not None
        assert decision.reason == f"right on one class at most from epoch {first} to {last}"
        assert decision.numbers == {
            "first_epoch": first,
            "last_epoch": last,
            "epochs": last - first + 1,
        }


def test_it_says_what_it_does() -> None:
    assert Collapse(epochs=5).words() == (
        "ends trials that are right on one class at most for 5 epochs in a row"
    )
    assert Collapse(epochs=1).words().endswith("for an epoch")
    assert Collapse(epochs=5).fewest_epochs == 5
