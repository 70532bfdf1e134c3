"""Which images of a split are explained, from a line such as `0,5,17` or `first:8`."""

from __future__ import annotations

import re

from trainer.input.problems import InputError, shown

MOST = 64
"""Most images of one picture: each is a row of it."""


def chosen_images(text: str, count: int) -> tuple[int, ...]:
    """Read which images are meant, in the order that they are named, each once.

    Args:
        text: `first:8`, or numbers of images such as `0,5,17`.
        count: images of the split.

    Raises:
        InputError: it is neither of these, or names images that do not exist, or too many.
    """
    if match := re.fullmatch(r"first:(\d+)", text.strip()):
        chosen = tuple(range(int(match[1])))
    elif re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", text):
        chosen = tuple(dict.fromkeys(int(number) for number in text.split(",")))
    else:
        chosen = ()
    if not chosen:
        raise InputError(
            f"--images must be numbers of images, such as 0,5,17, or how many of the first, such "
            f"as first:8, got {shown(text)}"
        )
    if max(chosen) >= count:
        raise InputError(
            f"--images must name images of the test split, 0 to {count - 1}, got {max(chosen)}"
        )
    if len(chosen) > MOST:
        raise InputError(
            f"--images must name at most {MOST} images, a row of the picture each, got "
            f"{len(chosen)}; explain some of them at a time"
        )
    return chosen
