"""Variables of the environment in paths of the input: `${SCRATCH}/runs`, `~/runs`."""

from __future__ import annotations

import os
import re
from pathlib import Path

_VARIABLE = re.compile(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})?", re.ASCII)


def expanded(path: str) -> str:
    """Return `path` with the values of `$NAME` and `${NAME}`, a `$` for each `$$`, and the home
    folder for a `~` or `~USER` that it begins with.

    Raises:
        ValueError: a variable is not set, or empty; a `$` is followed by no name; nobody here is
            called USER.
    """

    def value(found: re.Match[str]) -> str:
        dollar, bare, braced = found.groups()
        if dollar:
            return "$"
        name = bare or braced
        if name is None:
            raise ValueError(f"must have $NAME, ${{NAME}}, or $$ for a $, got {path!r}")
        if not os.environ.get(name):
            raise ValueError(
                f"must name variables that are set, got {path!r} where {name} is "
                f"{'empty' if name in os.environ else 'not set'}; set it, or write $$ for a $"
            )
        return os.environ[name]

    text = _VARIABLE.sub(value, path)
    if not path.startswith("~"):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        rule = f"must be a folder, got {path!r}, and no user of this machine has that name"
        raise ValueError(rule) from None
