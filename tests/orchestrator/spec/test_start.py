"""Cells that start from others: which one a name means, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.spec.sweep_spec import SweepSpec
from trainer.input.problems import BadInput

Read = Callable[..., SweepSpec]

SWEEP = """\
data: digits
training: {epochs: 4}
methods:
  tuned:
    method: flow
    start: {from: {method: pgd, pgd.epsilon: 0.2}}
    training.epochs: 3
  pgd: {vary: {pgd.epsilon: [1/10, 0.2]}}
tracking: none
"""


def test_a_cell_stands_after_the_one_that_it_starts_from(read: Read) -> None:
    spec = read(SWEEP)
    assert [cell.method for cell in spec.cells] == ["standard", "pgd", "tuned", "pgd"]
    tuned = spec.cells[2]
    assert tuned.start is not None
    assert tuned.start.settings == {"pgd.epsilon": 0.2}
    assert tuned.start.id == spec.cells[1].id
    assert tuned.trial.start is not None
    assert tuned.trial.start.trial == tuned.start.id


@pytest.mark.parametrize(
    "named",
    [
        "{method: pgd, pgd.epsilon: 1/10}",
        "{method: pgd, pgd.epsilon: 0.1}",
        "{method: pgd, pgd.epsilon: 0.10, training.epochs: 4}",
        "{method: pgd, pgd.epsilon: 1e-1, data.name: digits}",
    ],
)
def test_a_cell_is_named_by_any_settings_that_it_has(read: Read, named: str) -> None:
    spec = read(SWEEP, f"methods.tuned.start.from={named}")
    (tuned,) = (cell for cell in spec.cells if cell.method == "tuned")
    assert tuned.start is not None
    assert tuned.start.settings == {"pgd.epsilon": 0.1}


def test_starts_may_vary_and_follow_one_another(read: Read) -> None:
    spec = read(
        SWEEP,
        "methods.either={method: rt, vary: {start.from: [standard, {method: tuned}, null]}}",
        "methods.each={method: flow, start: {from: {method: pgd}}, "
        "vary: {start.from.pgd.epsilon: [0.1, 0.2]}}",
    )
    either = [cell for cell in spec.cells if cell.method == "either"]
    assert [cell.settings["start.from"] for cell in either] == ["standard", "tuned", None]
    assert [cell.start and cell.start.method for cell in either] == ["standard", "tuned", None]
    assert [cell.method for cell in either[1].ancestors] == ["pgd", "tuned"]
    each = [cell for cell in spec.cells if cell.method == "each"]
    assert [cell.settings["start.from.pgd.epsilon"] for cell in each] == [0.1, 0.2]
    assert len({cell.id for cell in spec.cells}) == len(spec.cells)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (
            "{from: {method: pgd, pgd.epsilon: 0.3}}",
            "start.from: must name a cell of the sweep",
        ),
        ("{from: {method: pgd, pgd.epsilon: 0.3}}", "there are pgd.epsilon (1/10, 0.2)"),
        ("{from: {method: pgd, training.epochs: 5}}", "got pgd training.epochs=5"),
        ("{from: {method: pgd, pgd.epsilon: 1/0}}", "must name a cell of the sweep, got pgd"),
        ("{from: pgdd}", "must name a method of the sweep, got 'pgdd'; did you mean 'pgd'?"),
        (
            "{from: pgd}",
            "must name one cell, got pgd, which are 2; add what tells them",
        ),
        ("{from: tuned}", "must not lead back to itself, got tuned from tuned"),
        ("{form: pgd}", "start.form: is not a known key (known keys: from)"),
        ("{}", "start.from: is required"),
        ("pgd", "start: must be a mapping"),
        ("{from: {pgd.epsilon: 0.2}}", "start.from.method: is required"),
        ("{from: {method: 3}}", "start.from.method: must be the label of a method, got 3"),
        ("{from: {method: pgd, rho: 0.1}}", "start.from.rho: is not a known key"),
    ],
)
def test_names_of_no_cell_are_refused(read: Read, start: str, message: str) -> None:
    with pytest.raises(BadInput) as raised:
        read(SWEEP, f"methods.tuned.start={start}")
    assert message in str(raised.value)
    assert "methods.tuned.start" in str(raised.value)


def test_cells_that_differ_in_their_start_alone_are_told_apart(read: Read) -> None:
    """They are the same trial apart from where it starts, and a name means one of them."""
    either = "methods.either={method: rt, vary: {start.from: [null, standard]}}"
    with pytest.raises(BadInput, match=r"got either, which are 2; .* start.from \(null, standard"):
        read(SWEEP, either, "methods.tuned.start.from=either")
    for start, parent in (("null", None), ("standard", "standard")):
        spec = read(
            SWEEP, either, f"methods.tuned.start.from={{method: either, start.from: {start}}}"
        )
        (tuned,) = (cell for cell in spec.cells if cell.method == "tuned")
        assert tuned.start is not None
        assert tuned.start.settings["start.from"] == parent
    with pytest.raises(BadInput, match=r"must name a cell of the sweep, got flow start\.from="):
        read(
            SWEEP,
            "methods.flow={}",
            "methods.tuned.start.from={method: flow, start.from: standard}",
        )


def test_a_circle_is_told_whole(read: Read) -> None:
    with pytest.raises(BadInput, match=r"got (a from b from a|b from a from b)"):
        read(
            SWEEP,
            "methods.a={method: flow, start: {from: b}}",
            "methods.b={method: rt, start: {from: a}}",
        )


def test_another_network_is_refused(read: Read) -> None:
    with pytest.raises(BadInput, match="must name a cell of the same network, whose weights fit"):
        read(SWEEP.replace("training.epochs: 3", "model.channels: [8, 8]"))


def test_what_is_drawn_starts_from_what_is_not(read: Read) -> None:
    search = "search={strategy: random, trials: 6}"
    fixed = read(
        SWEEP,
        search,
        "methods.tuned.start.from=standard",
        "methods.pgd.vary={pgd.epsilon: {min: 0.1, max: 0.2}}",
    )
    assert [cell.method for cell in fixed.cells] == ["standard", "tuned"]
    drawn = read(
        SWEEP,
        search,
        "methods.pgd.vary={pgd.epsilon: {min: 0.1, max: 0.2}}",
        "methods.tuned={method: flow, start: {from: standard}, vary: {flow.epsilon: [0.1, 0.2]}}",
    )
    cell = drawn.space.cell(drawn.space.methods["tuned"], {"flow.epsilon": 0.1})
    assert cell.start is not None
    assert cell.start.id == drawn.cells[0].id
    with pytest.raises(BadInput, match="must start from a cell that is in the sweep whatever is"):
        read(SWEEP, search)


def test_the_reference_itself_starts_from_nothing(read: Read) -> None:
    with pytest.raises(BadInput, match=r"methods.standard: must be \{\}, with nothing but vary"):
        read(SWEEP, "methods.standard={training.epochs: 3}")
