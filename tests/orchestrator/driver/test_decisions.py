"""What a start keeps before it runs anything: the precision that was decided, and the spec."""

from __future__ import annotations

import pytest
from rich.console import Console

from orchestrator.driver.decisions import keep_decisions
from orchestrator.spec.auto_precision import AutoPrecision, DecidedOtherwiseError, kept
from orchestrator.store import Store

OPEN = AutoPrecision(precision="float32", why="trials run on a CPU", state="open")


def keep(store: Store, precision: AutoPrecision | None) -> str:
    """What is said."""
    console = Console(width=200)
    with console.capture() as said:
        keep_decisions(
            store.files,
            sweep="front",
            folder="sweeps/front",
            resolved="name: front\n",
            precision=precision,
            console=console,
        )
    return said.get()


def test_spec_is_kept_as_it_was_resolved(store: Store) -> None:
    assert not keep(store, None)
    assert store.files.read("sweeps/front/spec.yaml") == b"name: front\n"
    assert kept(store.files, "front") is None


def test_new_decision_is_kept_and_said(store: Store) -> None:
    assert keep(store, OPEN).startswith("training.precision is auto: float32, since trials run")
    decision = kept(store.files, "front")
    assert decision is not None
    assert decision.precision == "float32"


def test_decision_that_is_kept_is_not_said_again(store: Store) -> None:
    keep(store, OPEN)
    assert not keep(store, AutoPrecision(precision="float32", why="kept", state="kept"))


def test_another_decision_meanwhile_leaves_the_spec_unwritten(store: Store) -> None:
    """The trials of this one are others than those that the first start runs."""
    keep(store, OPEN)
    store.files.remove("sweeps/front/spec.yaml")
    with pytest.raises(DecidedOtherwiseError):
        keep(store, AutoPrecision(precision="bfloat16", why="GPUs", state="open"))
    assert store.files.read("sweeps/front/spec.yaml") is None
