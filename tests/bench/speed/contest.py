"""Measuring: contenders against a bound, round by round, since a machine's speed drifts."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any


class WrongWorkError(AssertionError):
    """A contender does not do the work that it would be timed for."""


class OwnSeconds(float):
    """What a run measured of itself, where its whole duration is not what is asked."""


Check = Callable[[Any, Any], None]
"""Told a contender's result and the bound's; raises WrongWorkError."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to do a contest's work.

    Attributes:
        run: does it once, in preferably 0.1 to 2 s.
        target: what its seconds should be at most, as a multiple of the bound's.
        check: of its warm-up's result.
    """

    name: str
    run: Callable[[], object]
    target: float | None = None
    check: Check | None = None


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Contenders that do the same work, and a bound that they are held against.

    Attributes:
        bound: the arithmetic that the work must cost, in plain PyTorch; or another way to do it.
    """

    title: str
    bound: Contender
    contenders: tuple[Contender, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured of one contender, or of the bound.

    Attributes:
        seconds: of each round, in order.
        ratio: of its median to the bound's.
        lowest, highest: ratio within one round, of the rounds.
        met: whether `ratio` is within `target`; None without one.
    """

    name: str
    seconds: list[float]
    median: float
    ratio: float
    lowest: float
    highest: float
    target: float | None
    met: bool | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """A contest's rows; `refused` says by name why a contender was not timed."""

    title: str
    bound: Row
    rows: list[Row]
    refused: dict[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def compete(
    contest: Contest,
    rounds: int,
    *,
    clock: Callable[[], float],
    round_done: Callable[[], None],
) -> Result:
    """Run every contender once unmeasured, check it, then time all of them in turn.

    Every round begins with another one, so that none always goes first; no garbage is collected
    within it.

    Args:
        clock: seconds, rising.
        round_done: told after the warm-up and after each of the rounds.
    """
    reference = contest.bound.run()
    entries, refused = [contest.bound], {}
    for contender in contest.contenders:
        try:
            result = contender.run()
            if contender.check is not None:
                contender.check(result, reference)
        except WrongWorkError as error:
            refused[contender.name] = str(error)
        else:
            entries.append(contender)
    round_done()
    seconds: list[list[float]] = [[] for _ in entries]
    for number in range(rounds):
        gc.collect()
        with _no_collections():
            for turn in range(len(entries)):
                place = (number + turn) % len(entries)
                seconds[place].append(timed(entries[place].run, clock))
        round_done()
    bound, *rows = (
        row_of(entry, own, seconds[0]) for entry, own in zip(entries, seconds, strict=True)
    )
    return Result(title=contest.title, bound=bound, rows=rows, refused=refused)


def timed(run: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of one run: of the whole, or those that it measured itself."""
    began = clock()
    result = run()
    took = clock() - began
    return float(result) if isinstance(result, OwnSeconds) else took


def row_of(contender: Contender, seconds: list[float], bound: list[float]) -> Row:
    """Its seconds beside those of the bound in the same rounds."""
    ratios = [own / of_bound for own, of_bound in zip(seconds, bound, strict=True)]
    ratio = statistics.median(seconds) / statistics.median(bound)
    return Row(
        name=contender.name,
        seconds=seconds,
        median=statistics.median(seconds),
        ratio=ratio,
        lowest=min(ratios),
        highest=max(ratios),
        target=contender.target,
        met=None if contender.target is None else ratio <= contender.target,
    )


@contextmanager
def _no_collections() -> Iterator[None]:
    """Python looks for no garbage within the block."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
