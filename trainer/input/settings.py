"""Settings: frozen values that are checked when they are built and known by their content.

Every part of a trial (its data, model, method, attacks, schedule) is a `Settings`. What a
trial *is* follows from `content`, the plain form of all that determines a result;
`content_id` hashes it. Two rules keep ids stable across machines and versions:

* a field that still has the default it was introduced with is left out, so that a new
  field changes no old id;
* a field marked `Provenance` (a path, a device, a thread count) is left out always.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict


class Provenance:
    """Marks a field that says where or how a trial runs, not what it is."""


def parse_number(value: object) -> object:
    """Read `8/255`, `1e-3` or `.1` written as text; anything else passes unchanged.

    Raises:
        ValueError: a fraction with a zero denominator.
    """
    if not isinstance(value, str):
        return value
    numerator, slash, denominator = value.partition("/")
    try:
        return float(numerator) / float(denominator) if slash else float(value)
    except ZeroDivisionError as error:
        raise ValueError("must not divide by zero") from error
    except ValueError:
        return value  # not a number at all: the field's own type check says so


def parse_whole(value: object) -> object:
    """Read a whole number that is written as a real one, such as `1e4` or `20.0`; anything else
    passes unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Real = Annotated[float, BeforeValidator(parse_number)]
"""A finite float that may be written as a fraction, such as `8/255`."""

NonNegative = Annotated[Real, Field(ge=0)]
Positive = Annotated[Real, Field(gt=0)]
Share = Annotated[Real, Field(ge=0, le=1)]
Whole = Annotated[int, BeforeValidator(parse_whole)]
"""A whole number, however it is written: `10000`, `1e4`."""

Count = Annotated[Whole, Field(ge=1)]

Reals = Annotated[tuple[Real, ...], Strict(False)]
"""Several finite numbers: a list in YAML, a tuple here."""


class Settings(BaseModel):
    """Base of everything that a user can set: frozen, strict, equal by value.

    Unknown fields, wrong types, NaN and infinities are `pydantic.ValidationError`s. A
    field's `description` gives its meaning and unit; error messages quote it.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )

    def content(self) -> dict[str, Any]:
        """Return the plain form (numbers, strings, lists, dicts) of what determines a result."""
        fields = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            is_provenance = any(isinstance(mark, Provenance) for mark in field.metadata)
            if is_provenance or (not field.is_required() and value == field.get_default()):
                continue
            fields[name] = plain(value)
        return fields


def plain(value: Any) -> Any:
    """Return `value` as JSON has it; nested settings by their content."""
    if isinstance(value, Settings):
        return value.content()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def content_id(prefix: str, content: Mapping[str, Any]) -> str:
    """Return `prefix` and 16 hexadecimal digits of the SHA-256 of the canonical JSON of `content`.

    Floats enter by value (the shortest decimal that reads back equal), keys are sorted.
    """
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return prefix + hashlib.sha256(canonical.encode()).hexdigest()[:16]
