"""Reports of what tests reach, counted by room."""

from __future__ import annotations

from typing import Any

from tests.workshop.reached import Reached, by_room, missing, table
from tests.workshop.rooms import ROOMS


def part(lines: int, reached: int, **missing: list[Any]) -> dict[str, Any]:
    summary = {
        "num_statements": lines,
        "covered_lines": reached,
        "num_branches": 4,
        "covered_branches": 3,
    }
    return {"summary": summary, "missing_lines": [], "missing_branches": [], **missing}


REPORT = {
    "files": {
        "trainer/schedule.py": part(10, 10, missing_branches=[[3, -1], [5, 9]]),
        "trainer/models/cnn.py": part(20, 20),
        "trainer/models/network.py": part(
            2000, 1999, missing_lines=[4, 7, 8, 9], missing_branches=[[7, 9], [11, 12]]
        ),
        "tests/conftest.py": part(1, 0),
    }
}


def test_modules_count_for_their_rooms() -> None:
    rooms = by_room(REPORT)
    assert list(rooms) == list(ROOMS)
    models = Reached(lines=2020, lines_reached=2019, branches=8, branches_reached=6)
    assert rooms["trainer.models"] == models
    assert rooms["trainer.warp"] == Reached()


def test_only_the_whole_is_a_hundred_per_cent() -> None:
    *_, models, schedule, all_rooms = (row for row in table(by_room(REPORT)) if "%" in row)
    assert models == "| trainer.models | 2020 | 99.9 % | 8 | 75 % |"
    assert schedule == "| trainer.schedule | 10 | 100 % | 4 | 75 % |"
    assert all_rooms == "| all | 2030 | 99.9 % | 12 | 75 % |"


def test_what_no_test_took_is_named() -> None:
    assert list(missing(REPORT)) == [
        "trainer.models.network: 4, 7-9, 11->12",
        "trainer.schedule: 3->out, 5->9",
    ]
