"""Records of a lease: who took it and for what, that its owner lives, and how it ended."""

from __future__ import annotations

from typing import Literal, Self, TypedDict

from orchestrator.store.leases.owner import Owner
from orchestrator.store.records.record import Part, Plain, Record, Text

FailureKind = Literal[
    "diverged", "exception", "out_of_memory", "time_limit", "hung", "worker_lost", "data", "parent"
]


class Environment(Part):
    """Where and with what a trial ran, which is no part of what it is."""

    host: str | None = None
    device: str | None = None
    threads: int | None = None
    python: str | None = None
    torch: str | None = None
    code: str | None = None  # commit of this project (`+`: with changes), or its version


class About(Part):
    """What a lease is for, as its owner says when it takes it: an attempt, or a start."""

    sweep: str | None = None
    """Of an attempt: the sweep for which it is made."""

    start: str | None = None
    """Of an attempt: folder of the start for which it is made."""

    node: str | None = None
    """Of an attempt: address of its machine within the cluster."""

    evaluates: str | None = None
    """Of an attempt that is to train nothing: id of the suite that it is for alone."""

    micro_batches: int = 1
    """Of an attempt: parts in which each batch is taken."""

    validation: str | None = None
    """Of an attempt: id of what validation looks at, by which its rows are; attempts of versions
    before do not say."""

    provenance: Environment | None = None
    """Of an attempt."""

    joins: bool | None = None
    """Of a start: whether it shares the sweep with whoever runs it."""

    address: str | None = None
    """Of a start: address of the cluster that it runs on; None: this machine alone."""


NOTHING_SAID = About()
"""What is known of a lease whose record is damaged, or whose taker had no more to say."""


class LeaseRecord(Record):
    """Who holds a lease, since when, and what for."""

    owner: Owner
    nonce: str | None = None
    """Random digits: no two takers write the same."""

    since: str
    """Time in UTC (ISO 8601), by its owner's clock."""

    lasts: float
    """Seconds for which it lasts without a sign of life."""

    about: About = NOTHING_SAID


class Pruned(Part):
    """Why a stopping rule ended an attempt: see `orchestrator.search.stopping.Pruning`."""

    rule: str
    settings: Plain
    reason: Text
    numbers: dict[str, float]


class Spent(Part):
    """What a training has taken until a stopping rule ended it, each of its steps once."""

    seconds: float
    """Of the steps of its epochs, those of attempts before and of a shorter sibling included."""

    passes: dict[str, int] | None = None
    """By kind, as `trainer.passes.Passes.record` returns them; None where they are not known."""


class Facts(TypedDict, total=False):
    """What an owner may add to its signs of life: see `Signs`."""

    epoch: int
    evaluated: float
    paused: bool
    rested: float
    pruned: Pruned
    spent: Spent
    core_hours: float
    gpu_hours: float


class Signs(Record):
    """What an owner last said of its work."""

    epoch: int = 0
    """Of an attempt: the last epoch that it has trained."""

    evaluated: float | None = None
    """Of an attempt: share of its evaluation that is done; None before."""

    paused: bool = False
    """Of an attempt: whether it rests, since its sweep is paused."""

    rested: float = 0.0
    """Of an attempt: seconds for which it was paused."""

    pruned: Pruned | None = None
    """Of an attempt that a stopping rule ends: by which rule, and why."""

    spent: Spent | None = None
    """Of an attempt that a stopping rule ends: what its training has taken. Records of the versions
    before have none."""

    core_hours: float = 0.0
    """Of a start: core-hours that its trials have occupied."""

    gpu_hours: float = 0.0
    """Of a start: GPU-hours that its trials have occupied."""

    elapsed: float = 0.0
    """Seconds since the lease was taken; 0 where its owner never gave a sign of life."""

    at: str | None = None
    """Time in UTC (ISO 8601), by the clock of who wrote this."""


class Beat(Signs):
    """A sign of life."""

    count: int
    """Number of this sign of life; the first is 1."""

    at: str


class Cause(Part):
    """Why an attempt failed, without secrets."""

    kind: FailureKind
    message: Text
    details: Text


class Ended(Signs):
    """How a lease was let go."""

    how: str
    """Of an attempt: done, failed, stopped, pruned, lost or left; of a start: over, refused or
    silent."""

    failure: Cause | None = None
    at: str

    @classmethod
    def after(cls, last: Signs, *, how: str, at: str, failure: Cause | None = None) -> Self:
        """Make the end of a lease of which this was said last."""
        facts = {name: getattr(last, name) for name in Signs.model_fields if name != "at"}
        return cls(**facts, how=how, at=at, failure=failure)
