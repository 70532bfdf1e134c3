"""Whose a sweep is: the hosts, users, folders and addresses that its bundle might tell of."""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.bundling.common_words import ANYBODYS, common_words
from orchestrator.bundling.environment import FOLDER
from orchestrator.bundling.git import ask
from orchestrator.bundling.traces import Trace, Traces
from orchestrator.plan.plan import Plan
from orchestrator.spec.sweep_spec import TRACKING_VARIABLE, SweepSpec
from orchestrator.store import Files
from orchestrator.store.sweeps.starts import all_starts

SHARED_FOLDERS = frozenset(
    [
        *("/", "/tmp", "/var/tmp", "/home", "/Users", "/usr", "/usr/local"),
        *("/opt", "/var", "/data", "/mnt", "/srv", "/scratch"),
    ]
)
"""Folders that there are everywhere."""

_HOME = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\{1,2}Users\\{1,2})([\w.-]*\w)")
_E_MAIL = re.compile(r"[\w.+-]*\w@\w[\w-]*(?:\.[\w-]+)*\.[A-Za-z]{2,}")
_REMOTE = re.compile(r"(?:[:/])([\w.-]+)/([\w.-]+?)(?:\.git)?/?$")

_PATH = re.compile(
    r"(?:(?<![\w.:/<~$})-])|(?<=file://)|(?<=sqlite:///))"
    r"(?:/(?:[\w.@+-]+/)+[\w.@+-]*\w|[A-Za-z]:(?:\\{1,2}[\w.@+-]+){2,})"
    r"|\b(?:s3|gs|az)://[\w./@+-]*\w"
)
_TRACKING = re.compile(r"^tracking: *['\"]?(\w+://[^\s'\"]+)", re.MULTILINE)
_ADDRESS = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")

CODE = ".py"
"""Ending of files in which what looks like a path may be a quotient."""

_COMMIT = re.compile(r"([0-9a-f]{7,40})\+?")

_USER_VARIABLES = ("USER", "USERNAME", "LOGNAME", "SUDO_USER")


def whose(
    spec: SweepSpec,
    plan: Plan,
    files: Files,
    *,
    folders: Iterable[Path],
    texts: Mapping[str, str],
) -> tuple[Traces, tuple[str, ...]]:
    """Find what tells whose a sweep is: on this machine, in its file, its records and its Git.

    Args:
        folders: where code of the sweep lies, asked for their Git's remotes and authors.
        texts: of the bundle by file, in which addresses and folders are looked for that this
            machine does not know: of where the sweep once lay, and of other machines.

    Returns:
        The traces, and the names that are left since they are words of any sweep, without those
        that there are everywhere.
    """
    commons = common_words(spec, plan)
    said = _git((Path.cwd(), Path(spec.path).absolute().parent, FOLDER, *folders))
    said.setdefault("commit", set()).update(_commits(plan))
    said.setdefault("author", set()).update(_own_name())
    said["author"] |= {word for name in said["author"] for word in name.split() if len(word) > 3}
    paths = _paths(spec, plan) | dict.fromkeys(said.get("path", ()), "folder")
    uris = _tracking_uris(spec, texts.values())
    hosts = [
        *_hosts(spec, plan, files),
        *filter(None, (urlsplit(uri).hostname for uri in uris)),
        *_addresses_in(texts.values()),
    ]
    users = [*_users([*paths, *texts.values()])]
    found = [
        *_numbered("host", _spelled_out(hosts), commons),
        *_numbered("user", [*users, *said.get("owner", ())], commons),
        *_of_addresses(spec, uris),
        *_of_paths(paths),
        *_of_paths_in((text for name, text in texts.items() if not name.endswith(CODE)), paths),
    ]
    for kind, neutral in _OF_GIT.items():
        texts_of_kind = [
            *said.get(kind, ()),
            *(_e_mails(texts.values()) if kind == "e-mail" else ()),
        ]
        is_name = kind in {"author", "e-mail"}
        found += [
            Trace(text=text, kind=kind, neutral=neutral, is_name=is_name)
            for text in texts_of_kind
            if len(text) > 1 and text.casefold() not in commons
        ]
    names = {name for name in (*_spelled_out(hosts), *users) if name.casefold() in commons}
    left = sorted(name for name in names if name.casefold() not in ANYBODYS)
    return Traces(found), tuple(left)


_OF_GIT = {
    "remote": "https://example.org/repository",
    "repository": "someone/repository",
    "author": "someone",
    "e-mail": "someone@example.org",
    "commit": "withheld",
}
"""What Git tells, and what takes its place."""


def _commits(plan: Plan) -> Iterator[str]:
    """Yield the commits of the project with which trials were trained."""
    results = (planned.progress.result for planned in plan.every)
    for code in {it.provenance.code for it in results if it is not None}:
        if code is not None and (found := _COMMIT.fullmatch(code)):
            yield from (code, found[1])


def _hosts(spec: SweepSpec, plan: Plan, files: Files) -> Iterator[str]:
    """Yield names and addresses of machines: those in records first, in their order."""
    found = set()
    for planned in plan.every:
        best = planned.progress.best
        for result in (planned.progress.result, None if best is None else best.result):
            if result is not None and result.provenance.host:
                found.add(result.provenance.host)
        if (lease := planned.progress.lease) is not None:
            found |= {lease.owner.host} if lease.owner else set()
            found |= {lease.about.node} if lease.about.node else set()
    for start in all_starts(files, spec.name):
        found |= {start.owner.host} if start.owner else set()
        found |= {start.about.address.rpartition(":")[0]} if start.about.address else set()
    yield from sorted(found)
    yield socket.gethostname()
    yield socket.getfqdn()


def _spelled_out(hosts: Iterable[str]) -> list[str]:
    """Return each host as it is, its first name, and its domain."""
    found: list[str] = []
    for host in filter(None, hosts):
        try:
            is_own = ip_address(host).is_loopback
        except ValueError:
            first, _, domain = host.partition(".")
            found += [host, first, *([domain] if "." in domain else [])]
        else:
            found += [] if is_own else [host]
    return list(dict.fromkeys(found))


def _users(texts: Iterable[str]) -> Iterator[str]:
    """Yield names of users: of this one, and of whom there are home folders in texts."""
    with suppress(OSError, KeyError):
        yield getpass.getuser()
    for variable in _USER_VARIABLES:
        if name := os.environ.get(variable):
            yield name
    yield Path.home().name
    for text in texts:
        yield from _HOME.findall(text)


def _own_name() -> Iterator[str]:
    """Yield this user's name in full, where the system knows it."""
    if sys.platform != "win32":
        import pwd  # noqa: PLC0415  (which Windows has not)

        with suppress(KeyError):
            name = pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0].strip()
            if name:
                yield name


def _numbered(kind: str, names: Iterable[str], commons: frozenset[str]) -> list[Trace]:
    """Return traces of names, each under the kind and a number of its own."""
    told = [name for name in dict.fromkeys(map(str.strip, names)) if len(name) > 1]
    kept = [name for name in told if name.casefold() not in commons]
    return [
        Trace(text=name, kind=kind, neutral=f"{kind}{number}", is_name=True)
        for number, name in enumerate(kept, start=1)
    ]


def _paths(spec: SweepSpec, plan: Plan) -> dict[str, str]:
    """Return folders by their paths, with what each is."""
    found: dict[str, str] = {}

    def add(path: str | Path, kind: str) -> None:
        for each in (str(path), os.path.realpath(path)):
            if Path(each).is_absolute() and each not in SHARED_FOLDERS:
                found.setdefault(each, kind)

    if "://" not in spec.storage:
        add(spec.storage, "storage")
    for data in {planned.trial.data for planned in plan.every}:
        add(data.root_folder, "data")
        if data.cache is not None:
            add(data.cache, "data")
    for scheme in ("sqlite:///", "file://"):
        if spec.tracking.startswith(scheme):
            add(spec.tracking.removeprefix(scheme), "tracking")
    add(Path(spec.path).absolute().parent, "folder")
    add(Path.cwd(), "folder")
    add(FOLDER, "folder")
    add(sys.prefix, "folder")
    add(Path.home(), "home")
    return found


def _of_paths(paths: Mapping[str, str]) -> Iterator[Trace]:
    for path, kind in paths.items():
        yield Trace(text=path, kind=kind, neutral=f"/anonymous/{kind}", is_name=False)


def _of_paths_in(texts: Iterable[str], known: Iterable[str]) -> Iterator[Trace]:
    """Yield traces of folders that texts name and nobody knows here, of those within each other
    the outermost."""
    found = sorted({path for text in texts for path in _PATH.findall(text)})
    outermost: list[str] = []
    for path in found:
        if not _is_within(path, [*known, *outermost]) and path not in SHARED_FOLDERS:
            outermost.append(path)
    for number, path in enumerate(outermost, start=1):
        yield Trace(text=path, kind="path", neutral=f"/anonymous/path{number}", is_name=False)


def _is_within(path: str, folders: Iterable[str]) -> bool:
    return any(path == it or path.startswith((f"{it}/", f"{it}\\")) for it in folders)


def _addresses_in(texts: Iterable[str]) -> list[str]:
    return sorted({found for text in texts for found in _ADDRESS.findall(text)})


def _tracking_uris(spec: SweepSpec, texts: Iterable[str]) -> list[str]:
    """Return where trackers are: of this sweep, here, and as the sweep's files have it."""
    said = [spec.tracking, os.environ.get(TRACKING_VARIABLE, "")]
    said += [uri for text in texts for uri in _TRACKING.findall(text)]
    return [uri for uri in dict.fromkeys(said) if "://" in uri]


def _of_addresses(spec: SweepSpec, uris: Iterable[str]) -> Iterator[Trace]:
    """Yield traces of a bucket, and of the trackers' addresses."""
    if "://" in spec.storage:
        parts = urlsplit(spec.storage)
        neutral = f"{parts.scheme}://anonymous/storage"
        yield Trace(text=spec.storage, kind="storage", neutral=neutral, is_name=False)
        yield Trace(text=parts.netloc, kind="bucket", neutral="bucket", is_name=True)
    for uri in uris:
        neutral = f"{urlsplit(uri).scheme}://anonymous"
        yield Trace(text=uri, kind="tracking URI", neutral=neutral, is_name=False)


def _e_mails(texts: Iterable[str]) -> list[str]:
    return sorted({found for text in texts for found in _E_MAIL.findall(text)})


def _git(folders: Iterable[Path]) -> dict[str, set[str]]:
    """Return what Git tells of who works in folders, by kind; nothing where there is no Git."""
    found: dict[str, set[str]] = {}
    for folder in dict.fromkeys(folders):
        settings = ask(folder, "config", "--get-regexp", r"^(user\.(name|email)|remote\..*\.url)$")
        for line in settings.splitlines():
            key, _, value = line.partition(" ")
            _take(found, key, value)
        newest = ask(folder, "log", "-1", "--format=%an%n%ae%n%H").splitlines()
        for key, value in zip(("user.name", "user.email", "commit"), newest, strict=False):
            _take(found, key, value)
    return found


def _take(found: dict[str, set[str]], key: str, value: str) -> None:
    """Add what one line of Git's answers tells."""
    if not value:
        return
    if key == "user.name":
        found.setdefault("author", set()).add(value)
    elif key == "user.email":
        found.setdefault("e-mail", set()).add(value)
    elif key == "commit":
        found.setdefault("commit", set()).update({value, value[:12], f"{value[:12]}+", value[:7]})
    elif value.startswith("/"):
        found.setdefault("path", set()).add(value)
    else:
        found.setdefault("remote", set()).update({value, value.removesuffix(".git")})
        if parts := _REMOTE.search(value):
            found.setdefault("owner", set()).add(parts[1])
            found.setdefault("repository", set()).add(f"{parts[1]}/{parts[2]}")
