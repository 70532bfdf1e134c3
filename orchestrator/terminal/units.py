"""Durations, counts and sizes in words for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Write seconds for people: `45 s`, `12 min`, `3 h 20 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def count_text(count: float) -> str:
    """Write a number for people: `812`, `3.4 k`, `50.8 M`."""
    for unit in ("", " k", " M", " G"):
        if count < 999.5:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g} T"


def size_text(count: float) -> str:
    """Write bytes for people, in powers of 1000: `812 B`, `3.4 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
