"""Settings in text for people: numbers as a person would write them, without rounding errors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from trainer.terminal.table import Column, are_numbers

DIGITS = 12
"""Most digits of a number: too few to show the rounding of its sums, more than anybody writes."""

MOST_DECIMAL = 5
"""Most characters of a decimal that is not rewritten as a whole number of 255ths."""

_SHARE = r"[^\s=]+=\d+(\.\d+)?(e-?\d+)?"
_MIX = re.compile(f"{_SHARE}( {_SHARE})*")


def value_text(value: Any, *, digits: int = DIGITS) -> str:
    """Write `0.06274509803921569` as `16/255`, `0.4` as it is, lists with commas, weights by name
    as `natural=0.4 pgd=0.6`, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(value_text(each, digits=digits) for each in value)
    if isinstance(value, Mapping):  # shares of a whole are no levels of a pixel
        return " ".join(
            f"{key}={f'{each:.{digits}g}' if isinstance(each, float) else value_text(each)}"
            for key, each in value.items()
        )
    if not isinstance(value, float):
        return str(value)
    decimal = f"{value:.{digits}g}"
    levels = round(255 * value) if 0 < value < 1 else 0
    is_levels = 0 < levels < 255 and math.isclose(value, levels / 255, rel_tol=1e-12)
    return f"{levels}/255" if is_levels and len(decimal) > MOST_DECIMAL else decimal


def named_value(name: str, value: Any) -> str:
    """Write `rho=0.4`; weights, which have names of their own, as they are."""
    text = value_text(value)
    return text if is_mix(value) else f"{name}={text}"


def is_mix(value: Any) -> bool:
    """Whether a value is weights by name: a mapping, or as `value_text` writes one in a table."""
    return isinstance(value, Mapping) or (isinstance(value, str) and bool(_MIX.fullmatch(value)))


def setting_column(name: str, values: Sequence[Any], *, importance: int) -> Column:
    """Make a table's column of one setting's values; None where a setting plays no part."""
    cells = [value_text(value) for value in values]
    return Column(name=name, cells=cells, importance=importance, is_number=are_numbers(cells))
