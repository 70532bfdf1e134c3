"""Documents whose values know where they were written: the border at which input is read.

A YAML file, a `--set` assignment and plain values (defaults, a JSON record) all become a
`Document`, so that whatever a person got wrong is reported in one form, one line a problem:

    sweeps/quick.yaml:12: methods.pgd.epsilon: must be >= 0, got -1 (pixels in [0, 1])

A *dotted key* (`training.pgd.epsilon`) leads from a document to a value in it. A single key may
hold dots too (`vary: {pgd.epsilon: ...}`), so each mapping is left by the longest of its keys
that begins the rest. An entry of a list is named by its index, from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trainer.input.broken_rules import message_of
from trainer.input.problems import BadInput, Problem, dotted, label, shown, wrong
from trainer.input.settings import Settings
from trainer.input.yaml_nodes import (
    MAX_BYTES,
    MAX_DEPTH,
    Node,
    Plain,
    children_of,
    node_of,
    parse_yaml,
    plain_value,
)

MAX_PROBLEMS = 20

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Document:
    """A value, the values in it, and for each of them where it was written. Immutable."""

    _node: Node
    _path: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> Document:
        """Read the mapping in a YAML file of at most `MAX_BYTES` bytes.

        Raises:
            BadInput: the file cannot be read, breaks the rules of this module, or holds no
                mapping.
        """
        name = label(str(path))
        try:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:  # ValueError: the path holds a NUL
            reason = getattr(error, "strerror", None) or str(error)
            message = f"must be a file that can be read: {reason} (check the path)"
            raise BadInput(Problem(name, "", message)) from error
        document = cls(parse_yaml(data, (), lambda place: f"{name}:{place}"))
        if document.value is None:
            raise document.fail("", "must hold a mapping of keys to values, but is empty")
        document.keys()
        return document

    @classmethod
    def from_plain(cls, value: object, origin: str) -> Document:
        """Make a document of scalars, lists or tuples and mappings from text, written at `origin`.

        Raises:
            BadInput: nested deeper than `MAX_DEPTH`.
            TypeError: a value of another type.
        """
        return cls(node_of(value, origin, ()))

    @property
    def value(self) -> Plain:
        """The document's value as scalars, lists and dicts, new ones at each call."""
        return plain_value(self._node)

    def keys(self) -> list[str]:
        """Return the keys of this mapping, in order.

        Raises:
            BadInput: this is no mapping.
        """
        if not isinstance(self._node.content, Mapping):
            rule = "must be a mapping of keys to values"
            raise self.fail("", f"{rule}, got {shown(self.value)}")
        return list(self._node.content)

    def items(self) -> list[tuple[str, Document]]:
        """Return the keys of this mapping with their values, in order.

        Raises:
            BadInput: this is no mapping.
        """
        return [(key, self._child(key)) for key in self.keys()]

    def __contains__(self, key: str) -> bool:
        """Whether there is a value at the dotted `key`."""
        return not self._follow(key)[1]

    def section(self, key: str) -> Document:
        """Return the value at the dotted `key`, which need not be a mapping.

        Raises:
            BadInput: there is none.
        """
        found, missing = self._follow(key)
        if missing:
            raise self.fail(key, "is required")
        return found

    def where(self, key: str = "") -> str:
        """Say where the value at the dotted `key` was written, else where it would belong."""
        return self._follow(key)[0]._node.where

    def fail(self, key: str, message: str) -> BadInput:
        """Return the error to be raised where the value at the dotted `key` breaks a rule."""
        found, missing = self._follow(key)
        return wrong(found._node.where, (*found._path, *missing), message)

    def elements(self) -> list[Document]:
        """Return the entries of this list, in order.

        Raises:
            BadInput: this is no list.
        """
        if not isinstance(self._node.content, tuple):
            raise self.fail("", f"must be a list, got {shown(self.value)}")
        entries = children_of(self._node).items()
        return [Document(entry, (*self._path, index)) for index, entry in entries]

    def only(self, *keys: str) -> Document:
        """Return this mapping with none but those of `keys` that it has."""
        return self._keeping(lambda key: key in keys)

    def without(self, *keys: str) -> Document:
        """Return this mapping with none of `keys`."""
        return self._keeping(lambda key: key not in keys)

    def under(self, *path: str) -> Document:
        """Return a document of its own in which this value stands at `path`."""
        node = self._node
        for key in reversed(path):
            node = Node({key: node}, node.where)
        return Document(node)

    def merged_over(self, defaults: Document) -> Document:
        """Return this document, and from `defaults` what it does not say.

        Mappings are merged at every depth, its own keys first; of anything else its own value
        stands. Each value keeps the place where it was written.
        """
        return replace(self, _node=_merged(self._node, defaults._node))

    def set(self, assignment: str) -> Document:
        """Return this document with one value replaced or added: `dotted.key=YAML`.

        The key leads down as described above. Where no key that is there begins the rest, its
        first part becomes a new key; in a mapping named `vary`, whose keys are dotted keys
        themselves, the whole rest does (`methods.pareto.vary.pgd.epsilon=[0.1, 0.2]`). `null`
        on the way counts as an empty mapping. The place of the value is `--set dotted.key`.

        Raises:
            BadInput: there is no `=`, the key has an empty part or leads into a value that is
                no mapping, or the value breaks the rules of this module.
        """
        key, equals, text = assignment.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts) or len(parts) > MAX_DEPTH:
            rule = f"must be written dotted.key=VALUE, the key of at most {MAX_DEPTH} parts"
            message = f"{rule}, got {shown(assignment)}"
            raise BadInput(Problem("--set", "", message))
        path = (*self._path, *parts)
        where = f"--set {label('.'.join(parts))}"
        new = parse_yaml(text.encode("utf-8", "surrogatepass"), path, lambda place: where)
        return replace(self, _node=_assigned(self._node, self._path, parts, new))

    def read_as(self, settings: type[S]) -> S:
        """Check the settings that this mapping writes down, and return them.

        Raises:
            BadInput: the rules of `settings` that are broken, `MAX_PROBLEMS` of them at most,
                each with its place, its value, and its field's description (meaning, unit).
        """
        try:
            return settings.model_validate(self.value)
        except ValidationError as error:
            order = {key: at for at, key in enumerate(children_of(self._node))}
            details = _each_once(error.errors(include_url=False))
            # As a person reads them; what is missing comes last.
            details.sort(key=lambda each: order.get(str(next(iter(each["loc"]), "")), len(order)))
            problems = [_problem(self, settings, each) for each in details[:MAX_PROBLEMS]]
            if len(details) > MAX_PROBLEMS:
                message = f"has {len(details) - MAX_PROBLEMS} problems more"
                problems.append(Problem(self.where(), dotted(self._path), message))
            raise BadInput(*problems) from error

    def _keeping(self, wanted: Callable[[str], bool]) -> Document:
        kept = {key: child._node for key, child in self.items() if wanted(key)}
        return replace(self, _node=replace(self._node, content=kept))

    def _child(self, key: str) -> Document:
        return Document(children_of(self._node)[key], (*self._path, key))

    def _follow(self, key: str) -> tuple[Document, list[str]]:
        """Return the value that the dotted `key` leads to, as far as it goes, and the parts
        left."""
        found, rest = self, key.split(".") if key else []
        while taken := _longest(children_of(found._node), rest):
            found, rest = found._child(".".join(rest[:taken])), rest[taken:]
        return found, rest


def _each_once(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Drop errors that follow from others: a list is not too short for entries refused."""
    places = [each["loc"] for each in details]
    return [
        each
        for each, place in zip(details, places, strict=True)
        if each["type"] != "too_short"
        or not any(len(other) > len(place) and other[: len(place)] == place for other in places)
    ]


def _longest(keys: Mapping[str, object], parts: Sequence[str]) -> int:
    """Count how many of the first `parts` make the longest of `keys` that they begin with, or 0."""
    lengths = range(len(parts), 0, -1)
    return next((length for length in lengths if ".".join(parts[:length]) in keys), 0)


def _merged(node: Node, default: Node) -> Node:
    if not isinstance(node.content, Mapping) or not isinstance(default.content, Mapping):
        return node
    merged = dict(node.content)
    for key, child in default.content.items():
        merged[key] = _merged(merged[key], child) if key in merged else child
    return replace(node, content=merged)


def _assigned(node: Node, path: tuple[str, ...], parts: Sequence[str], new: Node) -> Node:
    """Return `node`, at `path`, with `new` at the key of `parts`; see `Document.set`."""
    if not parts:
        return new
    children = {} if node.content is None else node.content
    if not isinstance(children, Mapping):
        rule = "must be a mapping for --set to reach into"
        raise wrong(new.where, path, f"{rule}, got {shown(plain_value(node))} (set it as a whole)")
    is_vary = path[-1:] == ("vary",)
    taken = _longest(children, parts) or (len(parts) if is_vary else 1)
    name = ".".join(parts[:taken])
    child = children.get(name, Node({}, new.where))
    changed = _assigned(child, (*path, name), parts[taken:], new)
    return replace(node, content={**children, name: changed})


def _problem(document: Document, settings: type[Settings], error: ErrorDetails) -> Problem:
    """Make a problem of one of pydantic's errors, at the deepest value of `loc` written there."""
    found = document
    for part in error["loc"]:  # some parts are no keys: a union's tag, "[key]", a default's field
        if str(part) in children_of(found._node):
            found = found._child(str(part))
    missing = [str(error["loc"][-1])] if error["type"] == "missing" else []
    where, key = found._node.where, dotted((*found._path, *missing))
    return Problem(where, key, message_of(settings, error))
