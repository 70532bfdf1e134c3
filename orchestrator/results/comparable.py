"""In what published numbers differ from a sweep's: the data, the network, the attacks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.results.published import FACTS, Published
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.table.columns import CATEGORY, declared, of_weights
from orchestrator.table.setting_values import value_text
from trainer.attacks import ATTACKS
from trainer.evaluation.suite import Rungs
from trainer.input.kinds import kind_of
from trainer.input.settings import parse_number

COMPARED = ("data", "architecture", "norm", "attack", "radius", "steps")
"""Of `FACTS`, what must be the same where numbers are compared, in the order of telling."""

_PIXELS = " pixels"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which a published result differs from a sweep."""

    fact: str
    theirs: str | None
    """What the table says; None: nothing."""

    ours: str

    def __str__(self) -> str:
        if self.theirs is None:
            return f"{self.fact} not said (this sweep: {self.ours})"
        return f"{self.fact} {self.theirs} (this sweep: {self.ours})"


def differences(row: Published, spec: SweepSpec, columns: Iterable[str]) -> list[Difference]:
    """Say in what a published result differs from a sweep, where numbers of some columns of both
    are set beside each other; what the table does not say may differ.

    Args:
        columns: of `trials.csv`: accuracies of clean images are under no attack.
    """
    found: list[Difference] = []
    for fact, ours in _of_sweep(spec, columns).items():
        theirs = row.facts.get(fact)
        is_other_attack = any(it.fact == "attack" for it in found)
        if theirs is None and fact == "steps" and is_other_attack:
            continue  # which may have none
        if ours and (theirs is None or not _same(fact, theirs, ours)):
            found.append(Difference(fact=fact, theirs=theirs, ours=", ".join(ours)))
    return found


def _of_sweep(spec: SweepSpec, columns: Iterable[str]) -> dict[str, list[str]]:
    """Return what is compared, as a sweep has it; nothing of what has no such thing."""
    trials = [cell.trial for cell in (*spec.cells, *spec.probes)]
    rungs = [spec.suite.categories[label] for label in _categories(spec, columns)]
    found = {
        "data": [trial.data.name for trial in trials],
        "architecture": [trial.model.name for trial in trials],
        "norm": [norm for each in rungs for norm in _norm(each)],
        "attack": [kind_of(ATTACKS, each.attack) for each in rungs],
        "radius": [radius for each in rungs for radius in _radius(each)],
        "steps": [str(max(each.ladder)) for each in rungs if each.ladder],
    }
    assert {*found} <= {*FACTS}
    return {fact: list(dict.fromkeys(found[fact])) for fact in COMPARED}


def _categories(spec: SweepSpec, columns: Iterable[str]) -> Sequence[str]:
    """Return the categories of a suite that numbers of columns are under."""
    found: dict[str, None] = {}
    for name in (of_weights(column, "last") for column in columns):
        column = declared(name)
        if column is not None and CATEGORY in column.name:
            found |= dict.fromkeys(
                it for it in spec.suite.categories if column.names([it]) == [name]
            )
        elif name in {"union_accuracy", "robustness_score"}:
            found |= dict.fromkeys(spec.suite.seen)
    return list(found)


def _norm(rungs: Rungs) -> Iterator[str]:
    """Yield the norm of a ball in pixels; nothing of other changes."""
    name = rungs.attack.threat().name
    if name.endswith(_PIXELS):
        yield name.removesuffix(_PIXELS)


def _radius(rungs: Rungs) -> Iterator[str]:
    epsilon = getattr(rungs.attack, "epsilon", None)
    if isinstance(epsilon, float):
        yield value_text(epsilon)


def _same(fact: str, theirs: str, ours: Sequence[str]) -> bool:
    """Whether a table says the same of a fact as a sweep does, however that is spelled."""
    if fact in {"radius", "steps"}:
        numbers = [[_number(part) for part in parts] for parts in (theirs.split(","), ours)]
        pairs = zip(*map(sorted, numbers), strict=False)
        is_as_long = len(numbers[0]) == len(numbers[1])
        return is_as_long and all(math.isclose(a, b, rel_tol=1e-6) for a, b in pairs)
    return {_plain(part) for part in theirs.split(",")} == {*map(_plain, ours)}


def _number(text: str) -> float:
    value = parse_number(text.strip())
    return value if isinstance(value, float) else math.nan


def _plain(text: str) -> str:
    """Return a name without case and signs: `CIFAR-10` is `cifar10`."""
    return re.sub(r"[^a-z0-9]", "", text.casefold())
