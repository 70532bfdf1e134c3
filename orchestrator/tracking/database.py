"""The URI of MLflow's database in a folder, for the tracker and for `mlflow ui`."""

from __future__ import annotations

from urllib.parse import quote

PLAIN = "".join(map(chr, range(33, 127))).replace("%", "").replace("?", "") + " "
"""Characters that stand for themselves in a database's URI, like letters beyond ASCII."""


def database_uri(path: str) -> str:
    """Return the URI of the SQLite database at an absolute path.

    SQLAlchemy reads `?` as the beginning of options and `%20` as a space: where a path has either,
    both are quoted, and the driver is named, since MLflow would make the folder of a quoted
    `sqlite:` path as it is written.
    """
    quoted = "".join(each if each in PLAIN or not each.isascii() else quote(each) for each in path)
    scheme = "sqlite" if quoted == path else "sqlite+pysqlite"
    return f"{scheme}:///{quoted}"
