"""Secrets are hidden wherever they stand, and nothing else is."""

from __future__ import annotations

import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from time import process_time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.input.document import Document
from trainer.input.problems import BadInput, Problem
from trainer.input.redaction import is_secret_name, redacted, redacted_lines
from trainer.terminal.logs import log_to_stderr


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("postgresql://user:secret@host:5432/db", "postgresql://user:***@host:5432/db"),
        ("postgresql+psycopg://user:se/cr:et@host", "postgresql+psycopg://user:***@host"),
        ("redis://:s@cret@host", "redis://:***@host"),
        ("at 's3://key:sec ret\n@bucket'", "at 's3://key:***@bucket'"),
        ("https://token@host:80/a:b", "https://***@host:80/a:b"),
        ("https://token@host:80/?to=me@example.org", "https://***@host:80/?to=me@example.org"),
        ("https://token:@host", "https://***@host"),
        ("https://token:x-oauth-basic@host", "https://***@host"),
        ("a://u:p@h, or 'b://v:q@i/x' too", "a://u:***@h, or 'b://v:***@i/x' too"),
        ("http://h:5000/a and b://u:p@h", "http://h:5000/a and b://u:***@h"),
        ("db://h/x?password=secret&a=1", "db://h/x?password=***&a=1"),
        ("db://h/x?a=1&sslpassword=sec ret", "db://h/x?a=1&sslpassword=***"),
        ("see http://h/?token=secret for it", "see http://h/?token=*** for it"),
        ("see 'http://h/?a=1&key=secret', now", "see 'http://h/?a=1&key=***', now"),
        ("http://h/#access_token=secret&a=1", "http://h/#access_token=***&a=1"),
        ("http://h/?pass%77ord=secret&a=1", "http://h/?pass%77ord=***&a=1"),
        ("to=https%3A%2F%2Fu%3Asecret%40h%2Fx", "to=https%3A%2F%2Fu%3A***%40h%2Fx"),
        (
            "GET http://b/k?X-Amz-Credential=ID%2Fus&X-Amz-Date=1&X-Amz-Signature=secret HTTP",
            "GET http://b/k?X-Amz-Credential=***&X-Amz-Date=1&X-Amz-Signature=*** HTTP",
        ),
        ("https://h/c?sv=1&sig=se%2Bcret%3D&se=2", "https://h/c?sv=1&sig=***&se=2"),
        ("AccountName=me;AccountKey=se+cret==;Suffix=h", "AccountName=me;AccountKey=***;Suffix=h"),
        ("host=h password=secret port=1", "host=h password=*** port=1"),
        (r"host=h password = 'sec\' ret' port=1", "host=h password = '***' port=1"),
        (r"host=h password=sec\ ret port=1", "host=h password=*** port=1"),
        ("{'password': 'secret', 'a': 1}", "{'password': '***', 'a': 1}"),
        ('{"api_key": "sec\\"ret", "a": 1}', '{"api_key": "***", "a": 1}'),
        ("Authorization: Basic secret\nHost: h", "Authorization: ***\nHost: h"),
        ("got Bearer secret, no more", "got Bearer ***, no more"),
        ("Proxy-Authorization: Basic secret\nHost: h", "Proxy-Authorization: ***\nHost: h"),
        ("X-Api-Key: secret", "X-Api-Key: ***"),
        ("Set-Cookie: session=secret; Path=/", "Set-Cookie: ***"),
        ("  password: secret\n  port: 1", "  password: ***\n  port: 1"),
        ("run --token secret --port 1", "run --token *** --port 1"),
        ("['run', '--password', 'secret', '-v']", "['run', '--password', '***', '-v']"),
        ("no answer of me:secret@host:5432/db", "no answer of me:***@host:5432/db"),
        ("db://h/x?pw=secret&jwt=secret", "db://h/x?pw=***&jwt=***"),
        ("http://h/?session=secret&a=1", "http://h/?session=***&a=1"),
        ("a=1; sessionid=secret; PHPSESSID=secret", "a=1; sessionid=***; PHPSESSID=***"),
        (
            "[('a', 'b'), ('Authorization', 'Basic \\' s'), ('c', 'd')]",
            "[('a', 'b'), ('Authorization', '***'), ('c', 'd')]",
        ),
        ('set( "api_key" , "secret",)', 'set( "api_key" , "***",)'),
        ("(b'x-api-key', b'secret')", "(b'x-api-key', b'***')"),
        ("'(\\'token\\', \\'secret\\')'", "'(\\'token\\', \\'***'"),
        ("cut off at ('token', 'sec", "cut off at ('token', '***"),
    ],
)
def test_secrets_are_hidden_and_what_is_beside_them_is_not(text: str, safe: str) -> None:
    assert redacted(text) == safe
    assert redacted(safe) == safe


@pytest.mark.parametrize(
    "text",
    [
        *("https://host:5000/path", "http://[::1]:5000/", "sqlite:///runs/mlflow.db"),
        *("s3://bucket/a:b@c", "me@example.org: hello", "git+https://host/a/b@v1"),
        *("max_tokens=5 bypass=1 monkey=2", "token: must be text", "100 % sure, 8/255 %zz a%20b"),
        *("git@github.com:a/b", "sweep.yaml:12: token: is required", "--tokens 5 --out a"),
        *("start_new_session=True", "session_dir=/tmp/ray", "the session: it ends", "sessions=3"),
        *(
            "('API_TOKEN', 'HF_TOKEN', 'A')",
            "('password', None)",
            "('tokens', '5')",
            "('a', 'token')",
        ),
        *("['token', 'password']", "token, 'a'"),
        *("pgd.epsilon=0.3, r=0.5", "basic training, bearer", "", "a\n\nb"),
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert redacted(text) == text


PLACES = [
    *("a://user:{}@host/x", "see 'a://user:{}@host/x' there", "b://h and a://u:{}@host"),
    *("a://h/?password={}", "a://h/?b=1&passwd={}&c=2", "a://h/#access_token={}"),
    *("host=h password='{}' port=1", "PWD={{{}}};x=1", "{{'secret': '{}'}}"),
    *("[('a', 1), ('password', '{}')]", "db://h/?session={}&c=2"),
]
WORDS = [
    *("a://{}@host/x", "see a://{}@host/x there", "see a://h/?token={}&c=2 there"),
    *("host=h password={} port=1", "AccountKey={};Suffix=h", "Authorization: Bearer {}"),
]
ANY = st.text(st.characters(exclude_characters="'\"&={}\\", codec="utf-8"), max_size=20)
WORD = st.text(st.characters(categories=["L", "N"], include_characters="-._~+!$()*:@,"))


@given(st.sampled_from(PLACES), ANY.map(lambda text: f"7S{text}S7"))
def test_no_part_of_a_secret_is_left(place: str, secret: str) -> None:
    shown = redacted(place.format(secret))
    assert shown == place.format("***")


@given(st.sampled_from(WORDS), WORD.map(lambda text: f"7S{text}S7"))
def test_no_part_of_a_word_is_left(place: str, secret: str) -> None:
    shown = redacted(place.format(secret))
    assert "7S" not in shown and "S7" not in shown


@given(st.sampled_from([*PLACES[:6], *WORDS[:3]]), st.text(min_size=3), st.integers(1, 3))
def test_no_part_of_an_encoded_secret_is_left(place: str, secret: str, times: int) -> None:
    inner = quote(f"7S{secret}S7".encode(errors="replace"), safe="")
    text = place.format(inner)
    for _ in range(times - 1):
        text = quote(text)
    shown = redacted(text)
    assert "7S" not in shown and "S7" not in shown


@given(st.text("ab:/@?&=#%40 '\n", max_size=60))
def test_lines_stay_lines(text: str) -> None:
    assert redacted_lines(text).split("\n") == [redacted(line) for line in text.split("\n")]


@pytest.mark.parametrize(
    "name",
    ["password", "sslpassword", "API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "x.sig"],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)
    assert not is_secret_name(f"{name}s_seen")


@pytest.mark.parametrize(
    "text",
    [
        *("://a:" * 40_000, "a" * 200_000, "://" * 60_000, "@" * 200_000, " a://u:p" * 24_000),
        *("token=" * 33_000, "token=' " * 28_000, "%25" * 66_000, "?password=&" * 18_000),
        *("\\" * 200_000, "x password=;" + " " * 200_000, ",a:" * 66_000),
        *(
            "('token','" * 18_000,
            "(\\'token\\',\\'" * 14_000,
            "( " * 100_000,
            "('token', " * 20_000,
        ),
        *("--token " * 25_000, "token:\n" * 28_000, "http://h?token=" + "&a" * 100_000),
    ],
    ids=lambda text: text[:16],
)
def test_redaction_takes_linear_time(text: str) -> None:
    start = process_time()
    for whole in (text, f"{text} @", f"http://{text}"):
        redacted(whole)
    assert process_time() - start < 6  # in quadratic time a minute


def test_messages_about_input_hold_no_secret() -> None:
    problem = Problem("a.yaml:1", "tracking", "cannot open db://h?password=canary&x=1")
    assert str(BadInput(problem)) == "a.yaml:1: tracking: cannot open db://h?password=***&x=1"
    document = Document.from_plain({"tracking": "a://u:canary@h"}, "here")
    assert "canary" not in str(document.fail("tracking", "must be b, got a://u:canary@h"))


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Sets logging up as a command does, which pytest would not let it do."""

    def set_up() -> None:
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
        monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
        logging.captureWarnings(False)
        log_to_stderr(logging.WARNING)

    yield set_up
    logging.captureWarnings(False)


def test_logs_and_tracebacks_hold_no_secret(
    set_up: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up()
    try:
        raise ConnectionError(f"no answer of {json.dumps('db://u:canary@h/x')}")
    except ConnectionError:
        logging.getLogger("a").exception("it broke off at %s", "db://h/?token=canary")
    said = capsys.readouterr().err
    assert "ERROR: it broke off at db://h/?token=***" in said
    assert 'ConnectionError: no answer of "db://u:***@h/x"' in said
    assert "Traceback" in said and "canary" not in said


def test_warnings_of_python_hold_no_secret(
    set_up: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    url = "db://h/?api_key=" + "canary"
    with warnings.catch_warnings():  # which restores how they are shown
        warnings.simplefilter("always")
        set_up()
        warnings.warn(f"{url} is old", stacklevel=1)
    said = capsys.readouterr().err
    assert "UserWarning: db://h/?api_key=*** is old" in said and "canary is" not in said


def test_errors_that_nobody_caught_hold_no_secret(
    set_up: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ConnectionError("db://u:" + "canary@h")

    set_up()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except ConnectionError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert said.count("ConnectionError: db://u:***@h") == 2
    assert said.count("Traceback") == 2 and "canary@h\n" not in said
