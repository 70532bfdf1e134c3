"""Rooms as the tables tell them."""

from __future__ import annotations

import pytest

from tests.workshop.rooms import MODULES, PACKAGES, ROOMS, modules_of, room_of


def test_a_room_is_read_with_what_it_does_and_imports() -> None:
    room = ROOMS["trainer.schedule"]
    assert room.purpose == "The learning rate at each step."
    assert room.imports == {"trainer.input", "trainer.late_torch"}
    assert "trainer.input" in ROOMS["orchestrator.store.records"].imports


def test_every_module_lies_in_one_room() -> None:
    inside = [module for room in ROOMS for module in modules_of(room)]
    assert sorted(inside) == sorted(MODULES.keys() - set(PACKAGES))


def test_the_innermost_room_has_a_module() -> None:
    assert room_of("orchestrator.store.trials.attempt") == "orchestrator.store.trials"
    assert room_of("orchestrator.store.__main__") == "orchestrator.doors"


def test_a_module_without_a_room_is_named() -> None:
    with pytest.raises(LookupError, match=r"orchestrator\.drawer\.odds lies in no room"):
        room_of("orchestrator.drawer.odds")
