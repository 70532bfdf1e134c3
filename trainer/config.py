"""All that one trial is: its data, model, method, attacks, schedule and seed.

`read_trial` is the one way from outside in: from a YAML file, from the orchestrator's plan,
or from the record that a store keeps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from importlib.resources import as_file, files
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny

from trainer.attacks import ATTACKS, Attack
from trainer.data import DataSettings
from trainer.data.settings import DataName
from trainer.device.precision import Precision
from trainer.input.document import Document
from trainer.input.kinds import blamed_on, kind_in, kind_of, read_kind, read_kinds
from trainer.input.settings import (
    Count,
    NonNegative,
    Positive,
    Provenance,
    Real,
    Settings,
    Whole,
    content_id,
    plain,
)
from trainer.methods import METHODS, Adversarial, Method
from trainer.models import ModelSettings
from trainer.schedule import OptimiserSettings

SEMANTICS = 1
"""Version of training as a whole: raised when the same settings come to mean another model."""


class TrainingSettings(Settings):
    """How long and in what steps a model is trained."""

    epochs: Count = Field(description="passes over the training images")
    max_passes: Count | None = Field(
        None, description="most passes of single images, parents' included; of all three kinds"
    )
    """Cap on the passes of training's steps (forward, to the input, to the weights, one each). A
    trial has it no more: where it is read, `epochs` becomes what fits under it, so that the
    learning rate's schedule spans all that is trained."""
    batch_size: Count = Field(description="training images a step")
    optimiser: OptimiserSettings
    epsilon_warmup: NonNegative = Field(
        0.0, description="epochs over which the attacks' radii and steps grow from 0"
    )
    radius_scale: Positive = Field(
        1.0, description="factor on the radii and steps of the attacks that are trained on"
    )
    """Factor on the radii and steps of training's attacks alone: a knob that every adversarial
    method has, also one without a setting of its own."""
    label_smoothing: Annotated[Real, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the label spread over all classes in the loss that is descended"
    )
    """Label smoothing of training's cross entropy (Szegedy et al., 2016): `1 - s` on the label and
    `s / K` on each of the K classes. Attacks and evaluations have the label alone."""
    ema: Annotated[Real, Field(gt=0, lt=1)] | None = Field(
        None, description="decay a step of the average of weights, such as 0.999; null for none"
    )
    """Decay of the exponential moving average of the weights (`trainer.training.average`): the
    average is what validation measures and what a training ends with."""
    precision: Precision = Field(
        "float32", description="of the passes of training, attacks included"
    )
    """Precision of training's passes; weights, perturbations, losses and every evaluation stay in
    float32. On digits, MNIST and CIFAR-10 attacks under bfloat16 left robust accuracy, measured in
    float32, within 1.1 points of those under float32, 0.2 on average; another random start makes
    0.8."""
    memory_format: Annotated[Literal["channels_last", "contiguous"] | None, Provenance()] = Field(
        None,
        description="layout of weights and activations in memory; left out, channels_last for the "
        "networks that ship, and one's own as it was built",
    )
    compile: Annotated[bool, Provenance()] = Field(
        False, description="whether steps of training are compiled by torch.compile"
    )
    """Whether training is compiled; off, since on a CPU it does not pay (docs/benchmarks.md). A
    small network on a GPU, where launching kernels takes longer than running them, is where to try
    it."""
    batch_norm: Literal["joint", "separate"] = Field(
        "joint", description="one forward pass for all branches, or one for each"
    )
    """How BatchNorm sees the branches; attacks and evaluations use the running statistics. A joint
    pass moves these once, by the mixture of all branches; separate ones move them once a branch,
    and the last weighs most in them (of three at momentum 0.1: .30, .33, .37 of what a step adds).
    On MNIST joint training left twice the union accuracy, on CIFAR-10 the two were level
    (docs/benchmarks.md)."""


class ValidationSettings(Settings):
    """What is measured after an epoch on held-out training images, on the half of them that steers
    (see `trainer.data.steering_part`)."""

    every: Count = Field(1, description="epochs between measurements; the last is always one")
    examples: Count = Field(
        512, description="validation images used, at most, of the half that steers"
    )


_TrialId = Annotated[str, Field(pattern="^t[0-9a-f]{16}$")]


class Start(Settings):
    """Weights from which a training starts, in place of those that its seed initialises."""

    trial: _TrialId = Field(description="id of the trial whose final weights they are")


class Replay(Settings):
    """Another training's schedule of loss weights, in place of those that the method would find."""

    trial: _TrialId = Field(description="id of the trial whose steps' weights they are")
    mean: bool = Field(False, description="their mean over all steps, at every step")


class _Which(Settings):
    fingerprint: str = Field(description="hash of the data set's own content")
    seed: Annotated[Whole, Field(ge=0, lt=2**31)] = Field(description="of init, order and starts")


class Trial(_Which):
    """One training run. Equal content, equal model: bit for bit on one machine, on the CPU, under
    equal `memory_format` and without `compile`, which are no content: they move roundings, and
    masks of dropout."""

    data: DataSettings
    model: ModelSettings
    method: SerializeAsAny[Method]
    attacks: dict[str, SerializeAsAny[Attack]] = Field(description="of training, by label")
    training: TrainingSettings
    validation: ValidationSettings
    validation_attacks: dict[str, SerializeAsAny[Attack]]
    start: Start | None = Field(
        None, description="another trial's weights to start from; its id is content of this one"
    )
    replay: Replay | None = Field(
        None, description="another trial whose weights of the losses this one has, step by step"
    )

    def content(self) -> dict[str, Any]:
        """Return all that determines the result, with kinds and versions of attacks and method.
        What validation looks at is not in it: the weights that a training ends with do not depend
        on that."""
        content = super().content() | {
            "semantics": SEMANTICS,
            "method": described(METHODS, self.method),
            "attacks": {label: described(ATTACKS, a) for label, a in self.attacks.items()},
        }
        del content["validation"], content["validation_attacks"]
        return content

    def content_with_validation(self) -> dict[str, Any]:
        """Return the content and what validation looks at beside it, by which rows are made: what
        the content was before validation left it."""
        return self.content() | {
            "validation": self.validation.content(),
            "validation_attacks": self._described_validation_attacks(),
        }

    def _described_validation_attacks(self) -> dict[str, Any]:
        return {label: described(ATTACKS, a) for label, a in self.validation_attacks.items()}

    @property
    def id(self) -> str:
        """Name of the trial in the store: `t` and 16 hexadecimal digits."""
        return content_id("t", self.content())

    @property
    def earlier_id(self) -> str:
        """Its name of before, when what validation looks at was in its content. Its parents must be
        named so, too."""
        return content_id("t", self.content_with_validation())

    @property
    def validation_id(self) -> str:
        """Name of what is measured after epochs, when and on how many images: `v` and 16
        hexadecimal digits. Rows, what is chosen by them and where they end a trial are by it."""
        attacks = self._described_validation_attacks()
        return content_id("v", self.validation.content() | {"attacks": attacks})

    @property
    def parents(self) -> tuple[str, ...]:
        """Ids of the trials from whose weights this one starts, or whose schedule it replays: they
        must be trained before it."""
        return tuple(parent.trial for parent in (self.start, self.replay) if parent is not None)

    @property
    def derivation(self) -> str:
        """What the trial has of its parents, in words; empty where it has none."""
        words = []
        if self.start is not None:
            words.append(f"from the weights of {self.start.trial}")
        if self.replay is not None:
            mean = "mean " if self.replay.mean else ""
            words.append(f"under the {mean}schedule of {self.replay.trial}")
        return ", ".join(words)

    @property
    def family(self) -> str:
        """Name of the trials that differ in their length alone: `f` and 16 hexadecimal digits.

        A longer one may go on from a shorter one's last checkpoint where, and only where,
        `training.optimiser.is_constant`. It takes over that one's rows, and so validation looks at
        the same in both.
        """
        content = self.content_with_validation()
        training = {key: part for key, part in content["training"].items() if key != "epochs"}
        return content_id("f", content | {"training": training})

    def radius_warnings(self, image_shape: tuple[int, int, int] | None) -> tuple[str, ...]:
        """Warn of unusual radii of the trial's attacks on images C H W, a line each."""
        scale = self.training.radius_scale
        trained = {label: attack.scaled(scale) for label, attack in self.attacks.items()}
        sections = {"training": trained, "validation": self.validation_attacks}
        return tuple(
            f"{section}.attacks.{label}.{radius_warning}"
            for section, attacks in sections.items()
            for label, attack in attacks.items()
            if (radius_warning := attack.radius_warning(image_shape))
        )

    def record(self) -> dict[str, Any]:
        """Return everything, provenance too, in the form that `read_trial` takes."""
        training = self.training.model_dump(mode="json")
        validation = self.validation.model_dump(mode="json")
        derived = {"start": self.start, "replay": self.replay}
        return {
            "data": self.data.model_dump(mode="json"),
            "fingerprint": self.fingerprint,
            "model": self.model.model_dump(mode="json"),
            "method": _recorded(METHODS, "method", self.method),
            "training": training | {"attacks": _recorded_attacks(self.attacks)},
            "validation": validation | {"attacks": _recorded_attacks(self.validation_attacks)},
            "seed": self.seed,
            **{key: it.model_dump(mode="json") for key, it in derived.items() if it is not None},
        }


def preset(data_name: str) -> Document:
    """Return the defaults for a data set: model, training, validation and evaluation.

    A data set of the user's own has those of `other`, which name no radius.
    """
    with as_file(files("trainer") / "presets.yaml") as path:
        presets = Document.read(path)
    return presets.section(data_name if data_name in presets.keys() else "other")  # noqa: SIM118


def assigned(document: Document, assignments: Iterable[str]) -> Document:
    """Return a document under `--set` assignments, `dotted.key=YAML`, in order.

    `data: NAME` and `model: NAME`, which stand for `{name: NAME}`, are written out on the way,
    so that an assignment may reach into them.

    Raises:
        BadInput: an assignment that is none, or leads nowhere.
    """
    document = _written_out(document)
    for assignment in assignments:
        document = _written_out(document.set(assignment))
    return document


def _written_out(document: Document) -> Document:
    for key in ("data", "model"):
        if key in document and isinstance(document.section(key).value, str):
            name = document.section(key).under(key, "name")
            document = document.without(key).merged_over(name)
    return document


def with_preset(document: Document) -> Document:
    """Return a document over the defaults of the data set that it names.

    One that names a network takes nothing from the preset's.

    Raises:
        BadInput: no data set is named, or no network where the preset has none.
    """
    document = _written_out(document)
    data_name = document.section("data").only("name").read_as(_Named).name
    defaults = preset(data_name)
    if "model.name" in document:
        defaults = defaults.without("model")
    elif "model" not in defaults:
        raise document.fail("model", f"is required: there is no preset for {data_name!r}")
    return document.merged_over(defaults)


class _Named(Settings):
    name: DataName = Field(description="data set, such as digits, mnist, cifar10")


def read_trial(document: Document) -> Trial:
    """Read the trial that a document describes, every default already in it.

    Sections: `data`, `fingerprint`, `model`, `method` (with `method: KIND` inside), `training`
    and `validation` (each with `attacks` by label), `seed`; and `start` and `replay`, which may be
    missing.

    Raises:
        BadInput: what is wrong, where.
    """
    training = document.section("training")
    validation = document.section("validation")
    attacks = read_attacks(training.section("attacks"))
    method = read_method(document.section("method"), attacks)
    with blamed_on(document, "method", type(method)):
        problem, its_attacks = method.unfit(attacks), sorted(set(method.attacks()))
    if problem:
        raise document.fail("method", problem)
    settings = training.without("attacks").read_as(TrainingSettings)
    with blamed_on(document, "method", type(method)):
        goes_back_again = settings.compile and method.weighting().objectives is not None
    if goes_back_again:
        raise training.fail(
            "compile",
            f"must be false for {type(method).__name__}, which weighs gradients: compiled passes "
            f"give wrong ones where they are gone back through a second time",
        )
    which = document.only("fingerprint", "seed").read_as(_Which)
    return Trial(
        fingerprint=which.fingerprint,
        seed=which.seed,
        data=document.section("data").read_as(DataSettings),
        model=document.section("model").read_as(ModelSettings),
        method=method,
        attacks={label: attacks[label] for label in its_attacks},
        training=settings,
        validation=validation.without("attacks").read_as(ValidationSettings),
        validation_attacks=read_attacks(validation.section("attacks")),
        start=document.section("start").read_as(Start) if "start" in document else None,
        replay=document.section("replay").read_as(Replay) if "replay" in document else None,
    )


def read_attacks(document: Document) -> dict[str, Attack]:
    """Read attacks by label: see `read_kinds`, by which `null` takes a preset's attack away.

    Raises:
        BadInput: a label that cannot be one, no such attack, or its settings' own rules.
    """
    return read_kinds(document, ATTACKS, Attack)


def read_method(document: Document, attack_labels: Collection[str]) -> Method:
    """Read a method by its kind, `method: KIND`; an attack's label trains on that attack."""
    kind = kind_in(document, "method", "standard")
    known = dict.fromkeys(attack_labels, Adversarial) | METHODS
    if kind not in METHODS and kind in attack_labels:
        attack = Document.from_plain({"attack": kind}, document.where("method"))
        document = document.merged_over(attack)
    return read_kind(document, known, Method, kind)


def described(registry: Mapping[str, type[Settings]], settings: Attack | Method) -> dict[str, Any]:
    """Return the content of an attack or method: its kind, its version, its own settings."""
    return {
        "kind": kind_of(registry, settings),
        "version": settings.version,
        **plain(settings),
    }


def _recorded(
    registry: Mapping[str, type[Settings]], key: str, settings: Settings
) -> dict[str, Any]:
    return {key: kind_of(registry, settings), **settings.model_dump(mode="json")}


def _recorded_attacks(attacks: Mapping[str, Attack]) -> dict[str, Any]:
    return {label: _recorded(ATTACKS, "attack", attack) for label, attack in attacks.items()}
