"""YAML as nodes: values that know the place where they were written.

The YAML is the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): `on`,
`yes`, dates and `8/255` are text, `1e-3` is a number, `012` is twelve. Keys are text, each
written once. Refused are merge keys, tags of other schemas, and documents that are large, deep,
or expand through their aliases to either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import yaml

from trainer.input.problems import dotted, label, shown, wrong

MAX_BYTES = 1_000_000
MAX_NODES = 100_000  # counted as if each alias were replaced by what it stands for
MAX_DEPTH = 50
MAX_DIGITS = 300  # of a whole number: any such number fits a float

Scalar: TypeAlias = str | int | float | bool | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it was written: for a value in a mapping, the line of its key."""

    content: Scalar | tuple[Node, ...] | Mapping[str, Node]
    where: str


def children_of(node: Node) -> Mapping[str, Node]:
    if isinstance(node.content, Mapping):
        return node.content
    if isinstance(node.content, tuple):
        return {str(index): item for index, item in enumerate(node.content)}
    return {}


def plain_value(node: Node) -> Plain:
    if isinstance(node.content, Mapping):
        return {key: plain_value(child) for key, child in node.content.items()}
    if isinstance(node.content, tuple):
        return [plain_value(child) for child in node.content]
    return node.content


def node_of(value: object, origin: str, path: tuple[str, ...]) -> Node:
    if len(path) > MAX_DEPTH:
        raise wrong(origin, path, f"must not be nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        children = {key: node_of(child, origin, (*path, key)) for key, child in value.items()}
        return Node(children, origin)
    if isinstance(value, (list, tuple)):
        entries = (node_of(entry, origin, (*path, str(index))) for index, entry in enumerate(value))
        return Node(tuple(entries), origin)
    if value is None or isinstance(value, (str, int, float)):
        return Node(value, origin)
    raise TypeError(f"{origin}: {dotted(path)}: no plain value: {shown(value)}")


_CORE = "tag:yaml.org,2002:"
_TAGS: dict[str, tuple[type, ...]] = {
    f"{_CORE}null": (type(None),),
    f"{_CORE}bool": (bool,),
    f"{_CORE}int": (int,),
    f"{_CORE}float": (int, float),
    f"{_CORE}str": (str,),
    f"{_CORE}seq": (tuple,),
    f"{_CORE}map": (dict,),
}
_CONSTANTS: dict[str, bool | None] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
)
_INTEGER = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Dumper(yaml.SafeDumper):
    """Writes YAML that quotes what YAML 1.1 or 1.2 would not take for text, and has no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


_Dumper.add_implicit_resolver(f"{_CORE}int", _INTEGER, list("+-0123456789"))
_Dumper.add_implicit_resolver(f"{_CORE}float", _FLOAT, list("+-.0123456789"))


def to_yaml(value: Plain) -> str:
    """Write `value` as YAML from which `Document.read`, or a reader of YAML 1.1, gets it back.

    (`yaml.safe_dump` writes the text `1e-3` without quotes: a number in YAML 1.2.)
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _resolved(text: str) -> Scalar:
    """Return the scalar of the core schema that `text` means when it stands without quotes."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.match(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.match(text):
        named = text.lower().replace(".inf", "inf").replace(".nan", "nan")
        return float(named)
    return text


def parse_yaml(data: bytes, path: tuple[str, ...], locate: Callable[[str], str]) -> Node:
    """Parse the one YAML document in `data`, whose root stands at `path`; null if there is none.

    `locate` turns a place in the text (`LINE` or `LINE:COLUMN`) into a `where`.
    """

    def where_after(text: str) -> str:
        return locate(str(len(f"{text}.".splitlines())))

    if len(data) > MAX_BYTES:
        raise wrong(locate("1"), path, f"must be at most {MAX_BYTES} bytes long")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        message = f"must be UTF-8 text, got the byte 0x{data[error.start]:02x}"
        raise wrong(where_after(data[: error.start].decode()), path, message) from error
    if match := _UNPRINTABLE.search(text):
        raise wrong(where_after(text[: match.start()]), path, _no_control(match))
    return _Composer(text, path, locate).document()


def _no_control(match: re.Match[str]) -> str:
    return f"must not contain the control character U+{ord(match[0]):04X}"


class _Composer:
    """Composes nodes from the events of a YAML parser, within the limits of this module.

    The parser is libyaml's (PyYAML ships it wherever torch runs): ten times the speed of the one
    in Python, which moreover answers some malformed texts with errors that are not YAML errors.
    PyYAML's own composer on top of it (`yaml.compose`) ends the process by a stack overflow where a
    document is deep, before its depth can be seen, and forgets where an alias was written.
    """

    def __init__(self, text: str, path: tuple[str, ...], locate: Callable[[str], str]) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._lines = text.splitlines() or [""]
        self._path = path
        self._locate = locate
        self._count = 0
        self._deepest = 0
        # an anchor's node, its size and its height; None while the node is being read
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}

    def document(self) -> Node:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return Node(None, self._locate("1"))
        first = self._next()
        root = self._node(first, self._path, self._where(first))
        self._next()
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            message = "must be a single document, but another one starts here (split the file)"
            raise wrong(self._where(event), self._path, message)
        return root

    def _next(self) -> Any:
        try:
            return next(self._events)
        except yaml.MarkedYAMLError as error:
            mark, begin = error.problem_mark, error.context_mark
            assert mark is not None
            place, found = str(len(self._lines)), ""
            if mark.line < len(self._lines):  # libyaml finds the end of a text on a line below
                place = f"{mark.line + 1}:{mark.column + 1}"
                found = self._lines[mark.line][mark.column : mark.column + 1]
            message = f"must be valid YAML: {error.problem}"
            if begin is not None and begin.line != mark.line:
                message += f" {error.context} from line {begin.line + 1} on"
            message += f", got {shown(found) if found else 'the end'}"
            if found == "\t":
                message += " (indent with spaces, not tabs)"
            raise wrong(self._locate(place), self._path, message) from error

    def _where(self, event: Any) -> str:
        return self._locate(str(min(event.start_mark.line + 1, len(self._lines))))

    def _node(self, event: Any, path: tuple[str, ...], where: str) -> Node:
        """Compose the node that begins with `event`, written at `where`."""
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, path, where)
        count, deepest, self._deepest = self._count, self._deepest, len(path)
        self._grow(1, 0, path, where)
        if event.anchor:
            self._anchors[event.anchor] = None
        content: Scalar | tuple[Node, ...] | Mapping[str, Node]
        if isinstance(event, yaml.ScalarEvent):
            content = self._scalar(event, path, where)
        elif isinstance(event, yaml.SequenceStartEvent):
            content = self._sequence(path)
        else:
            content = self._mapping(path)
        if event.tag and type(content) not in _TAGS.get(event.tag, ()):
            message = f"must not have the tag {shown(event.tag)} (write the value without it)"
            raise wrong(where, path, message)
        node = Node(content, where)
        if event.anchor:
            self._anchors[event.anchor] = node, self._count - count, self._deepest - len(path)
        self._deepest = max(self._deepest, deepest)
        return node

    def _aliased(self, event: Any, path: tuple[str, ...], where: str) -> Node:
        name = label(event.anchor)
        if event.anchor not in self._anchors:
            raise wrong(where, path, f"must not use the alias *{name} before its anchor &{name}")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise wrong(where, path, f"must not contain itself, as the alias *{name} makes it")
        node, size, height = anchored
        self._grow(size, height, path, where)
        return replace(node, where=where)

    def _grow(self, size: int, height: int, path: tuple[str, ...], where: str) -> None:
        self._count += size
        self._deepest = max(self._deepest, len(path) + height)
        if self._count > MAX_NODES:
            message = f"must not make the document larger than {MAX_NODES} values"
            raise wrong(where, path, f"{message} (aliases count as what they stand for)")
        if self._deepest > MAX_DEPTH:
            raise wrong(where, path, f"must not be nested deeper than {MAX_DEPTH} levels")

    def _scalar(self, event: Any, path: tuple[str, ...], where: str) -> Scalar:
        text: str = event.value
        if match := _UNPRINTABLE.search(text):
            raise wrong(where, path, _no_control(match))
        if event.tag == f"{_CORE}str" or (event.tag is None and not event.implicit[0]):
            return text
        if len(text) > MAX_DIGITS and _INTEGER.match(text):
            raise wrong(where, path, f"must be a number of at most {MAX_DIGITS} digits")
        return _resolved(text)

    def _sequence(self, path: tuple[str, ...]) -> tuple[Node, ...]:
        entries: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            entries.append(self._node(event, (*path, str(len(entries))), self._where(event)))
        return tuple(entries)

    def _mapping(self, path: tuple[str, ...]) -> dict[str, Node]:
        children: dict[str, Node] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            where = self._where(event)
            key = plain_value(self._node(event, (*path, "?"), where))
            if not isinstance(key, str):
                message = f"must have text as keys, got {shown(key)} (write it in quotes)"
                raise wrong(where, path, message)
            if key == "<<":
                message = "must not use the merge key << (write its keys out)"
                raise wrong(where, path, message)
            if key in children:
                message = f"must be written once, but is at {children[key].where} too (delete one)"
                raise wrong(where, (*path, key), message)
            children[key] = self._node(self._next(), (*path, key), where)
        return children
