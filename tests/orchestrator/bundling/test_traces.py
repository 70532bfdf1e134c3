"""Names and paths that tell somebody: found as words, whatever spells them, and replaced."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from orchestrator.bundling.traces import Trace, Traces


def traces(*texts: str) -> Traces:
    """Paths where they begin with a slash, else names."""
    return Traces(
        Trace(
            text=text,
            kind="folder" if text.startswith("/") else "user",
            neutral="/anonymous" if text.startswith("/") else f"user{number}",
            is_name=not text.startswith("/"),
        )
        for number, text in enumerate(texts, start=1)
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice_pgd", "user1_pgd"),
        ("malice of Alice, alice7", "malice of user1, alice7"),
        ("file:///home/alice/runs/x.py:3", "file:///anonymous/x.py:3"),
        ("/home/alice/runs2", "/home/user1/runs2"),
        ("at /root/x, data/root", "at /anonymous/x, data/root"),
        (json.dumps("jürgen"), '"user2"'),
        (quote("/home/alice/runs", safe=""), "/anonymous"),
    ],
)
def test_names_are_words_and_paths_are_whole(text: str, expected: str) -> None:
    found = traces("alice", "jürgen", "/home/alice/runs", "/root")
    assert found.replaced(text) == expected
    assert found.first_in(text.encode(), is_packed=False) is not None
    assert found.first_in(expected.encode(), is_packed=False) is None or "alice7" in expected


def test_what_is_replaced_is_no_longer_found_whatever_was_there() -> None:
    found = traces("vm", "alice", "/home/alice", "/home/alice/runs", "a.b-c")
    text = "vm VM-1 vmx /home/alice/runs/vm alice@vm a.b-c xa.b-c 'Alice' /home/alice-2 \\u0061lice"
    assert found.first_in(found.replaced(text).encode(), is_packed=False) is None
    assert found.first_in("alice".encode("utf-16-le"), is_packed=False) is not None


def test_short_names_stay_in_code_and_compressed_bytes_where_they_stand_by_chance() -> None:
    found = traces("li", "alice")
    data = '<script type="application/json">{"li": "alice"}</script>'
    page = f"<li>li of Alice</li><script>li(alice)</script>{data}<!-- li --><a href='alice'>x</a>"
    said = found.replaced_in_markup(page)
    assert said == (
        "<li>user1 of user2</li><script>li(alice)</script>"
        '<script type="application/json">{"user1": "user2"}</script>'
        "<!-- user1 --><a href='user2'>x</a>"
    )
    assert found.first_in(b"\x00li\xff", is_packed=True) is None
    assert found.first_in(b"\x00alice\xff", is_packed=True) is not None
