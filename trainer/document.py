"""Documents whose values know where they were written: the border at which input is read.

A YAML file, a `--set` assignment and plain values (defaults, a JSON record) all become a
`Document`, so that whatever a person got wrong is told in one form, one line a problem:

    sweeps/quick.yaml:12: methods.pgd.epsilon: must be >= 0, got -1 (pixels in [0, 1])

The YAML is the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): `on`,
`yes`, dates and `8/255` are text, `1e-3` is a number, `012` is twelve. Keys are text, each
written once. Refused are merge keys, tags of other schemas, and documents that are large, deep,
or expand through their aliases to either.

A *dotted key* (`training.pgd.epsilon`) leads from a document to a value in it. A single key may
hold dots too (`vary: {pgd.epsilon: ...}`), so each mapping is left by the longest of its keys
that begins the rest. An entry of a list is named by its index, from 0.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from trainer.settings import Settings

MAX_BYTES = 1_000_000
MAX_NODES = 100_000  # counted as if each alias were replaced by what it stands for
MAX_DEPTH = 50
MAX_DIGITS = 300  # of a whole number: any such number fits a float
MAX_SHOWN = 80  # characters of a value in a message
MAX_PROBLEMS = 20

Scalar: TypeAlias = str | int | float | bool | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the input.

    `where` is `FILE:LINE`, `FILE:LINE:COLUMN` or `--set KEY`, `key` the dotted key (empty for
    the document itself), `message` the rule, the value and the remedy.
    """

    where: str
    key: str
    message: str

    def __str__(self) -> str:
        if not self.key or self.where == f"--set {self.key}":
            return f"{self.where}: {self.message}"
        return f"{self.where}: {self.key}: {self.message}"


class BadInput(ValueError):  # noqa: N818 (the user's mistake, not the program's)
    """The input is wrong: `problems`, of which there is at least one, each a line of the text."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


@dataclass(frozen=True, slots=True)
class Document:
    """A value, the values in it, and for each of them where it was written. Immutable."""

    _node: _Node
    _path: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> Document:
        """The mapping in a YAML file of at most `MAX_BYTES` bytes.

        Raises:
            BadInput: the file cannot be read, breaks the rules of this module, or holds no
                mapping.
        """
        name = _label(str(path))
        try:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:  # ValueError: the path holds a NUL
            reason = getattr(error, "strerror", None) or str(error)
            message = f"must be a file that can be read: {reason} (check the path)"
            raise BadInput(Problem(name, "", message)) from error
        document = cls(_parse(data, (), lambda place: f"{name}:{place}"))
        if document.value is None:
            raise document.fail("", "must hold a mapping of keys to values, but is empty")
        document.keys()
        return document

    @classmethod
    def from_plain(cls, value: object, origin: str) -> Document:
        """Scalars, lists or tuples, and mappings from text, all of them written at `origin`.

        Raises:
            BadInput: nested deeper than `MAX_DEPTH`.
            TypeError: a value of another type.
        """
        return cls(_from_plain(value, origin, ()))

    @property
    def value(self) -> Plain:
        """The value as scalars, lists and dicts, new ones at each call."""
        return _plain(self._node)

    def keys(self) -> list[str]:
        """The keys of this mapping, in order.

        Raises:
            BadInput: this is no mapping.
        """
        if not isinstance(self._node.content, Mapping):
            rule = "must be a mapping of keys to values"
            raise self.fail("", f"{rule}, got {shown(self.value)}")
        return list(self._node.content)

    def items(self) -> list[tuple[str, Document]]:
        """The keys of this mapping with their values, in order.

        Raises:
            BadInput: this is no mapping.
        """
        return [(key, self._child(key)) for key in self.keys()]

    def __contains__(self, key: str) -> bool:
        """Whether there is a value at the dotted `key`."""
        return not self._follow(key)[1]

    def section(self, key: str) -> Document:
        """The value at the dotted `key`, which need not be a mapping.

        Raises:
            BadInput: there is none.
        """
        found, missing = self._follow(key)
        if missing:
            raise self.fail(key, "is required")
        return found

    def where(self, key: str = "") -> str:
        """Where the value at the dotted `key` was written, else where it would belong."""
        return self._follow(key)[0]._node.where

    def fail(self, key: str, message: str) -> BadInput:
        """The error for the caller to raise where the value at the dotted `key` breaks a rule."""
        found, missing = self._follow(key)
        return _wrong(found._node.where, (*found._path, *missing), message)

    def elements(self) -> list[Document]:
        """The entries of this list, in order.

        Raises:
            BadInput: this is no list.
        """
        if not isinstance(self._node.content, tuple):
            raise self.fail("", f"must be a list, got {shown(self.value)}")
        return [self._child(key) for key in _children(self._node)]

    def only(self, *keys: str) -> Document:
        """This mapping with none but those of `keys` that it has."""
        return self._keeping(lambda key: key in keys)

    def without(self, *keys: str) -> Document:
        """This mapping with none of `keys`."""
        return self._keeping(lambda key: key not in keys)

    def under(self, *path: str) -> Document:
        """A document of its own in which this value stands at `path`."""
        node = self._node
        for key in reversed(path):
            node = _Node({key: node}, node.where)
        return Document(node)

    def merged_over(self, defaults: Document) -> Document:
        """This document, and from `defaults` what it does not say.

        Mappings are merged at every depth, its own keys first; of anything else its own value
        stands. Each value keeps the place where it was written.
        """
        return replace(self, _node=_merged(self._node, defaults._node))

    def set(self, assignment: str) -> Document:
        """This document with one value replaced or added: `dotted.key=YAML`.

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
        where = f"--set {_label('.'.join(parts))}"
        new = _parse(text.encode("utf-8", "surrogatepass"), path, lambda place: where)
        return replace(self, _node=_assigned(self._node, self._path, parts, new))

    def read_as(self, settings: type[S]) -> S:
        """The checked settings that this mapping writes down.

        Raises:
            BadInput: the rules of `settings` that are broken, `MAX_PROBLEMS` of them at most,
                each with its place, its value, and its field's description (meaning, unit).
        """
        try:
            return settings.model_validate(self.value)
        except ValidationError as error:
            details = error.errors(include_url=False)
            problems = [_problem(self, settings, each) for each in details[:MAX_PROBLEMS]]
            if len(details) > MAX_PROBLEMS:
                message = f"has {len(details) - MAX_PROBLEMS} problems more"
                problems.append(Problem(self.where(), _dotted(self._path), message))
            raise BadInput(*problems) from error

    def _keeping(self, wanted: Callable[[str], bool]) -> Document:
        kept = {key: child._node for key, child in self.items() if wanted(key)}
        return replace(self, _node=replace(self._node, content=kept))

    def _child(self, key: str) -> Document:
        return Document(_children(self._node)[key], (*self._path, key))

    def _follow(self, key: str) -> tuple[Document, list[str]]:
        """The value that the dotted `key` leads to, as far as it goes, and the parts left over."""
        found, rest = self, key.split(".") if key else []
        while taken := _longest(_children(found._node), rest):
            found, rest = found._child(".".join(rest[:taken])), rest[taken:]
        return found, rest


def redacted(text: str) -> str:
    """`text` with the password of a URI (`scheme://user:password@host`) replaced by `***`.

    A password may hold any character, so everything up to the last `@` goes: rather too much
    is hidden than too little.
    """
    credentials, at, host = text.rpartition("@")
    return re.sub(r"(://[^:/@]*):.*", r"\1:***", credentials, flags=re.DOTALL) + at + host


def shown(value: object) -> str:
    """`value` as a message may show it: short, on one line, without a password."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _cut(repr(redacted(value)))
    if isinstance(value, Mapping):
        return f"a mapping of length {len(value)}"
    if isinstance(value, Sequence):
        return f"a list of length {len(value)}"
    return _cut(repr(value))


def to_yaml(value: Plain) -> str:
    """`value` as YAML from which `Document.read`, or a reader of YAML 1.1, gets it back.

    (`yaml.safe_dump` writes the text `1e-3` without quotes: a number in YAML 1.2.)
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def _label(name: str) -> str:
    """A key or a file's name as a message may show it: without quotes where it is printable."""
    safe = redacted(name)
    return _cut(safe if safe.isprintable() else repr(safe)[1:-1])


def _dotted(path: Sequence[str]) -> str:
    return _label(".".join(path))


def _wrong(where: str, path: Sequence[str], message: str) -> BadInput:
    return BadInput(Problem(where, _dotted(path), message))


# --- Nodes: values with their places -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Node:
    """A value and where it was written: for a value in a mapping, the line of its key."""

    content: Scalar | tuple[_Node, ...] | Mapping[str, _Node]
    where: str


def _children(node: _Node) -> Mapping[str, _Node]:
    if isinstance(node.content, Mapping):
        return node.content
    if isinstance(node.content, tuple):
        return {str(index): item for index, item in enumerate(node.content)}
    return {}


def _longest(keys: Mapping[str, object], parts: Sequence[str]) -> int:
    """How many of the first `parts` make up the longest of `keys` that they begin with, or 0."""
    lengths = range(len(parts), 0, -1)
    return next((length for length in lengths if ".".join(parts[:length]) in keys), 0)


def _plain(node: _Node) -> Plain:
    if isinstance(node.content, Mapping):
        return {key: _plain(child) for key, child in node.content.items()}
    if isinstance(node.content, tuple):
        return [_plain(child) for child in node.content]
    return node.content


def _from_plain(value: object, origin: str, path: tuple[str, ...]) -> _Node:
    if len(path) > MAX_DEPTH:
        raise _wrong(origin, path, f"must not be nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        children = {key: _from_plain(child, origin, (*path, key)) for key, child in value.items()}
        return _Node(children, origin)
    if isinstance(value, (list, tuple)):
        entries = (
            _from_plain(entry, origin, (*path, str(index))) for index, entry in enumerate(value)
        )
        return _Node(tuple(entries), origin)
    if value is None or isinstance(value, (str, int, float)):
        return _Node(value, origin)
    raise TypeError(f"{origin}: {_dotted(path)}: no plain value: {shown(value)}")


def _merged(node: _Node, default: _Node) -> _Node:
    if not isinstance(node.content, Mapping) or not isinstance(default.content, Mapping):
        return node
    merged = dict(node.content)
    for key, child in default.content.items():
        merged[key] = _merged(merged[key], child) if key in merged else child
    return replace(node, content=merged)


def _assigned(node: _Node, path: tuple[str, ...], parts: Sequence[str], new: _Node) -> _Node:
    """`node`, which stands at `path`, with `new` at the key of `parts`; see `Document.set`."""
    if not parts:
        return new
    children = {} if node.content is None else node.content
    if not isinstance(children, Mapping):
        rule = "must be a mapping for --set to reach into"
        raise _wrong(new.where, path, f"{rule}, got {shown(_plain(node))} (set it as a whole)")
    is_vary = path[-1:] == ("vary",)
    taken = _longest(children, parts) or (len(parts) if is_vary else 1)
    name = ".".join(parts[:taken])
    child = children.get(name, _Node({}, new.where))
    changed = _assigned(child, (*path, name), parts[taken:], new)
    return replace(node, content={**children, name: changed})


# --- YAML to nodes -------------------------------------------------------------------------------

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
    """Quotes what YAML 1.1 or 1.2 would not take for text, and writes no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


_Dumper.add_implicit_resolver(f"{_CORE}int", _INTEGER, list("+-0123456789"))
_Dumper.add_implicit_resolver(f"{_CORE}float", _FLOAT, list("+-.0123456789"))


def _resolved(text: str) -> Scalar:
    """The scalar of the core schema that `text` means when it stands without quotes."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.match(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.match(text):
        named = text.lower().replace(".inf", "inf").replace(".nan", "nan")
        return float(named)
    return text


def _parse(data: bytes, path: tuple[str, ...], locate: Callable[[str], str]) -> _Node:
    """The one YAML document in `data`, whose root stands at `path`; null if there is none.

    `locate` turns a place in the text (`LINE` or `LINE:COLUMN`) into a `where`.
    """

    def where_after(text: str) -> str:
        return locate(str(len(f"{text}.".splitlines())))

    if len(data) > MAX_BYTES:
        raise _wrong(locate("1"), path, f"must be at most {MAX_BYTES} bytes long")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        message = f"must be UTF-8 text, got the byte 0x{data[error.start]:02x}"
        raise _wrong(where_after(data[: error.start].decode()), path, message) from error
    if match := _UNPRINTABLE.search(text):
        raise _wrong(where_after(text[: match.start()]), path, _no_control(match))
    return _Composer(text, path, locate).document()


def _no_control(match: re.Match[str]) -> str:
    return f"must not contain the control character U+{ord(match[0]):04X}"


class _Composer:
    """Nodes from the events of a YAML parser, within the limits of this module.

    The parser is libyaml's (PyYAML ships it wherever torch runs): ten times the speed of the one
    in Python, which moreover answers some malformed texts with errors that are not YAML errors.
    """

    def __init__(self, text: str, path: tuple[str, ...], locate: Callable[[str], str]) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._lines = text.splitlines() or [""]
        self._path = path
        self._locate = locate
        self._count = 0
        self._deepest = 0
        # an anchor's node, its size and its height; None while the node is being read
        self._anchors: dict[str, tuple[_Node, int, int] | None] = {}

    def document(self) -> _Node:
        self._next()
        if isinstance(self._next(), yaml.StreamEndEvent):
            return _Node(None, self._locate("1"))
        first = self._next()
        root = self._node(first, self._path, self._where(first))
        self._next()
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            message = "must be a single document, but another one starts here (split the file)"
            raise _wrong(self._where(event), self._path, message)
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
            raise _wrong(self._locate(place), self._path, message) from error

    def _where(self, event: Any) -> str:
        return self._locate(str(min(event.start_mark.line + 1, len(self._lines))))

    def _node(self, event: Any, path: tuple[str, ...], where: str) -> _Node:
        """The node that begins with `event`, said to be written at `where`."""
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, path, where)
        count, deepest, self._deepest = self._count, self._deepest, len(path)
        self._grow(1, 0, path, where)
        if event.anchor:
            self._anchors[event.anchor] = None
        content: Scalar | tuple[_Node, ...] | Mapping[str, _Node]
        if isinstance(event, yaml.ScalarEvent):
            content = self._scalar(event, path, where)
        elif isinstance(event, yaml.SequenceStartEvent):
            content = self._sequence(path)
        else:
            content = self._mapping(path)
        if event.tag and type(content) not in _TAGS.get(event.tag, ()):
            message = f"must not have the tag {shown(event.tag)} (write the value without it)"
            raise _wrong(where, path, message)
        node = _Node(content, where)
        if event.anchor:
            self._anchors[event.anchor] = node, self._count - count, self._deepest - len(path)
        self._deepest = max(self._deepest, deepest)
        return node

    def _aliased(self, event: Any, path: tuple[str, ...], where: str) -> _Node:
        name = _label(event.anchor)
        if event.anchor not in self._anchors:
            raise _wrong(where, path, f"must not use the alias *{name} before its anchor &{name}")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise _wrong(where, path, f"must not contain itself, as the alias *{name} makes it")
        node, size, height = anchored
        self._grow(size, height, path, where)
        return replace(node, where=where)

    def _grow(self, size: int, height: int, path: tuple[str, ...], where: str) -> None:
        self._count += size
        self._deepest = max(self._deepest, len(path) + height)
        if self._count > MAX_NODES:
            message = f"must not make the document larger than {MAX_NODES} values"
            raise _wrong(where, path, f"{message} (aliases count as what they stand for)")
        if self._deepest > MAX_DEPTH:
            raise _wrong(where, path, f"must not be nested deeper than {MAX_DEPTH} levels")

    def _scalar(self, event: Any, path: tuple[str, ...], where: str) -> Scalar:
        text: str = event.value
        if match := _UNPRINTABLE.search(text):
            raise _wrong(where, path, _no_control(match))
        if event.tag == f"{_CORE}str" or (event.tag is None and not event.implicit[0]):
            return text
        if len(text) > MAX_DIGITS and _INTEGER.match(text):
            raise _wrong(where, path, f"must be a number of at most {MAX_DIGITS} digits")
        return _resolved(text)

    def _sequence(self, path: tuple[str, ...]) -> tuple[_Node, ...]:
        entries: list[_Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            entries.append(self._node(event, (*path, str(len(entries))), self._where(event)))
        return tuple(entries)

    def _mapping(self, path: tuple[str, ...]) -> dict[str, _Node]:
        children: dict[str, _Node] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            where = self._where(event)
            key = _plain(self._node(event, (*path, "?"), where))
            if not isinstance(key, str):
                message = f"must have text as keys, got {shown(key)} (write it in quotes)"
                raise _wrong(where, path, message)
            if key == "<<":
                message = "must not use the merge key << (write its keys out)"
                raise _wrong(where, path, message)
            if key in children:
                message = f"must be written once, but is at {children[key].where} too (delete one)"
                raise _wrong(where, (*path, key), message)
            children[key] = self._node(self._next(), (*path, key), where)
        return children


# --- What pydantic found, in plain words ---------------------------------------------------------

_RULES = {
    "missing": "is required",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "finite_number": "must be finite",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "literal_error": "must be one of {expected}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "union_tag_not_found": "must say its {discriminator}",
    "union_tag_invalid": "must have as {discriminator} one of {expected_tags}",
    "value_error": "{error}",
    "assertion_error": "{error}",
}
_REMEDIES = {
    ("float_type", str): "write 0.1, 1e-3 or 8/255",
    ("string_type", int): "write it in quotes",
    ("string_type", float): "write it in quotes",
    ("string_type", bool): "write it in quotes",
}


def _problem(document: Document, settings: type[Settings], error: ErrorDetails) -> Problem:
    """One of pydantic's errors over `document`, at the deepest value of its `loc` written there."""
    found = document
    for part in error["loc"]:  # some parts are no keys: a union's tag, "[key]", a default's field
        if str(part) in _children(found._node):
            found = found._child(str(part))
    missing = [str(error["loc"][-1])] if error["type"] == "missing" else []
    where, key = found._node.where, _dotted((*found._path, *missing))
    return Problem(where, key, _message(settings, error))


def _message(settings: type[Settings], error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    value = context.get("tag", error["input"])
    if kind == "extra_forbidden":
        return _unknown_key(settings, error["loc"])
    rule = error["msg"].replace("Input should", "must")
    if kind in _RULES:
        rule = redacted(_RULES[kind].format(**context))
    is_about_many = "error" in context and isinstance(value, (dict, list))
    is_said = kind == "missing" or is_about_many or ", got " in rule
    got = "" if is_said else f", got {shown(value)}"
    notes = (_declared(settings, error["loc"])[1], _REMEDIES.get((kind, type(value))))
    explained = "; ".join(note for note in notes if note)
    return f"{rule}{got} ({explained})" if explained else f"{rule}{got}"


def _unknown_key(settings: type[Settings], loc: tuple[int | str, ...]) -> str:
    models = [option for option in _declared(settings, loc[:-1])[0] if _is_model(option)]
    known = list(dict.fromkeys(name for model in models for name in model.model_fields))
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    suggestion = f"; did you mean {near[0]!r}?" if near else ""
    return f"is not a known key{suggestion} (known keys: {', '.join(known)})"


def _declared(settings: type[Settings], loc: Sequence[int | str]) -> tuple[list[Any], str | None]:
    """The types that `settings` declares at `loc`, and the description of their field."""
    options: list[Any] = [settings]
    description = None
    for part in loc:
        inner: list[Any] = []
        for option in options:
            origin, arguments = get_origin(option), get_args(option)
            if _is_model(option) and part in option.model_fields:
                field = option.model_fields[part]
                description = field.description
                inner += _options(field.annotation)
            elif origin in (dict, Mapping):
                inner += _options(arguments[1])
            elif origin in (list, tuple):
                inner += [each for argument in arguments for each in _options(argument)]
        # a part that leads nowhere is the tag by which pydantic took one option of a union
        options = inner or [option for option in options if _has_tag(option, part)] or options
    return options, description


def _options(annotation: Any) -> list[Any]:
    """The alternatives of an annotation."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [each for argument in get_args(annotation) for each in _options(argument)]
    return [annotation]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _has_tag(option: Any, tag: object) -> bool:
    if not _is_model(option):
        return False
    literals = (get_args(field.annotation) for field in option.model_fields.values())
    return option.__name__ == tag or any(tag in values for values in literals)
