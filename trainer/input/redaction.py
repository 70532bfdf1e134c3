"""Secrets taken out of what is shown, logged or kept.

A secret is known by where it stands, so that all else stays readable:

- before the `@` of a URL: `scheme://user:SECRET@host`, `scheme://SECRET@host`, `user:SECRET@host`;
- as the value of a name that says so: `?password=SECRET&`, `#access_token=SECRET`,
  `AccountKey=SECRET;`, `password='SECRET' host=...`, `"token": "SECRET"`, `--token SECRET`,
  `("token", "SECRET")`;
- behind `Authorization:`, `Cookie:`, `X-Api-Key:`, `Bearer`, and behind a name alone on its line,
  `password: SECRET`.

All of it percent-encoded as well, once or more. Where it is not clear how far a secret goes,
rather too much is hidden than too little.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

HIDDEN = "***"

MAX_DECODED = 3
"""Most times that a text may have been percent-encoded."""

Span = tuple[int, int]

_SECRET_NAME = re.compile(
    r"""(?: password | passwd | passphrase | passcode | secret | token | credentials? | signature
        | (?: api | access | account | secret | private | storage | auth ) [-_.]? key (?:[-_.]?id)?
        | sess (?: ion )? [-_.]? id
        | (?<![a-z0-9]) (?: pwd | pw | pass | creds | sig | hmac | sas | jwt | bearer | auth
            | authorization | cookie )
        | (?<!\w) session
        )$""",
    re.VERBOSE | re.IGNORECASE,
)
_MAX_NAME = 64  # characters of a name that are looked at, the last ones
_SCHEME_END = re.compile("://")
_URL_START = re.compile(r"(?<![^\s\"'<(\[{,;=])[a-zA-Z][a-zA-Z0-9+.-]*+://")  # after a delimiter
_AUTHORITY = re.compile(r"[^/?#\s]*+")
_NO_PASSWORDS = ("@", "x-oauth-basic@")  # where the user's name is a token
_NAMED = re.compile(
    r"""(?<![\w.-]) (?P<name> [\w.-]++ ) (?P<quote> \\*["']? ) \s*+ (?P<sign> [=:] ) \s*+
        (?P<opening> \\*+["'{] )?""",
    re.VERBOSE,
)
_HEADER = re.compile(r"-|authorization$|cookie$", re.IGNORECASE)
"""Pattern of those secret names by which a line `NAME: VALUE` is a header of HTTP."""

_FLAG = re.compile(
    r"""(?<![\w-])--(?P<name>[\w-]++)(?:["']\s*+,\s*+["']|\s++)(?P<value>[^\s"'-][^\s"']*+)"""
)
_PAIR = re.compile(
    r"""\(\s*+b?\\*+["'](?P<name>[\w.-]++)\\*+["']\s*+,\s*+b?\\*+(?P<opening>["'])"""
)
_THIRD = re.compile(r"""\\*+["']\s*+,\s*+[^\s)]""")
"""Pattern of what follows the second of more than two names: in a list none is a value."""

_LONE = re.compile(r"[^\s\"']{1,512}+[^\S\n]*+(?=\n|\Z)")
_USER_AT_HOST = re.compile(
    r"(?<![^\s\"'<(\[{,;=])[\w.+%-]++:(?P<secret>[^\s\"'/@][^\s\"'/]{0,127})@[\w\[]"
)
_BEARER = re.compile(r"""\bBearer\s++[^\s"',;]++""", re.IGNORECASE)
_VALUES = {
    '"': re.compile(r'(?:\\.|[^"\\])*+', re.DOTALL),
    "'": re.compile(r"(?:\\.|[^'\\])*+", re.DOTALL),
    "{": re.compile(r"[^}]*+"),
    "line": re.compile(r"[^\n]*+"),
    "item": re.compile(r"[^\s,}\]]*+"),
    "word": re.compile(r"(?:\\.|(?![;&]\s*+[\w.-]++\s*+=)[^\s\\])*+", re.DOTALL),
    "query": re.compile(r"(?:(?!&[^&=\s]*+=)\S)*+"),
    "query of all": re.compile(r"(?:(?!&[^&=]*+=).)*+", re.DOTALL),
    "query in '": re.compile(r"(?:(?!&[^&=]*+=)[^'])*+"),
    'query in "': re.compile(r'(?:(?!&[^&=]*+=)[^"])*+'),
}
"""Patterns of what belongs to a value, by what it is opened with or by what it is."""

_ENCODED = re.compile(r"%([0-9a-fA-F]{2})")


def redacted(text: str) -> str:
    """Return `text` with `***` in place of each secret in it; in linear time."""
    spans: list[Span] = []
    level, places = text, [*range(len(text) + 1)]
    for _ in range(1 + MAX_DECODED):
        spans += [(places[start], places[end]) for start, end in _secrets(level)]
        if not _ENCODED.search(level):
            break
        level, places = _decoded(level, places)
    return _without(text, spans)


def redacted_lines(text: str) -> str:
    """Redact each line of a log or a traceback by itself: no secret spans two of them, as one of a
    URL might."""
    return "\n".join(map(redacted, text.split("\n")))


def is_secret_name(name: str) -> bool:
    """Whether what goes by this name (`password`, `api_key`, `AWS_SECRET_ACCESS_KEY`) is secret."""
    return _SECRET_NAME.search(name[-_MAX_NAME:]) is not None


def _secrets(text: str) -> Iterator[Span]:
    starts = [found.start() for found in _URL_START.finditer(text)]
    yield from _before_at(text, starts)
    yield from _of_names(text, starts)
    yield from _in_pairs(text)
    for found in _BEARER.finditer(text):
        yield found.start() + len("Bearer "), found.end()
    for found in _FLAG.finditer(text):
        if is_secret_name(found["name"]):
            yield found.span("value")
    for found in _USER_AT_HOST.finditer(text):
        yield found.span("secret")


def _before_at(text: str, urls: list[int]) -> Iterator[Span]:
    """Find users and passwords of URLs, given where those begin that stand alone.

    A password may hold any character, so everything up to the last `@` before the next URL goes.
    """
    ats = [found.start() for found in re.finditer("@", text)]
    for scheme in _SCHEME_END.finditer(text):
        start = scheme.end()
        following = bisect_left(urls, start)
        end = urls[following] if following < len(urls) else len(text)
        last = _last_before(ats, end)
        if last < start:
            continue
        authority = _AUTHORITY.match(text, start)
        assert authority is not None
        colon = text.find(":", start, authority.end())
        if start <= text.find("@", start, authority.end() if colon < 0 else colon):
            yield start, _last_before(ats, authority.end())
        elif 0 <= colon < last:
            is_user_secret = text.startswith(_NO_PASSWORDS, colon + 1)
            yield (start if is_user_secret else colon + 1), last


def _last_before(places: list[int], end: int) -> int:
    """Return the last of the ascending places before the end; -1 where there is none."""
    index = bisect_left(places, end)
    return places[index - 1] if index else -1


def _of_names(text: str, urls: list[int]) -> Iterator[Span]:
    """Find the values of names that say that they are secret."""
    done = 0
    for found in _NAMED.finditer(text):
        if found.start() < done or not (kind := _kind(text, found, urls)):
            continue
        value = _VALUES[kind].match(text, found.end())
        assert value is not None
        done = value.end()
        yield value.span()


def _in_pairs(text: str) -> Iterator[Span]:
    """Find what stands behind a secret's name in a pair, as Python shows headers and settings."""
    done = 0
    for found in _PAIR.finditer(text):
        if found.start() < done or not is_secret_name(found["name"]):
            continue
        value = _VALUES[found["opening"]].match(text, found.end())
        assert value is not None
        done = value.end()
        if not _THIRD.match(text, done):
            yield value.span()


def _kind(text: str, found: re.Match[str], urls: list[int]) -> str | None:
    """Say which of `_VALUES` a named value is; None where it is no secret."""
    name, is_assigned = found["name"], found["sign"] == "="
    before = text[max(found.start() - 1, 0) : found.start()]
    is_of_query = is_assigned and before in {"?", "&", "#"}
    if not (is_secret_name(name) or (is_of_query and name.lower() == "key")):
        return None
    stands_alone = not before or before.isspace() or before in "\"'([{,;"
    is_header = not is_assigned and stands_alone and _HEADER.search(name) is not None
    is_lone = stands_alone and _LONE.match(text, found.end()) is not None
    if not (is_assigned or found["quote"] or is_header or is_lone):
        return None  # a colon in prose
    if found["opening"]:
        return found["opening"][-1]
    if not is_of_query:
        return "word" if is_assigned else "line" if is_header else "item"
    url = _last_before(urls, found.start())
    if url == 0:
        return "query of all"  # the whole text is a URL, in which there may be spaces
    opening = text[url - 1 : url] if url > 0 else ""
    return f"query in {opening}" if opening in {"'", '"'} else "query"


def _decoded(text: str, places: list[int]) -> tuple[str, list[int]]:
    """Undo the percent-encoding of `text` once, byte by byte, and return where in the original each
    character of it stands: the places of `text` without those that went."""
    kept: list[int] = []
    done = 0
    for found in _ENCODED.finditer(text):
        kept += places[done : found.start() + 1]
        done = found.end()
    kept += places[done:]
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), text), kept


def _without(text: str, spans: list[Span]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start == end or end <= done:
            continue
        if start > done or not parts:
            parts += [text[done:start], HIDDEN]
        done = end
    return "".join([*parts, text[done:]])
