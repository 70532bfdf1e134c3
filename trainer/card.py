"""The card of a trained model that leaves its sweep: what it is, on what it was trained, what it
reaches on which images, and after how much choice.

A card names no host, no user and no path. It lies as `card.json` beside the weights, and says the
same for people in `README.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from trainer.input.problems import BadInput, Problem

CARD, README, WEIGHTS = "card.json", "README.md", "weights.pt"
"""Names of the files of a model that was taken home; the weights' SHA-256 is beside them."""

Several = Strict(False)
"""Mark of a tuple, which is a list in JSON."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Interval(_Part):
    """A number, and the ends of its interval; None where these are not known."""

    value: float
    low: float | None = None
    high: float | None = None


class TrainedOn(_Part):
    """The data that a model was trained on."""

    name: str
    fingerprint: str
    """Hash of the data set's own content, in hexadecimal digits."""

    training_images: int | None = None
    """Number of images that trained; None where it is not known."""


class Measured(_Part):
    """What a model reaches, and its cell: the mean over trainings that differ in their seed."""

    split: str
    """Images that the numbers stand on: `validation`, of which the model was chosen, or `test`."""

    images: int
    level: float
    """Level of all intervals."""

    model: dict[str, Interval]
    """Accuracies of this model by their columns; intervals over images."""

    cell: dict[str, Interval]
    """Means over the cell's seeds."""

    seeds: Annotated[tuple[int, ...], Several]
    intervals_of_cell_over: str | None = None
    """What is drawn anew in these intervals, in words; None: there are none."""


class Chosen(_Part):
    """How a model was chosen, and among how many."""

    by: str
    """Images that chose: `validation` or `test`."""

    images: int | None
    rule: str
    """The limits and the preference, in words."""

    cells: int
    """Number of cells (a method with its settings) among which it was chosen."""

    trainings: int
    """Number of the cell's trainings of which it is the median, not the best."""

    sureness: float | None = None
    """Share of resamples of which the same cell is chosen; None where it is not known."""

    confirmed: bool
    """Whether it was trained, with a fresh seed, after its cell was chosen."""

    exploratory: bool
    """Whether test numbers were shown before the choice was set."""


class Card(_Part):
    """All that is said of a model that leaves its sweep."""

    VERSION: ClassVar[int] = 1

    version: int = VERSION
    name: str
    """Name of the cell: the method's label and the settings that vary."""

    trial: str
    """Id of the training: a hash of all that determines it."""

    seed: int
    data: TrainedOn
    image_shape: Annotated[tuple[int, int, int], Several]
    """C H W; pixels are in [0, 1]."""

    num_classes: int
    model: dict[str, Any]
    method: dict[str, Any]
    training: dict[str, Any]
    """Settings of the training, its attacks among them."""

    suite: dict[str, Any]
    """Attacks that accuracies are under, with their radii."""

    reach: dict[str, str] = Field(default_factory=dict)
    """Radius of each of these attacks in words, by its label."""

    measured: Measured
    chosen: Chosen
    weights: str
    """`last`, of the last epoch, or `best`, of the one that did best in validation."""

    weights_sha256: str
    made_with: dict[str, str]
    """Versions of the project and of the libraries that trained."""

    @classmethod
    def from_json(cls, data: bytes, *, where: str) -> Self:
        """Read a card.

        Args:
            where: what the bytes are of, for messages.

        Raises:
            BadInput: they are no card.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            message = f"must be a model's card ({first['msg']}); copy it again, or remove it"
            raise BadInput(Problem(where, key, message)) from error

    def to_json(self) -> bytes:
        """Write the card as JSON for people and programs."""
        return f"{self.model_dump_json(indent=2)}\n".encode()

    def markdown(self) -> str:
        """Return the card for people, as the `README.md` beside the weights."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        shape = " x ".join(map(str, self.image_shape))
        trained = self.data.training_images
        on = "" if trained is None else f" ({trained:,} training images)"
        yield f"# {_text(self.name)}"
        yield ""
        yield f"A network for {_text(self.data.name)}{on}: {shape} pixels in [0, 1] to"
        yield f"{self.num_classes} classes. Seed {self.seed}, weights of the {self.weights} epoch."
        yield ""
        yield "```python"
        yield "import trainer"
        yield ""
        yield 'model = trainer.load("FOLDER")  # images B C H W in [0, 1] to logits B K'
        yield "model.card.measured.model  # the numbers below"
        yield "```"
        yield ""
        yield "## What it reaches"
        yield ""
        yield from self._table()
        yield ""
        yield "## How it was chosen"
        yield ""
        yield from self._choice()
        yield ""
        yield "## Attacks and their radii"
        yield ""
        yield from _items(self.reach or _radii(self.suite))
        yield ""
        yield "In training:"
        yield ""
        yield from _items(_radii(self.training.get("attacks", {})) or {"none": "no attack"})
        yield ""
        yield "## What it is"
        yield ""
        yield from _items({"network": _settings(self.model), "method": _settings(self.method)})
        training = {k: v for k, v in self.training.items() if k != "attacks" and v is not None}
        yield from _items({"training": _settings(training)})
        yield from _items({"trial": self.trial, "data": f"fingerprint {self.data.fingerprint}"})
        yield from _items({"made with": _settings(self.made_with)})
        yield from _items({"SHA-256 of the weights": self.weights_sha256})
        yield ""

    def _table(self) -> Iterator[str]:
        it = self.measured
        over = it.intervals_of_cell_over
        mean = f"mean over {len(it.seeds)} seeds" if len(it.seeds) > 1 else "of its one seed"
        yield (
            f"On {it.images:,} {it.split} images. Intervals are of {100 * it.level:g} %: of this "
            f"model over images{f', of the mean over {over}' if over else ''}."
        )
        if it.split == "validation":
            yield "These images chose the model, so that the numbers are optimistic."
        yield ""
        yield f"| | this model | {mean} |"
        yield "| --- | --: | --: |"
        for name, own in it.model.items():
            cell = it.cell.get(name)
            yield f"| {name} | {_percent(own)} | {'' if cell is None else _percent(cell)} |"

    def _choice(self) -> Iterator[str]:
        it = self.chosen
        images = "" if it.images is None else f"{it.images:,} "
        yield f"By {it.rule}, on {images}{it.by} images, among {it.cells} cells."
        yield (
            f"Of the cell's {it.trainings} trainings it is the median."
            if it.trainings > 1
            else "It is the only training of its cell that could be taken."
        )
        if it.sureness is not None:
            yield f"By resampling, the same cell is chosen in {100 * it.sureness:.0f} %."
        yield (
            "It was trained with a fresh seed, after its cell was chosen."
            if it.confirmed
            else "Its cell was chosen by trainings of which it is one."
        )
        if it.exploratory:
            yield "Test numbers had been shown before: exploratory."


def _percent(it: Interval) -> str:
    if it.low is None or it.high is None:
        return f"{100 * it.value:.1f} %"
    return f"{100 * it.value:.1f} % ({100 * it.low:.1f} to {100 * it.high:.1f})"


def _items(named: Mapping[str, str]) -> Iterator[str]:
    yield from (f"- {_text(name)}: {_text(said)}" for name, said in named.items())


def _radii(attacks: Mapping[str, Any]) -> dict[str, str]:
    """Write each attack's settings in a line."""
    return {
        name: _settings({k: v for k, v in settings.items() if v is not None})
        for name, settings in attacks.items()
        if isinstance(settings, Mapping)
    }


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({_settings(value)})"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_value, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _text(text: str) -> str:
    """Return a text so that Markdown shows it as it is written, on one line."""
    line = text if text.isprintable() else repr(text)[1:-1]
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|" else c for c in line)
