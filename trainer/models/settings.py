"""What a user says about the model of a trial: a name, and the options of that model."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, Strict, model_validator

from trainer.input.registry import resolve
from trainer.input.settings import Count, Settings, plain


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"must be odd, so that an output pixel has a centre, got {size}")
    return size


class CnnOptions(Settings):
    """Options of `cnn`; by default the network of the MNIST experiments."""

    channels: Annotated[tuple[Count, ...], Strict(False), Field(min_length=1)] = Field(
        default=(32, 64), description="output channels of each convolution, first to last"
    )
    kernel_size: Annotated[Count, AfterValidator(_odd)] = Field(
        default=5, description="side of every convolution's kernel, in pixels"
    )
    hidden: Count = Field(default=1024, description="units of the hidden layer")


class NoOptions(Settings):
    """Options of a model that has none: it is what its name says."""


OPTIONS: dict[str, type[Settings]] = {
    "cnn": CnnOptions,
    "preact_resnet18": NoOptions,
    "resnet18": NoOptions,
    "resnet50": NoOptions,
    "wide_resnet28_10": NoOptions,
}
"""Options by the names of the models that need no code of the user's."""

WITHOUT_BATCH_NORM = frozenset({"cnn"})
"""Names of the models of which it is known, before they are built, that an image's logits do not
depend on the others of its batch."""


class ModelSettings(Settings):
    """A model: `preact_resnet18` alone, or `{name: cnn, channels: [32, 64], hidden: 1024}`.

    All keys beside `name` are options. Those of a known model are checked here and
    their defaults filled in; those of a user's `package.module:function` go to it as keyword
    arguments as they are.
    """

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="model, or your own builder as package.module:function")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        given = {"name": value} if isinstance(value, str) else value
        if not (isinstance(given, Mapping) and isinstance(given.get("name"), str)):
            return given  # pydantic's own checks say what is wrong
        name = given["name"]
        if ":" in name:
            return given
        kind = resolve(OPTIONS, name, kind="model")
        options = {key: given[key] for key in given if key != "name"}
        _refuse_unknown(name, options, kind)
        return {"name": name, **dict(kind.model_validate(options))}

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of the model's builder."""
        return dict(self.model_extra or {})

    def content(self) -> dict[str, Any]:
        """Return the name and the options; of a known model only those that are not the default."""
        options = self.options
        if self.name in OPTIONS:
            options = OPTIONS[self.name].model_validate(options).content()
        return {"name": self.name, **plain(options)}


def _refuse_unknown(name: str, options: Mapping[str, Any], kind: type[Settings]) -> None:
    known = list(kind.model_fields)
    for option in options:
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            valid = f"its options: {', '.join(known)}" if known else "it has none"
            raise ValueError(
                f"must have no option that {name} does not know, got {option!r}; {hint}{valid}"
            )
