"""The picture of the house shows it as it is."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations

from tests.workshop.picture import LINE, PICTURE, boxes, drawn
from tests.workshop.rooms import ROOMS, ROOT


def test_the_picture_is_as_it_is_drawn() -> None:
    assert PICTURE.read_text() == drawn(), "python -m tests.workshop.picture draws it anew"


def test_each_box_says_its_room() -> None:
    groups = ET.fromstring(drawn()).iter("{http://www.w3.org/2000/svg}g")
    said = {group.get("data-room"): [text.text for text in group][1] for group in groups}
    wanted = {room: room.rpartition(".")[2] for room in ROOMS}
    assert {room: said[room] for room in wanted} == wanted


def test_no_box_lies_on_another() -> None:
    for one, other in combinations(boxes().values(), 2):
        is_beside = one.right < other.left or other.right < one.left
        assert is_beside or one.y != other.y, (one, other)


def test_the_line_of_data_leads_through_rooms_and_over_none() -> None:
    assert set(LINE[1:-1]) <= set(ROOMS)
    found = boxes()
    for down, up in (
        ("orchestrator.worker", "trainer.training"),
        ("orchestrator.results", "trainer.evaluation"),
    ):
        top, bottom = found[down], found[up]
        assert top.middle == bottom.middle
        between = [box for box in found.values() if top.y < box.y < bottom.y]
        assert [box for box in between if box.left <= top.middle <= box.right] == []


def test_the_picture_is_shown() -> None:
    assert "](house.svg)" in (ROOT / "docs/architecture.md").read_text()
