"""Settings of a class that a document names: attacks, methods, stopping rules, one's own too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from inspect import isabstract
from typing import TypeVar

from trainer.input.document import Document
from trainer.input.own_code import OwnCodeError, own_code
from trainer.input.problems import label_problem
from trainer.input.registry import resolve
from trainer.input.settings import Settings

_S = TypeVar("_S", bound=Settings)


def read_kinds(
    document: Document, registry: Mapping[str, type[_S]], base: type[Settings]
) -> dict[str, _S]:
    """Read settings by label, each as `read_kind` does; `null` in place of a mapping takes one
    away, and a label that is no known kind names its kind under the base's name.

    Raises:
        BadInput: a label that cannot be one, or what `read_kind` raises.
    """
    kinds = {}
    for label, section in document.items():
        if problem := label_problem(label):
            raise section.fail("", problem)
        if section.value is not None:
            kinds[label] = read_kind(section, registry, base, label)
    return kinds


def read_kind(
    document: Document, registry: Mapping[str, type[_S]], base: type[Settings], label: str
) -> _S:
    """Read settings of the class that `document` names under the base's name (`attack`, `method`),
    or that its label does.

    Raises:
        BadInput: no such class, one that is no concrete subclass of `base`, or its settings'
            own rules.
    """
    cls = named_class(document, registry, base, label)
    key = base.__name__.lower()
    with blamed_on(document, key, cls):
        return document.without(key).read_as(cls)


def named_class(
    document: Document, registry: Mapping[str, type[_S]], base: type[Settings], label: str
) -> type[_S]:
    """Find the class that `read_kind` reads.

    Raises:
        BadInput: no such class, or one that is no concrete subclass of `base`.
    """
    key = base.__name__.lower()
    kind = kind_in(document, key, label)
    try:
        cls = resolve(registry, kind, kind=key)
    except ValueError as error:
        raise document.fail(key, str(error)) from None
    if not (isinstance(cls, type) and issubclass(cls, base)) or isabstract(cls):
        package = base.__module__.rpartition(".")[0]  # from which users import it
        raise document.fail(
            key,
            f"must name a subclass of {package}.{base.__name__} that defines its abstract "
            f"methods, got {kind!r}",
        )
    return cls


@contextmanager
def blamed_on(document: Document, key: str, cls: type[Settings]) -> Iterator[None]:
    """Raise what a user's class raises in the block as a `BadInput` of the key that names it."""
    try:
        with own_code(f"the code of {cls.__qualname__}"):
            yield
    except OwnCodeError as error:
        raise document.fail(key, str(error)) from error


def kind_in(document: Document, key: str, label: str) -> str:
    """Read the name of a class under `key`; the label where there is none.

    Raises:
        BadInput: it is no text.
    """
    if key not in document:
        return label
    kind = document.section(key).value
    if not isinstance(kind, str):
        raise document.fail(key, f"must be the name of a known {key}, or package.module:Class")
    return kind


def kind_of(registry: Mapping[str, type[Settings]], settings: Settings) -> str:
    """Return the name under which `read_kind` finds the class of `settings`."""
    cls = type(settings)
    names = [name for name, known in registry.items() if known is cls]
    return names[0] if names else f"{cls.__module__}:{cls.__qualname__}"
