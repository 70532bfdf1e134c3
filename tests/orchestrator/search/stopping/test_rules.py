"""Rules as a sweep file has them: read, recorded, asked in turn, and asked again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.search.stopping import (
    Pruning,
    decide,
    pruning_in_force,
    read_rules,
    recorded,
    restored,
)
from orchestrator.search.stopping.collapse import Collapse
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from tests.orchestrator.search.stopping.own_rules import From
from tests.orchestrator.search.stopping.test_collapse import rows
from trainer.input.document import Document
from trainer.input.own_code import OwnCodeError
from trainer.input.problems import BadInput
from trainer.training.loop import EpochRow

OWN = "tests.orchestrator.search.stopping.own_rules"
SWEEP = """\
data: digits
training: {epochs: 6}
methods: {flow: {}}
stopping: {collapse: {epochs: 3}}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null}
"""

PRESET_THEN = (
    "data.validation=180",
    "training.attacks.flow.epsilon=0.15",
    "validation.attacks.flow.epsilon=0.15",
    "validation.attacks.rt.epsilon=0.25",
)
"""What golden ids are of and the preset of digits has changed since."""

Read = Callable[..., SweepSpec]


def rules_of(**written: Any) -> dict[str, Any]:
    return read_rules(Document.from_plain(written, "test"))


def test_rules_are_read_by_label_or_by_path() -> None:
    own = {"rule": f"{OWN}:From", "epoch": 4}
    rules = rules_of(collapse={"epochs": 3}, soon={"rule": "collapse", "epochs": 1}, own=own)
    assert rules == {
        "collapse": Collapse(epochs=3),
        "soon": Collapse(epochs=1),
        "own": From(epoch=4),
    }
    assert restored(json.loads(json.dumps(recorded(rules)))) == rules
    assert rules_of(collapse=None) == {}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"colapse": {"epochs": 2}}, "colapse.rule: must name a known rule, got 'colapse'; did"),
        ({"collapse": {}}, "collapse.epochs: is required (epochs in a row"),
        ({"collapse": {"epochs": 0}}, "collapse.epochs: must be >= 1, got 0"),
        ({"collapse": {"epochs": 2, "patience": 1}}, "collapse.patience: is not a known key"),
        ({"collapse": 3}, "collapse: must be a mapping"),
        ({"own": {"rule": f"{OWN}:Wordless"}}, "own.rule: must name a subclass of orchestrator."),
        ({"own": {"rule": "trainer.methods:Pareto"}}, "search.stopping.Rule that defines its"),
        ({"own": {"rule": f"{OWN}:Absent"}}, "own.rule: must name an importable rule"),
        ({"=1": {"rule": "collapse", "epochs": 1}}, "must"),
    ],
)
def test_bad_rules_are_refused(written: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as raised:
        rules_of(**written)
    assert message in str(raised.value)


def test_the_first_rule_that_decides_is_named() -> None:
    rules = rules_of(
        slow={"rule": "collapse", "epochs": 3}, own={"rule": f"{OWN}:From", "epoch": 2}
    )
    assert decide(rules, [], {}) is None
    assert decide(rules, rows("x"), {}) is None
    assert decide(rules, rows("xx"), {}) == Pruning(
        rule="own",
        settings={"rule": f"{OWN}:From", "epoch": 2},
        reason="it has 2 epochs",
        numbers={"epoch": 2.0},
    )
    pruning = decide(rules, rows("xxx"), {})
    assert str(pruning) == "slow: right on one class at most from epoch 1 to 3"


def test_what_a_rule_of_ones_own_raises_is_told_with_its_line() -> None:
    rules = rules_of(mine={"rule": f"{OWN}:Raising", "epoch": 1})
    with pytest.raises(ValueError, match="no such column") as raised:
        decide(rules, rows("x"), {})
    if isinstance(raised.value, OwnCodeError):  # the tests' own code is the user's
        assert str(raised.value).startswith("stopping.mine the code that it names must run")
        assert "own_rules.py:" in str(raised.value)
    with pytest.raises(ValueError, match=r"stopping\.mine must decide by finite numbers"):
        decide(rules_of(mine={"rule": f"{OWN}:Endless", "epoch": 1}), rows("x"), {})
    with pytest.raises(ValueError, match=r"stopping\.mine must decide by a Decision.*, got bool"):
        decide(rules_of(mine={"rule": f"{OWN}:Affirming", "epoch": 1}), rows("x"), {})


def unread() -> list[EpochRow]:
    raise AssertionError("an equal rule comes to the same decision: rows need not be read")


def test_a_decision_counts_while_the_current_rules_would_make_it() -> None:
    course = rows(".xxx")
    past = decide(rules_of(collapse={"epochs": 3}), course, {})
    assert past is not None
    past = Pruning(**json.loads(json.dumps(past.record())))
    same = rules_of(other={"rule": "collapse", "epochs": 3})
    assert pruning_in_force(same, past, unread, dict) == replace(past, rule="other")
    assert pruning_in_force({}, past, unread, dict) is None
    weaker = rules_of(collapse={"epochs": 4})
    assert pruning_in_force(weaker, past, lambda: course, dict) is None
    stricter = pruning_in_force(
        rules_of(soon={"rule": "collapse", "epochs": 2}), past, lambda: course, dict
    )
    assert stricter is not None
    assert stricter.rule == "soon"


# --- in a sweep file


def test_stopping_changes_no_id(read: Read, store: Store) -> None:
    """Golden: trials with and without rules are the same trials."""

    def ids(*assignments: str) -> list[str]:
        spec = read(SWEEP, *PRESET_THEN, *assignments)
        plan = make_plan(spec, store, fingerprint_of=lambda data: "golden")
        return [planned.id for planned in plan.trials]

    golden = ["t5a52e5747562c166", "t076b52b1603754ad"]
    assert ids() == golden
    assert ids("stopping={}") == golden
    assert ids("stopping.collapse.epochs=1") == golden


def test_resolved_specification_has_the_rules_in_full(read: Read) -> None:
    assert (
        "stopping:\n  collapse:\n    rule: collapse\n    epochs: 3\n" in read(SWEEP).resolved_yaml()
    )
    assert "stopping: {}" in read(SWEEP, "stopping.collapse=null").resolved_yaml()


def test_unknown_rule_is_refused_with_its_line(read: Read) -> None:
    with pytest.raises(BadInput, match=r"sweep.yaml:4: stopping\.colapse\.rule: must name a known"):
        read(SWEEP.replace("collapse", "colapse"))


def test_a_rule_by_validation_needs_some(read: Read) -> None:
    assert read(SWEEP, "validation.every=6").notes == ()
    with pytest.raises(BadInput) as raised:
        read(SWEEP, "validation.every=7")
    assert "sweep.yaml:4: stopping.collapse: must have validations to decide by" in str(
        raised.value
    )
    assert "validation.every is 7; lower it" in str(raised.value)


def test_a_rule_that_comes_too_late_is_told_of(read: Read) -> None:
    (note,) = read(SWEEP, "training.epochs=2").notes
    assert note == (
        "stopping.collapse ends no trial: it decides after 3 epochs at the earliest, and trials "
        "have at most 2"
    )
