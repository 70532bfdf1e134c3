"""Records of a trial: what it is, how its training and its evaluations went, its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer, PlainValidator

from orchestrator.store.leases.records import Environment
from orchestrator.store.records.record import Part, Plain, Record, Several, Text
from trainer.passes import Passes

if TYPE_CHECKING:
    Fact = float
else:
    Fact = int | float | bool  # so that whole numbers stay whole


def _counts(value: Any) -> Passes:
    """Check passes as a record has them."""
    if isinstance(value, Passes):
        return value
    if not isinstance(value, dict) or not all(type(count) is int for count in value.values()):
        raise ValueError(f"must be whole numbers by kind, got {value!r}")
    try:
        return Passes(**value)
    except TypeError as error:
        raise ValueError(f"must be passes by kind, got {value!r}") from error


Counts = Annotated[Passes, PlainValidator(_counts), PlainSerializer(Passes.record)]
"""Passes, as whole numbers by kind."""


def _settings(trial: Plain) -> Plain:
    """Check that the sections of a trial's settings that are read here are sections."""
    for section in ("method", "training"):
        if not isinstance(trial.get(section, {}), Mapping):
            raise ValueError(f"{section} must be a mapping, got {trial[section]!r}")
    return trial


class Description(Record):
    """What a trial is. Its settings are read as far as they are of the kind that is expected: a
    version that knew others may have written them."""

    trial: Annotated[Plain, AfterValidator(_settings)]
    """Settings, as `trainer.config.Trial.record` returns them."""

    family: str | None = None
    """Id of the trials that differ from it in their length alone."""

    @property
    def data(self) -> str | None:
        """Name of its data set."""
        return _text(_at(self.trial, "data", "name"))

    @property
    def model(self) -> str | None:
        """Name of its network."""
        return _text(_at(self.trial, "model", "name"))

    @property
    def method(self) -> Plain | None:
        """Settings of its method."""
        return _section(_at(self.trial, "method"))

    @property
    def optimiser(self) -> Plain | None:
        """Settings of its optimiser."""
        return _section(_at(self.trial, "training", "optimiser"))

    @property
    def epochs(self) -> int | None:
        """Epochs of its training."""
        return _whole(_at(self.trial, "training", "epochs"))

    @property
    def seed(self) -> int | None:
        return _whole(_at(self.trial, "seed"))

    @property
    def parents(self) -> tuple[str, ...]:
        """Ids of the trials from whose weights it starts, or whose schedule it replays."""
        found = (_text(_at(self.trial, "start", "trial")), self.replayed)
        return tuple(parent for parent in found if parent is not None)

    @property
    def replayed(self) -> str | None:
        """Id of the trial whose schedule it replays; None where it replays none."""
        return _text(_at(self.trial, "replay", "trial"))


def _at(plain: Any, *path: str) -> Any:
    """Return what settings have at a path; None where they have nothing there."""
    for key in path:
        plain = plain.get(key) if isinstance(plain, Mapping) else None
    return plain


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None


def _section(value: Any) -> Plain | None:
    return value if isinstance(value, dict) else None


class Trained(Record):
    """How the training of a trial went."""

    epochs: int
    seconds: float
    """Of the steps of all its epochs, those of a shorter sibling included."""

    passes: Counts | None = None
    """Of training, each step once; None where damage took the last epoch's row."""

    validation_passes: Counts | None = None
    """Of measuring after epochs."""

    collapsed: bool | None = None
    """Whether the network is right on one class at most; None where the last row is lost."""

    degraded: bool | None = None
    """Whether any of its steps was taken in micro-batches."""

    provenance: Environment = Environment()

    validation: str | None = None
    """Id of what validation looked at in the rows of its epochs; records of versions before do not
    say."""

    parents: Annotated[tuple[str, ...] | None, Several] = None
    """Ids of the trials from whose weights it started, or whose schedule it replayed, whose passes
    are not among its own; None where there are none."""


class Result(Trained):
    """The attempt whose weights are the trial's, and how its training went."""

    attempt: int
    bytes: int
    """Of the file of weights."""

    at: str | None = None
    """Time in UTC (ISO 8601), by the clock of who published it."""

    best_epoch: int | None = None
    """Epoch after which these were the model's weights; None of the last epoch's."""

    best_score: float | None = None
    """Mean of the categories' worst cases by which that epoch was best; None likewise."""


class Warned(Part):
    """A sign that accuracies say less than they seem to: see `trainer.evaluation.self_check`."""

    code: str
    message: Text = ""


class OnImages(Part):
    """How a trained model did on some of the images that a suite was run on."""

    examples: int
    accuracies: dict[str, float] = Field(default_factory=dict)
    """Accuracies by the name of their column in a table."""

    constant_accuracy: float | None = None
    """Accuracy of a classifier that knows one class alone, on the same images."""

    withstood: dict[str, Annotated[tuple[int, ...], Several]] = Field(default_factory=dict)
    """How many of them withstand each rung of a category's ladder; of halves alone, and empty in
    records of before: all images' bits say the same."""


class Halves(Part):
    """How a trained model did on each half of the validation images."""

    steering: OnImages
    """On those that steer: see `trainer.data.steering_part`."""

    picking: OnImages
    """On the others, which pick."""


class Evaluated(Record):
    """How a trained model did under a suite of attacks."""

    suite: Plain | None = None
    """The suite, as its `record` returns it; a sweep's plan leaves it out, one for all."""

    reach: dict[str, str] = Field(default_factory=dict)
    """Radius of each attack for people, by its label."""

    examples: int | None = None
    seconds: float
    passes: Counts | None = None
    accuracies: dict[str, float] = Field(default_factory=dict)
    """Accuracies by the name of their column in a table."""

    constant_accuracy: float | None = None
    """Accuracy of a classifier that knows one class alone, on the same images."""

    warnings: Annotated[tuple[Warned, ...], Several] = ()
    halves: Halves | None = None
    """Of validation images; None on the test set, where one half would be empty, and in records of
    before they were kept."""

    @property
    def on_all(self) -> OnImages:
        """How the model did on all images of the evaluation."""
        return OnImages(
            examples=self.examples or 0,
            accuracies=self.accuracies,
            constant_accuracy=self.constant_accuracy,
        )


class Evaluation(Evaluated):
    """The attempt that has the outcomes under a suite, and the accuracies that follow from them."""

    attempt: int
    bytes: int
    """Of the file of outcomes."""

    at: str
    """Time in UTC (ISO 8601), by the clock of who evaluated it."""


def steering(evaluations: Mapping[str, Evaluation]) -> dict[str, Evaluation]:
    """Select the evaluations on validation images, with the accuracies on the half of these that
    steers: what may lead a training must not be told of other images."""
    found = {}
    for suite_id, record in evaluations.items():
        if record.suite is not None and record.suite.get("split") == "validation":
            half = record.on_all if record.halves is None else record.halves.steering
            facts = {"accuracies": half.accuracies, "examples": half.examples}
            found[suite_id] = record.model_copy(update=facts)
    return found


class Predecessor(Record):
    """The attempt that another goes on from, and what is known of its epochs."""

    trial: str
    """Id of the trial: itself, or a shorter sibling."""

    attempt: int
    degraded: bool = False
    """Whether some of its steps were taken in micro-batches."""

    validation: str | None = None
    """Id of what validation looked at in the rows; records of versions before do not say."""

    rows: Annotated[tuple[dict[str, Fact], ...], Several]
    """Facts of the epochs before, as `trainer.training.loop.EpochRow` has them."""


class Row(Record):
    """Facts of one epoch. Beside these its file has whatever else its training measured, under the
    names of `trainer.training.loop.EpochRow`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Fact] = Field(init=False)

    epoch: int

    @classmethod
    def of_facts(cls, facts: Mapping[str, float]) -> Self:
        """Make the record of an epoch's facts."""
        return cls.model_validate({**facts, "epoch": int(facts["epoch"])})

    def facts(self) -> dict[str, float]:
        """Return all facts by name."""
        return {"epoch": self.epoch, **self.__pydantic_extra__}
