"""Which images are meant, and what is said of those that do not exist."""

from __future__ import annotations

import pytest

from trainer.explanation.chosen import MOST, chosen_images
from trainer.input.problems import InputError


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("first:3", (0, 1, 2)),
        ("0,5,17", (0, 5, 17)),
        (" 9, 3 ,9 ", (9, 3)),
        ("19", (19,)),
        ("first:20", tuple(range(20))),
    ],
)
def test_images_are_named(text: str, chosen: tuple[int, ...]) -> None:
    assert chosen_images(text, 20) == chosen


@pytest.mark.parametrize(
    "text", ["", "first:", "first:0", "first:x", "1,,2", "-1", "1-3", "a", "1 2"]
)
def test_what_names_none_is_refused(text: str) -> None:
    with pytest.raises(
        InputError, match=r"^--images must be numbers of images, such as 0,5,17, or"
    ):
        chosen_images(text, 20)


@pytest.mark.parametrize(("text", "got"), [("3,20", 20), ("first:21", 20), ("99999", 99999)])
def test_images_that_do_not_exist_are_refused(text: str, got: int) -> None:
    message = f"--images must name images of the test split, 0 to 19, got {got}"
    with pytest.raises(InputError, match=message):
        chosen_images(text, 20)


def test_too_many_for_a_picture_are_refused() -> None:
    assert len(chosen_images(f"first:{MOST}", 100)) == MOST
    with pytest.raises(InputError, match=f"at most {MOST} images"):
        chosen_images(f"first:{MOST + 1}", 100)
