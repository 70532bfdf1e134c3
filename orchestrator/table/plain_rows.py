"""The rows of a sweep's own table as text, for those who ask only which trials it names."""

from __future__ import annotations

import csv
import io

csv.field_size_limit(2**31 - 1)  # as long as a failure's message may be; csv has one limit for all


def plain_rows(table: bytes) -> list[dict[str, str]] | None:
    """Return the rows of a CSV of trials, each cell as text; None where it is not whole."""
    text = table.decode(errors="replace")
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", strict=True)
    try:
        found = list(reader)
    except csv.Error:  # a quote that is damaged takes in all rows after it
        return None
    is_whole = text.endswith("\n") and all(row.get("trial_id", "")[:1] == "t" for row in found)
    return found if found and is_whole else None
