"""Whole numbers in every setting of the project are read by one rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from pydantic import BeforeValidator

from orchestrator.search.stopping.rules import RULES
from orchestrator.spec.axes import Range
from tests.orchestrator.conftest import Read
from trainer.attacks import ATTACKS
from trainer.input.settings import Settings, parse_whole
from trainer.methods import METHODS

LOADED = (ATTACKS, METHODS, RULES)
"""Registries, whose members are settings too once their modules are imported."""


def all_settings(parent: type[Settings] = Settings) -> Iterator[type[Settings]]:
    for child in parent.__subclasses__():
        yield child
        yield from all_settings(child)


def has_other_whole_numbers(kind: Any, marks: tuple[Any, ...]) -> bool:
    """Whether a field's type has an int that `parse_whole` does not read."""
    if kind is int:
        return not any(isinstance(it, BeforeValidator) and it.func is parse_whole for it in marks)
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return has_other_whole_numbers(inner, (*marks, *more))
    if get_origin(kind) is Literal:
        return False
    return any(has_other_whole_numbers(part, ()) for part in get_args(kind))


def test_every_count_may_be_written_as_a_real_number() -> None:
    for registry in LOADED:
        assert [*registry.values()]
    found = [
        f"{settings.__module__}.{settings.__name__}.{name}"
        for settings in {*all_settings()}
        if settings.__module__.partition(".")[0] in {"trainer", "orchestrator"}
        for name, field in settings.model_fields.items()
        if has_other_whole_numbers(field.annotation, tuple(field.metadata))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("real", "whole"),
    [("seeds: [0, 1e0]", "seeds: [0, 1]"), ("training: {epochs: 1e1}", "training: {epochs: 10}")],
)
def test_trials_are_the_same_however_a_whole_number_is_written(
    read: Read, real: str, whole: str
) -> None:
    text = "data: digits\nmethods: {pgd: {}}\n"
    one, other = (read(f"{text}{more}\n") for more in (real, whole))
    assert [cell.trial for cell in one.cells] == [cell.trial for cell in other.cells]
    assert one.seeds == other.seeds
    assert all(type(seed) is int for seed in one.seeds)


def test_a_range_of_counts_may_end_in_a_real_number(read: Read) -> None:
    text = "data: digits\nsearch: {strategy: random, trials: 4}\nmethods:\n"
    drawn = "  pgd: {{vary: {{training.epochs: {{min: 2, max: {}}}}}}}\n"
    ends = ("9.0", "9")
    axes = [read(text + drawn.format(end)).space.methods["pgd"].axes for end in ends]
    (one,), (other,) = (tuple(it.values()) for it in axes)
    assert isinstance(one, Range)
    assert isinstance(other, Range)
    assert (one.low, one.high, one.is_whole) == (other.low, other.high, True)
