"""Records of a sweep: its trials as its last start found them, orders to it, decisions for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.store.leases.owner import Owner
from orchestrator.store.records.record import Part, Plain, Record, Several
from orchestrator.store.trials.records import Evaluation, Result
from trainer.device.precision import Precision


class GivenOrders(Record):
    """What a start of the sweep asks of its own workers."""

    stop: bool
    """After a checkpoint."""

    checkpoints: int
    """Number that was asked for so far."""


class Pause(Record):
    """Who asked every start of the sweep to pause, and when."""

    by: Owner
    since: str
    """Time in UTC (ISO 8601), by the clock there."""

    nonce: str | None = None
    """Random digits: no two ask the same."""


class RunClaim(Record):
    """Which start makes a run of the tracker's."""

    start: str
    """Folder of the start."""


class KeptPrecision(Record):
    """What `training.precision: auto` was decided to be, for all starts of the sweep."""

    precision: Precision
    why: str
    since: str
    """Time in UTC (ISO 8601), by the clock of who decided it."""


class Proposal(Part):
    """A cell that a search has chosen, and the seeds that it is to be tried with."""

    method: str
    """Its label in the sweep file."""

    point: Plain
    """Value of each axis, by the axis' key."""

    seeds: Annotated[tuple[int, ...], Several]


class Proposed(Record):
    """Cells that a search of the sweep has chosen at one time."""

    at: str
    """Time in UTC (ISO 8601), by the clock of who chose them."""

    cells: Annotated[tuple[Proposal, ...], Several]
    """In the order of their choice."""

    passed_over: dict[str, int] | None = None
    """Cells that could not be chosen, by reason; None: none, or of before that was kept."""


class ReadOfTest(Record):
    """When numbers of the test set were first shown of one set of trials, under one suite, by one
    way of choosing among them."""

    at: str
    """Time in UTC (ISO 8601), by the clock of who showed them."""

    suite: str
    """Id of the suite."""

    data: dict[str, str]
    """Names of the data sets by their fingerprints."""

    trials: int
    confirmation: str | None = None
    """Id of what confirms the sweep, whose trials they are; None: they are the sweep's own."""


class ManifestBest(Part):
    """The best weights of a trial that is done, as the sweep's last start found them."""

    key: str
    """Name of the settings of validation that they were chosen by."""

    result: Result
    evaluation: Evaluation
    validation: Evaluation | None = None


class ManifestEntry(Part):
    """A trial of the sweep, as its last start found it."""

    id: str
    method: str
    """Label in the sweep file."""

    seed: int | None = None
    settings: Plain = Field(default_factory=dict)
    """Values by setting that varies in the sweep; None: it plays no part."""

    epochs: int = 0
    status: str
    parents: Annotated[tuple[str, ...] | None, Several] = None
    """Ids of the trials from whose weights it starts; None where it starts from its seed's."""

    result: Result | None = None
    """Of a trial that is done."""

    evaluation: Evaluation | None = None
    """Of a trial that is done, under the sweep's suite, which it leaves out."""

    validation: Evaluation | None = None
    """Of a trial that is done, under the same suite on validation images; plans of before it was
    kept have none."""

    best: ManifestBest | None = None
    """Of a trial that is done; None where the sweep did not ask for it."""


class ManifestRecord(Record):
    """What the last start of a sweep found: see `orchestrator.plan.manifest`."""

    suite: str
    """Id of the suite."""

    fingerprints: dict[str, str]
    """Fingerprints of the data sets, by the id of their content."""

    network_bytes: dict[str, int | None] = Field(default_factory=dict)
    """Bytes of networks that are to train, by `network_id`; None where they are not known."""

    trials: Annotated[tuple[ManifestEntry, ...], Several]
