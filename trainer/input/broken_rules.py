"""What pydantic found wrong with settings, said in plain words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from trainer.input.problems import shown
from trainer.input.redaction import redacted
from trainer.input.settings import Settings

_RULES = {
    "missing": "is required",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "finite_number": "must be finite",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "literal_error": "must be one of {expected}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "union_tag_not_found": "must say its {discriminator}",
    "union_tag_invalid": "must have as {discriminator} one of {expected_tags}",
    "value_error": "{error}",
    "assertion_error": "{error}",
}
_REMEDIES = {
    ("float_type", str): "write 0.1, 1e-3 or 8/255",
    ("string_type", int): "write it in quotes",
    ("string_type", float): "write it in quotes",
    ("string_type", bool): "write it in quotes",
}


def message_of(settings: type[Settings], error: ErrorDetails) -> str:
    """Say the rule that is broken by `error`, the value, and what the field means."""
    kind, context = error["type"], error.get("ctx", {})
    value = context.get("tag", error["input"])
    if kind == "extra_forbidden":
        return _unknown_key(settings, error["loc"])
    rule = error["msg"].replace("Input should", "must")
    if kind in _RULES:
        rule = redacted(_RULES[kind].format(**context))
    is_about_many = "error" in context and isinstance(value, (dict, list))
    is_said = kind == "missing" or is_about_many or ", got " in rule
    got = "" if is_said else f", got {shown(value)}"
    notes = (_declared(settings, error["loc"])[1], _REMEDIES.get((kind, type(value))))
    explained = "; ".join(note for note in notes if note)
    return f"{rule}{got} ({explained})" if explained else f"{rule}{got}"


def _unknown_key(settings: type[Settings], loc: tuple[int | str, ...]) -> str:
    models = [option for option in _declared(settings, loc[:-1])[0] if _is_model(option)]
    known = list(dict.fromkeys(name for model in models for name in model.model_fields))
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    suggestion = f"; did you mean {near[0]!r}?" if near else ""
    return f"is not a known key{suggestion} (known keys: {', '.join(known)})"


def _declared(settings: type[Settings], loc: Sequence[int | str]) -> tuple[list[Any], str | None]:
    """Return the types that `settings` declares at `loc`, and the description of their field."""
    options: list[Any] = [settings]
    description = None
    for part in loc:
        inner: list[Any] = []
        for option in options:
            origin, arguments = get_origin(option), get_args(option)
            if _is_model(option) and part in option.model_fields:
                field = option.model_fields[part]
                description = field.description
                inner += _options(field.annotation)
            elif origin in (dict, Mapping):
                inner += _options(arguments[1])
            elif origin in (list, tuple):
                inner += [each for argument in arguments for each in _options(argument)]
        # a part that leads nowhere is the tag by which pydantic took one option of a union
        options = inner or [option for option in options if _has_tag(option, part)] or options
    return options, description


def _options(annotation: Any) -> list[Any]:
    """Return the alternatives of an annotation."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [each for argument in get_args(annotation) for each in _options(argument)]
    return [annotation]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _has_tag(option: Any, tag: object) -> bool:
    if not _is_model(option):
        return False
    literals = (get_args(field.annotation) for field in option.model_fields.values())
    return option.__name__ == tag or any(tag in values for values in literals)
