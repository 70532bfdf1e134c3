"""What a person can get wrong in a file, and what the message then says."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from time import process_time
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field, field_validator, model_validator

from trainer.input.document import Document
from trainer.input.problems import BadInput, Problem, shown
from trainer.input.settings import Count, NonNegative, Real, Reals, Settings, Share
from trainer.input.yaml_nodes import Plain, to_yaml

quickly = settings(deadline=timedelta(seconds=1), max_examples=50)


class Attack(Settings):
    epsilon: NonNegative = Field(description="radius, pixels in [0, 1]")
    num_steps: Count = 10
    norm: Literal["linf", "l2"] = "linf"


class Constant(Settings):
    kind: Literal["constant"]
    rate: Real = 0.1


class Cosine(Settings):
    kind: Literal["cosine"]
    periods: Count = 1


class Trial(Settings):
    name: str = Field("trial", description="of the trial")
    attack: Attack | None = Field(None, description="of training")
    attacks: dict[str, Attack] = Field({})
    suite: Annotated[tuple[Attack, ...], Field(strict=False)] = ()
    schedule: Annotated[Constant | Cosine, Field(discriminator="kind")] | None = None
    ladder: Annotated[Reals, Field(min_length=1)] = (1.0,)
    download: bool = False
    rho: Share = 0.5
    low: Real = 0.0
    high: Real = 1.0
    tracking: str = "sqlite"

    @field_validator("tracking")
    @classmethod
    def _is_local(cls, value: str) -> str:
        if value != "sqlite":
            raise ValueError(f"must be sqlite, not {value}")
        return value

    @model_validator(mode="after")
    def _is_ordered(self) -> Trial:
        if self.low > self.high:
            raise ValueError("must have low <= high")
        return self


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


def read(folder: Path, content: str | bytes) -> Document:
    path = folder / "x.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Document.read(path)


def problems_of(folder: Path, content: str) -> list[str]:
    """The lines of the message about a `Trial` written as `content`, without the folder."""
    document = read(folder, content)
    with pytest.raises(BadInput) as caught:
        document.read_as(Trial)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


KNOWN_KEYS = ", ".join(Trial.model_fields)
BROKEN_RULES = [
    (
        "attack: {epsilon: -1}",
        "x.yaml:1: attack.epsilon: must be >= 0, got -1 (radius, pixels in [0, 1])",
    ),
    (
        "\nattack:\n  epsilon: 8/255x\n",
        "x.yaml:3: attack.epsilon: must be a number, got '8/255x' "
        "(radius, pixels in [0, 1]; write 0.1, 1e-3 or 8/255)",
    ),
    ("attack: {epsilon: 0, num_steps: 0}", "x.yaml:1: attack.num_steps: must be >= 1, got 0"),
    ("rho: 1.5", "x.yaml:1: rho: must be <= 1, got 1.5"),
    ("low: 1/0", "x.yaml:1: low: must not divide by zero, got '1/0'"),
    ("low: .nan", "x.yaml:1: low: must be finite, got nan"),
    ("low: -1e999", "x.yaml:1: low: must be finite, got -inf"),
    ("low: true", "x.yaml:1: low: must be a number, got true"),
    ("name: x\nlow: 2", "x.yaml:1: must have low <= high"),
    ("name: 12", "x.yaml:1: name: must be text, got 12 (of the trial; write it in quotes)"),
    ("name:", "x.yaml:1: name: must be text, got null (of the trial)"),
    ("download: yes", "x.yaml:1: download: must be true or false, got 'yes'"),
    ("attack: 3", "x.yaml:1: attack: must be a mapping of keys to values, got 3 (of training)"),
    (
        "attacks:\n- 1",
        "x.yaml:1: attacks: must be a mapping of keys to values, got a list of length 1",
    ),
    ("ladder: 3", "x.yaml:1: ladder: must be a list, got 3"),
    ("ladder: []", "x.yaml:1: ladder: must have at least 1 entries, got a list of length 0"),
    (
        "ladder:\n- 1\n- 2\n- x",
        "x.yaml:4: ladder.2: must be a number, got 'x' (write 0.1, 1e-3 or 8/255)",
    ),
    (
        "attack:\n  num_steps: 3",
        "x.yaml:1: attack.epsilon: is required (radius, pixels in [0, 1])",
    ),
    (
        "attacks:\n  pgd: {epsilon: 1, norm: l3}",
        "x.yaml:2: attacks.pgd.norm: must be one of 'linf' or 'l2', got 'l3'",
    ),
    (
        "attacks:\n  pgd.weak: {epsilon: 1, num_steps: 2.5}",
        "x.yaml:2: attacks.pgd.weak.num_steps: must be a whole number, got 2.5",
    ),
    (
        "attacks:\n  pgd: {epsilon: 1, nrom: l2}",
        "x.yaml:2: attacks.pgd.nrom: is not a known key; did you mean 'norm'? "
        "(known keys: epsilon, num_steps, norm)",
    ),
    (
        "suite:\n- epsilon: 1\n- epsilon: 2\n  steps: 3",
        "x.yaml:4: suite.1.steps: is not a known key; did you mean 'num_steps'? "
        "(known keys: epsilon, num_steps, norm)",
    ),
    (
        "nmae: postgresql://user:secret@host",
        f"x.yaml:1: nmae: is not a known key; did you mean 'name'? (known keys: {KNOWN_KEYS})",
    ),
    ("zzz: 1", f"x.yaml:1: zzz: is not a known key (known keys: {KNOWN_KEYS})"),
    ("schedule: {}", "x.yaml:1: schedule: must say its 'kind', got a mapping of length 0"),
    (
        "schedule: {kind: cosin}",
        "x.yaml:1: schedule: must have as 'kind' one of 'constant', 'cosine', got 'cosin'",
    ),
    (
        "schedule:\n  kind: cosine\n  rate: 3",
        "x.yaml:3: schedule.rate: is not a known key (known keys: kind, periods)",
    ),
    (
        "schedule: {kind: constant, rate: ftp://me:secret@host}",
        "x.yaml:1: schedule.rate: must be a number, got 'ftp://me:***@host' "
        "(write 0.1, 1e-3 or 8/255)",
    ),
    (
        "tracking: http://me:secret@host",
        "x.yaml:1: tracking: must be sqlite, not http://me:***@host, got 'http://me:***@host'",
    ),
    (
        "attacks:\n  a: &a {norm: l2}\n  b: *a",
        "x.yaml:2: attacks.a.epsilon: is required (radius, pixels in [0, 1])\n"
        "x.yaml:3: attacks.b.epsilon: is required (radius, pixels in [0, 1])",
    ),
]


@pytest.mark.parametrize(("content", "message"), BROKEN_RULES)
def test_a_broken_rule_is_told_with_line_key_value_and_meaning(
    folder: Path, content: str, message: str
) -> None:
    assert problems_of(folder, content) == message.splitlines()


NO_DOCUMENT = [
    ("", "x.yaml:1: must hold a mapping of keys to values, but is empty"),
    ("# nothing\n", "x.yaml:1: must hold a mapping"),
    ("---\n", "x.yaml:1: must hold a mapping"),
    ("\n- a\n", "x.yaml:2: must be a mapping of keys to values, got a list of length 1"),
    ("8/255", "x.yaml:1: must be a mapping of keys to values, got '8/255'"),
    ("a: 1\n---\nb: 2", "x.yaml:2: must be a single document, but another one starts here"),
    ("a: {b: 1,\n\n b: 2}", "x.yaml:3: a.b: must be written once, but is at x.yaml:1 too"),
    ("&k a: 1\n*k : 2", "x.yaml:2: a: must be written once, but is at x.yaml:1 too"),
    ("a:\n  1: 2", "x.yaml:2: a: must have text as keys, got 1 (write it in quotes)"),
    ("null: 2", "x.yaml:1: must have text as keys, got null"),
    ("? [a, b]\n: 2", "x.yaml:1: must have text as keys, got a list of length 2"),
    ("a: &a {b: 1}\nc: {<<: *a}", "x.yaml:2: c: must not use the merge key <<"),
    ("a: !!python/object/apply:os.system [ls]", "x.yaml:1: a: must not have the tag 'tag:yaml."),
    ("a: !!int x", "x.yaml:1: a: must not have the tag 'tag:yaml.org,2002:int'"),
    ("a: !!timestamp 2020-01-01", "x.yaml:1: a: must not have the tag"),
    ("a: !own {}", "x.yaml:1: a: must not have the tag '!own' (write the value without it)"),
    ("a: 1\nb: *a", "x.yaml:2: b: must not use the alias *a before its anchor &a"),
    ("a: &a\n- *a", "x.yaml:2: a.0: must not contain itself, as the alias *a makes it"),
    ("a: &a {*a : 1}", "x.yaml:1: a.?: must not contain itself"),
    ("a: 1\nb: [1,\n2", "x.yaml:3: must be valid YAML: did not find expected ',' or ']'"),
    ("a: 1\nb: 'x", "x.yaml:2:6: must be valid YAML: found unexpected end of stream, got the end"),
    ("a: 1\nb: c: d", "x.yaml:2:5: must be valid YAML: mapping values are not allowed"),
    ("a:\n\tb: 1", "x.yaml:2:1: must be valid YAML: found character that cannot start any token"),
    ("a: @b", "x.yaml:1:4: must be valid YAML: found character that cannot start any token"),
    (b"a: 1\nb: \xff", "x.yaml:2: must be UTF-8 text, got the byte 0xff"),
    ("a: 1".encode("utf-16"), "x.yaml:1: must be UTF-8 text, got the byte 0xff"),
    (b"a: 1\r\nb: \0", "x.yaml:2: must not contain the control character U+0000"),
    ('a: 1\nb: "\\e[31m"', "x.yaml:2: b: must not contain the control character U+001B"),
    ('a: "\\ud800"', "x.yaml:1:7: must be valid YAML: found invalid Unicode"),
    ("a: " + "9" * 301, "x.yaml:1: a: must be a number of at most 300 digits"),
    ("a: 0x" + "f" * 5000, "x.yaml:1: a: must be a number of at most 300 digits"),
    ("a: " + "[" * 51 + "]" * 51, "x.yaml:1: a.0.0.0.0"),
    ("a: " + "x" * 1_000_000, "x.yaml:1: must be at most 1000000 bytes long"),
    ("k" * 1000 + ": {1: 2}", "x.yaml:1: " + "k" * 77 + "...: must have text as keys"),
]


@pytest.mark.parametrize(("content", "message"), NO_DOCUMENT)
def test_what_is_no_document_is_refused_with_its_line(
    folder: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(folder, content)
    assert str(caught.value).replace(f"{folder}/", "").startswith(message)
    assert len(str(caught.value)) < 400


TOO_LARGE, TOO_DEEP = "must not make the document larger", "must not be nested deeper"
BOMBS = {
    "billion laughs": (
        "a0: &a0 [lol, lol]\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)),
        TOO_LARGE,
    ),
    "many values": ("a: [" + "[]," * 300_000 + "]", TOO_LARGE),
    "a ladder of aliases": (
        "a0: &a0 []\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, 1]\n" for i in range(1, 60)),
        TOO_DEEP,
    ),
    "deep brackets": ("[" * 900_000, TOO_DEEP),
    "deep blocks": ("- " * 10_000, TOO_DEEP),
    "deep keys": ("? " * 10_000, TOO_DEEP),
}


@pytest.mark.parametrize(("bomb", "message"), BOMBS.values(), ids=BOMBS)
def test_what_expands_without_bound_is_refused_at_once(
    folder: Path, bomb: str, message: str
) -> None:
    """In no more than 100 times the time of 10,000 values, which a machine under load takes too."""
    start = process_time()
    read(folder, "a: [" + "[]," * 10_000 + "]")
    usual = process_time() - start
    path = folder / "bomb.yaml"
    path.write_text(bomb)
    start = process_time()
    with pytest.raises(BadInput, match=message):
        Document.read(path)
    assert process_time() - start < 100 * usual


def test_depth_and_size_are_allowed_up_to_the_limit(folder: Path) -> None:
    nested = read(folder, "a: " + "[" * 49 + "x" + "]" * 49).value
    for _ in range(49):
        assert isinstance(nested, dict | list)
        nested = nested["a"] if isinstance(nested, dict) else nested[0]
    assert nested == ["x"]
    # The root, its two keys, the list of lists and a hundred lists of 999 values leave room for 96.
    lists = "a: &a [" + "1," * 998 + "]\nb: [" + "*a," * 99
    assert shown(read(folder, f"{lists}{'2,' * 96}]").section("b").value) == "a list of length 195"
    with pytest.raises(BadInput, match="larger than 100000 values"):
        read(folder, f"{lists}{'2,' * 97}]")


SCALARS: list[tuple[str, Plain]] = [
    *[(text, None) for text in ("", "~", "null", "Null", "NULL", "!!null ''")],
    *[(text, True) for text in ("true", "True", "TRUE", "!!bool 'true'")],
    *[(text, False) for text in ("false", "False", "FALSE")],
    *[(text, text) for text in ("on", "Yes", "no", "OFF", "y", "nULL", "8/255", "1:30", "1_000")],
    *[(text, text) for text in ("2020-01-01", "0b1", "1e", "e1", ".", "-.", "+.e1", "inf", "0o8")],
    *[("'1'", "1"), ('"true"', "true"), ("''", ""), ("!!str 1", "1"), ("!!str", ""), ("=", "=")],
    *[("12", 12), ("+12", 12), ("-0", 0), ("012", 12), ("0x1F", 31), ("0o17", 15), ("!!int 3", 3)],
    *[("1e-3", 1e-3), (".1", 0.1), ("1.", 1.0), ("+1.5E+3", 1500.0), ("-.5e1", -5.0)],
    *[("0.1", 0.1), ("!!float 1.5", 1.5), (".inf", math.inf), ("-.INF", -math.inf)],
]
COLLECTIONS: list[tuple[str, Plain]] = [
    ("[1, [a], {b: }]", [1, ["a"], {"b": None}]),
    ("!!seq [1]", [1]),
    ("!!map {}", {}),
]


@pytest.mark.parametrize(("text", "value"), SCALARS + COLLECTIONS)
def test_values_are_those_of_the_core_schema(folder: Path, text: str, value: Plain) -> None:
    assert repr(read(folder, f"a: {text}").value) == repr({"a": value})


def test_encodings_and_line_ends(folder: Path) -> None:
    assert read(folder, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").where("b").endswith("x.yaml:2")
    assert read(folder, "a: é😀\x85b: 1").value == {"a": "é😀", "b": 1}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.yaml", "No such file or directory"),
        (".", "Is a directory"),
        ("missing/x.yaml", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("nul\0.yaml", "null byte"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="must be a file that can be read") as caught:
        Document.read(name)
    assert reason in str(caught.value)
    assert "\0" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_all_problems_are_told_at_once_up_to_a_limit(folder: Path) -> None:
    lines = problems_of(folder, "rho: 2\nname: 3\nattack: {}\nzzz: 1")
    assert sorted(line[:10] for line in lines) == [f"x.yaml:{n}: "[:10] for n in (1, 2, 3, 4)]
    lines = problems_of(folder, "".join(f"key{i}: 1\n" for i in range(30_000)))
    assert len(lines) == 21
    assert lines[-1] == "x.yaml:1: has 29980 problems more"


SPEC = """\
training:
  epochs: 50
  pgd: {epsilon: 8/255}
methods:
  standard:
  pareto:
    pgd.epsilon: 0.1
    vary: {rho: [0.1]}
tracking: sqlite
"""


@pytest.mark.parametrize(
    ("assignment", "section", "value"),
    [
        ("training.epochs=3", "training", {"epochs": 3, "pgd": {"epsilon": "8/255"}}),
        ("training.pgd.epsilon=4/255", "training.pgd", {"epsilon": "4/255"}),
        ("training.pgd=null", "training", {"epochs": 50, "pgd": None}),
        (" training.epochs = {a: on} ", "training.epochs", {"a": "on"}),
        ("methods.pareto.pgd.epsilon=1e-3", "methods.pareto", {"pgd.epsilon": 0.001}),
        ("methods.pareto.flow.epsilon=1", "methods.pareto", {"flow": {"epsilon": 1}}),
        ("methods.pareto.vary.rho=[1, 2]", "methods.pareto.vary", {"rho": [1, 2]}),
        ("methods.pareto.vary.pgd.epsilon=[1]", "methods.pareto.vary", {"pgd.epsilon": [1]}),
        ("methods.standard.vary.a.b.c=1", "methods.standard", {"vary": {"a.b.c": 1}}),
        ("methods.max.vary.a.b=1", "methods.max", {"vary": {"a.b": 1}}),
        ("new.key=", "new", {"key": None}),
        ("tracking=http://host?a=b", "tracking", "http://host?a=b"),
    ],
)
def test_set_reaches_the_value_its_key_leads_to(
    folder: Path, assignment: str, section: str, value: Plain
) -> None:
    spec = read(folder, SPEC)
    changed = spec.set(assignment).section(section).value
    if isinstance(changed, dict) and isinstance(value, dict):
        changed = {key: changed[key] for key in value}
    assert changed == value
    assert spec == read(folder, SPEC)


def test_a_set_value_is_placed_and_its_neighbours_stay(folder: Path) -> None:
    spec = read(folder, SPEC).set("training.epochs=3").set("methods.max.vary.a.b=1")
    assert spec.where("training.epochs") == "--set training.epochs"
    assert spec.where("methods.max") == "--set methods.max.vary.a.b"
    assert spec.where("training") == f"{folder}/x.yaml:1"
    assert spec.where("methods.pareto.vary.rho.0") == f"{folder}/x.yaml:8"
    assert spec.section("methods").keys() == ["standard", "pareto", "max"]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.epochs", "--set: must be written dotted.key=VALUE, the key of at most 50 parts"),
        ("training..epochs=1", "--set: must be written dotted.key=VALUE"),
        ("=1", "--set: must be written dotted.key=VALUE"),
        (".".join("a" * 51) + "=1", "--set: must be written dotted.key=VALUE"),
        ("a://b:secret@host", "--set: must be written dotted.key=VALUE, the key of at most 50 "),
        ("a.b=[1", "--set a.b: must be valid YAML: did not find expected ',' or ']'"),
        ("a={b: {1: 2}}", "--set a: a.b: must have text as keys, got 1"),
        ("a=1\n---\n2", "--set a: must be a single document"),
        ("a=\udcff", "--set a: must be UTF-8 text"),
        ("training.epochs.x=1", "--set training.epochs.x: training.epochs: must be a mapping"),
        ("methods.pareto.vary.rho.x=1", "--set methods.pareto.vary.rho.x: methods.pareto.vary.rho"),
    ],
)
def test_a_wrong_assignment_is_refused(folder: Path, assignment: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(folder, SPEC).set(assignment)
    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


def test_a_set_value_that_breaks_a_rule_is_told_by_its_flag() -> None:
    trial = Document.from_plain({"attack": {"epsilon": 0.1}}, "defaults")
    with pytest.raises(BadInput) as caught:
        trial.set("attack.epsilon=-1").set("attack.norm=l3").read_as(Trial)
    assert str(caught.value).splitlines() == [
        "--set attack.epsilon: must be >= 0, got -1 (radius, pixels in [0, 1])",
        "--set attack.norm: must be one of 'linf' or 'l2', got 'l3'",
    ]


def test_the_longest_key_that_is_there_leads_on() -> None:
    document = Document.from_plain({"a": {"b.c": 1, "b": {"c": 2}}, "a.b": {"d": 3}}, "record")
    assert document.section("a.b").value == {"d": 3}
    assert document.section("a").section("b.c").value == 1
    assert document.set("a.b.c=4").value == {
        "a": {"b.c": 1, "b": {"c": 2}},
        "a.b": {"d": 3, "c": 4},
    }


def test_an_alias_stands_at_its_own_line_and_its_values_at_theirs(folder: Path) -> None:
    document = read(folder, "a: &a\n  b: 1\nc: *a")
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.where("c") == f"{folder}/x.yaml:3"
    assert document.where("c.b") == f"{folder}/x.yaml:2"


def test_a_section_knows_its_place_in_the_whole(folder: Path) -> None:
    spec = read(folder, SPEC)
    training = spec.section("training")
    assert training.keys() == ["epochs", "pgd"]
    assert dict(training.items())["pgd"] == spec.section("training.pgd")
    assert "pgd.epsilon" in training
    assert "pgd.num_steps" not in training
    assert training.where("pgd.num_steps") == f"{folder}/x.yaml:3"
    broken = training.fail("pgd.num_steps", "must be odd").problems
    assert broken == (Problem(f"{folder}/x.yaml:3", "training.pgd.num_steps", "must be odd"),)
    with pytest.raises(BadInput, match=r"x\.yaml:3: training\.pgd\.epsilon\.a: is required"):
        training.section("pgd.epsilon.a")
    with pytest.raises(BadInput, match=r"x\.yaml:2: training\.epochs: must be a mapping .* got 50"):
        training.section("epochs").keys()
    with pytest.raises(BadInput, match=r"x\.yaml:3: training\.pgd\.epsilon: is not a known key"):
        training.section("pgd").read_as(Cosine)


def test_elements_are_the_entries_of_a_list(folder: Path) -> None:
    document = read(folder, "seeds:\n- 3\n- {a: 4}")
    first, second = document.section("seeds").elements()
    assert (first.value, second.value) == (3, {"a": 4})
    assert second.fail("a", "must be odd").problems == (
        Problem(f"{folder}/x.yaml:3", "seeds.1.a", "must be odd"),
    )
    with pytest.raises(BadInput, match=r"x\.yaml:3: seeds\.1: must be a list, got a mapping"):
        second.elements()


def test_a_mapping_is_taken_apart_and_put_elsewhere(folder: Path) -> None:
    training = read(folder, SPEC).section("training")
    assert training.only("epochs", "other").value == {"epochs": 50}
    assert training.without("epochs", "other") == training.only("pgd")
    assert training.without("epochs").where("pgd.epsilon") == training.where("pgd.epsilon")
    assert str(training.only("pgd").fail("pgd", "must be")).endswith(
        "x.yaml:3: training.pgd: must be"
    )
    moved = training.section("pgd").under("attacks", "weak.pgd")
    assert moved.value == {"attacks": {"weak.pgd": {"epsilon": "8/255"}}}
    assert moved.where("attacks.weak.pgd.epsilon") == f"{folder}/x.yaml:3"
    with pytest.raises(BadInput, match="must be a mapping"):
        training.section("epochs").only("a")


def test_settings_are_read_with_fractions_and_defaults(folder: Path) -> None:
    content = "attack: {epsilon: 8/255}\nladder: [1, 1/4]\nschedule: {kind: cosine}"
    assert read(folder, content).read_as(Trial) == Trial(
        attack=Attack(epsilon=8 / 255), ladder=(1.0, 0.25), schedule=Cosine(kind="cosine")
    )


def test_plain_values_are_checked_too() -> None:
    with pytest.raises(BadInput, match=r"^record: attack\.epsilon: must be >= 0, got -1"):
        Document.from_plain({"attack": {"epsilon": -1}}, "record").read_as(Trial)
    with pytest.raises(TypeError, match=r"defaults: a\.0"):
        Document.from_plain({"a": [object()]}, "defaults")
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(BadInput, match="nested deeper than 50 levels"):
        Document.from_plain(endless, "defaults")


@given(st.text())
@example("a" * 1000)
@example("\x1b[31m\u202e\ud800\n")
def test_shown_text_is_short_and_printable(text: str) -> None:
    assert len(shown(text)) <= 80
    assert shown(text).isprintable()


yaml_like = st.text("[]{}:,-&*!?|>'\"%@#\n ab1.\t<~\\x0", max_size=60)


@quickly
@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode()), yaml_like))
def test_whatever_a_file_holds_only_bad_input_is_raised(folder: Path, content: str | bytes) -> None:
    try:
        document = read(folder, content)
        document.read_as(Trial)
    except BadInput as error:
        assert error.problems
        assert all(str(problem).isprintable() for problem in error.problems)


@quickly
@given(st.one_of(st.text(), yaml_like, yaml_like.map("training.epochs={}".format)))
def test_whatever_is_assigned_only_bad_input_is_raised(assignment: str) -> None:
    document = Document.from_plain({"training": {"epochs": 1, "vary": {}}}, "defaults")
    try:
        changed = document.set(assignment)
    except BadInput as error:
        assert all(str(problem).isprintable() for problem in error.problems)
    else:
        assert changed.where(assignment.partition("=")[0].strip()).startswith("--set ")


printable = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
texts = st.text(printable | st.sampled_from("\n\t"))
digitless = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Nd"], exclude_characters="\ufffe\uffff")
)
numbers = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()


def nested(text: st.SearchStrategy[str]) -> st.SearchStrategy[Plain]:
    return st.recursive(
        text | numbers, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=20
    )


numeric = st.from_regex(r"[-+]?(0x|0o)?[0-9._:]+(e[-+]?[0-9]+)?|[-+]?\.(inf|nan)", fullmatch=True)
words = st.sampled_from(["on", "NO", "~", "null", "True", "<<", "=", "y", "2020-01-01", ""])


@quickly
@given(nested(texts.filter(lambda text: text != "<<") | numeric | words.filter("<<".__ne__)))
@example("1e-3")
@example("0o17")
def test_written_values_read_back_equal_here_and_in_yaml_1_1(folder: Path, value: Plain) -> None:
    text = to_yaml({"value": value})
    assert repr(read(folder, text).value) == repr({"value": value})
    assert repr(yaml.safe_load(text)) == repr({"value": value})


def test_a_value_that_stands_twice_is_written_twice() -> None:
    ladder: list[Plain] = [1, 5]
    assert to_yaml({"pgd": ladder, "flow": ladder}) == "pgd:\n- 1\n- 5\nflow:\n- 1\n- 5\n"


@quickly
@given(nested(digitless.filter("<<".__ne__)))
def test_what_pyyaml_writes_reads_back_equal(folder: Path, value: Plain) -> None:
    text = yaml.safe_dump({"value": value}, sort_keys=False)
    assert repr(read(folder, text).value) == repr({"value": value})


fields = st.fixed_dictionaries({}, optional=dict.fromkeys(Trial.model_fields, nested(texts)))


@quickly
@given(fields)
@example({"schedule": {"kind": "cosine", "cosine": {}}, "attacks": {"": {}, "a.b": {"c": 1}}})
def test_whatever_is_written_as_settings_only_bad_input_is_raised(value: dict[str, Plain]) -> None:
    document = Document.from_plain(value, "record")
    try:
        document.read_as(Trial)
    except BadInput as error:
        assert all(problem.where == "record" for problem in error.problems)
        assert {problem.key.split(".")[0] for problem in error.problems} <= {"", *value}


# The first letter of a key says whether it holds a mapping: only then is merging associative.
trees = st.recursive(
    st.dictionaries(st.sampled_from(["v1", "v2", "v.3"]), st.integers() | st.lists(st.integers())),
    lambda inner: st.dictionaries(st.sampled_from(["m1", "m.2"]), inner),
    max_leaves=6,
)


@quickly
@given(trees, trees, trees)
def test_merging_is_associative_and_each_value_keeps_its_origin(
    first: dict[str, Plain], second: dict[str, Plain], third: dict[str, Plain]
) -> None:
    sources = (("first", first), ("second", second), ("third", third))
    a, b, c = (Document.from_plain(tree, origin) for origin, tree in sources)
    merged = a.merged_over(b).merged_over(c)
    assert merged == a.merged_over(b.merged_over(c))
    assert merged.merged_over(merged) == merged
    for path, value, origin in leaves(merged):
        holders = [name for name, tree in sources if at(tree, path) is not None]
        assert origin == holders[0]
        assert value == at(dict(sources)[origin], path)


def leaves(
    document: Document, path: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], Plain, str]]:
    found = []
    for key, child in document.items():
        if isinstance(child.value, dict):
            found += leaves(child, (*path, key))
        else:
            found.append(((*path, key), child.value, child.where()))
    return found


def at(tree: Plain, path: tuple[str, ...]) -> Plain:
    """The value at `path`, or none."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def test_merging_keeps_a_persons_order_and_replaces_what_is_no_mapping() -> None:
    own = Document.from_plain({"z": 1, "m": {"b": [1]}, "n": None}, "own")
    defaults = Document.from_plain({"a": 0, "m": {"a": 2, "b": [3, 4]}, "n": {"x": 1}}, "defaults")
    merged = own.merged_over(defaults)
    assert repr(merged.value) == "{'z': 1, 'm': {'b': [1], 'a': 2}, 'n': None, 'a': 0}"
    assert [merged.where(key) for key in ("m", "m.a", "m.b", "n", "a")] == [
        "own",
        "defaults",
        "own",
        "own",
        "defaults",
    ]
