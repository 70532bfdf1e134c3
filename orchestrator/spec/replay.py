"""Sections that replay: `replay: {of: pareto}`, the schedules that another method's trials had."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import Field

from orchestrator.spec.axes import Axis, Choices
from orchestrator.spec.method_space import MethodSpace, Replays
from trainer.input.document import Document
from trainer.input.problems import label_problem, shown
from trainer.input.settings import Settings

REPLAY = "replay"
"""Name of the method, in the place of those of `trainer.methods`."""


class _ReplaySettings(Settings):
    """The keys of a section that replays, beside what varies in the method that it names."""

    of: str = Field(description="label of the method whose schedules are replayed")
    mean: bool = Field(False, description="each schedule's mean, at every step")


def is_replay(section: Document, label: str) -> bool:
    """Whether a method's section replays another's schedules."""
    if not isinstance(section.value, Mapping):
        return False
    return bool((section.section("method").value if "method" in section else label) == REPLAY)


def read_replay(
    section: Document, label: str, methods: Mapping[str, MethodSpace], *, seeds: Sequence[int]
) -> MethodSpace:
    """Read a section that replays: all cells of the method that it names, or those with the values
    that it gives. All other settings are that method's.

    Args:
        methods: those that replay nothing.

    Raises:
        BadInput: no such method or cell, another key, or fewer than two seeds.
    """
    if problem := label_problem(label):
        raise section.fail("", problem)
    given = section.only("of", "mean").read_as(_ReplaySettings)
    if given.of not in methods:
        near = difflib.get_close_matches(given.of, methods, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise section.fail(
            "of",
            f"must name a method of the sweep that is no replay itself, got {given.of!r}{hint}; "
            f"there are {', '.join(methods) or 'none'}",
        )
    if len(seeds) < 2:
        raise section.fail(
            "of",
            f"must have another seed's schedule to replay, got the seeds {list(seeds)}; "
            f"write two or more",
        )
    parent = methods[given.of]
    axes = dict(parent.axes)
    chosen = {key: ("", [value]) for key, value in section.without("vary").items()}
    for key in ("method", "of", "mean"):
        chosen.pop(key, None)
    if "vary" in section:
        for key, values in section.section("vary").items():
            is_list = isinstance(values.value, list)
            chosen[key] = ("vary.", values.elements() if is_list else [values])
    for key, (where, listed) in chosen.items():
        if key not in axes:
            others = ", ".join(axes) or "nothing"
            raise section.fail(
                f"{where}{key}",
                f"is not a known key (known keys: of, mean, vary, and what varies in {given.of}: "
                f"{others}); all else is as {given.of} has it",
            )
        axes[key] = _among(axes[key], listed, parent, key)
    return replace(
        parent,
        label=label,
        where=section.where(),
        axes=axes,
        replays=Replays(of=parent, mean=given.mean),
    )


def _among(axis: Axis, values: Sequence[Document], parent: MethodSpace, key: str) -> Axis:
    """Return an axis of the values alone, each of which the method's own has."""
    overrides = {}
    for value in values:
        found = next((own for own in axis.grid if own == value.value), None)
        if found is None:
            there = ", ".join(map(shown, axis.grid[:10]))
            raise value.fail(
                "",
                f"must be a value of {key} in {parent.label}, got {shown(value.value)}; "
                f"there are {there}",
            )
        overrides[json.dumps(found, sort_keys=True)] = axis.override(found)
    return Choices(path=axis.path, overrides=overrides)
