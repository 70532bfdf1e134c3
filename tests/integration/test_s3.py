"""Files on a real server of S3: as in a folder, in races, in outages, and when it refuses."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from typing import ClassVar

import pytest
from hypothesis import settings

from orchestrator.store.files import bucket, bucket_clients
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.contract import Files, RefusedError, UnreachableError
from orchestrator.store.files.retrying import RetryingFiles
from orchestrator.store.records.version import VersionError, enter, look
from tests.integration.s3_server import S3Server, s3_server
from tests.orchestrator.store.files.contract import (
    FilesAreADictionary,
    assert_one_process_creates,
    assert_one_thread_creates,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    """For all tests here."""
    with s3_server() as found:
        yield found


@pytest.fixture
def files(server: S3Server) -> Files:
    """Under a prefix of a new bucket."""
    return open_files(f"{server.new_bucket()}/some/where")


class BucketIsADictionary(FilesAreADictionary):
    parent: ClassVar[Files]
    numbers: ClassVar[Iterator[int]] = count()

    def new_files(self) -> Files:
        return open_files(f"{self.parent.url}/{next(self.numbers)}")


def test_bucket_is_a_dictionary(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = cache(
        bucket_clients.connect_s3
    )  # once for all examples: it takes a third of a second
    monkeypatch.setattr(bucket, "CONNECTIONS", {"s3": connect})
    BucketIsADictionary.parent = open_files(server.new_bucket())
    case = BucketIsADictionary.TestCase
    case.settings = settings(
        deadline=None, derandomize=True, max_examples=12, stateful_step_count=12
    )
    case().runTest()


def test_neighbours_share_nothing(server: S3Server) -> None:
    bucket = server.new_bucket()
    files, longer, whole = (open_files(f"{bucket}{end}") for end in ("/a", "/ab", ""))
    longer.write("it", b"1")
    assert (files.names(""), files.sizes(""), files.read("b/it")) == ([], {}, None)
    files.write("it", b"22")
    assert whole.sizes("") == {"a/it": 2, "ab/it": 1}
    assert whole.names("") == ["a", "ab"]


def test_folders_that_a_console_makes_are_no_files(server: S3Server) -> None:
    bucket = server.new_bucket()
    for key in ("where/", "where/a/"):
        server.client().put_object(Bucket=bucket.removeprefix("s3://"), Key=key)
    files = open_files(f"{bucket}/where")
    assert (files.names("a"), files.names(""), files.sizes("")) == ([], ["a"], {})
    files.write("a/it", b"")
    assert (files.names("a"), files.names(""), files.sizes("")) == (["it"], ["a"], {"a/it": 0})


def test_long_listings_are_whole(files: Files) -> None:
    """Of more than the 1,000 that a server names at once."""
    names = [f"a/{number:04d}/it" for number in range(1050)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: files.write(name, b"1"), names))
    assert list(files.sizes("")) == names
    assert files.names("a") == [f"{number:04d}" for number in range(1050)]


def test_one_of_many_threads_creates(files: Files) -> None:
    assert_one_thread_creates(files, "race")


def test_one_of_many_processes_creates(files: Files) -> None:
    assert_one_process_creates(files, "race", start="spawn")


def test_copies_in_other_processes_connect_by_themselves(files: Files) -> None:
    files.write("a/it", b"1")
    script = (
        "import pickle, sys\n"
        "files = pickle.load(sys.stdin.buffer)\n"
        "files.write('a/it', files.read('a/it') + b'2')"
    )
    subprocess.run([sys.executable, "-c", script], input=pickle.dumps(files), check=True)
    assert files.read("a/it") == b"12"


def test_large_content_comes_back(files: Files) -> None:
    data = os.urandom(20_000_000)
    files.write("weights.pt", data)
    files.rename("weights.pt", "weights.pt.damaged")
    assert files.read("weights.pt.damaged") == data
    assert files.sizes("") == {"weights.pt.damaged": len(data)}


def test_store_is_marked(files: Files) -> None:
    assert not look(files)
    enter(files)
    mark = files.read("store.json")
    files.write("store.json", b"")
    enter(files)
    assert files.read("store.json") == mark
    files.remove("store.json")
    files.remove("store.json.copy")
    files.write("trials/t1/trial.json", b"{}")
    with pytest.raises(VersionError, match=f"storage {files.url} has trials/ but no store.json"):
        enter(files)


# --- outages


def waiting(files: Files, told: list[str], longest_outage: float = 120) -> RetryingFiles:
    return RetryingFiles(
        files, warn=told.append, is_cancelled=lambda: False, longest_outage=longest_outage
    )


VERBS: dict[str, Callable[[Files], object]] = {
    "read": lambda files: files.read("a/it"),
    "create": lambda files: files.create("a/other", b"new"),
    "sizes": lambda files: files.sizes("a"),
}
OUTCOMES = {"read": b"1", "create": True, "sizes": {"a/it": 1}}


@pytest.mark.parametrize("verb", VERBS)
def test_server_that_hangs_is_waited_for(
    server: S3Server, files: Files, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(bucket, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(bucket_clients, "TRIES", 1)
    files = open_files(files.url)
    files.write("a/it", b"1")
    told: list[str] = []
    server.stop()
    timer = threading.Timer(4, server.go_on)
    timer.start()
    began = time.monotonic()
    try:
        assert VERBS[verb](waiting(files, told)) == OUTCOMES[verb]
    finally:
        timer.join()
    assert 3.5 < time.monotonic() - began < 60
    assert len(told) == 2
    assert f"{files.url} is back after" in told[1]


def test_hang_is_noticed_in_seconds(server: S3Server, files: Files) -> None:
    assert files.read("a/it") is None
    server.stop()
    began = time.monotonic()
    try:
        with pytest.raises(UnreachableError, match="timeout"):
            files.read("a/it")
    finally:
        server.go_on()
    assert time.monotonic() - began < 2 * bucket.ANSWER_SECONDS + 20


def test_server_that_was_killed_is_waited_for(server: S3Server, files: Files) -> None:
    """moto forgets all: with the bucket the answer changes from `later` to `no`."""
    files.write("a/it", b"1")
    server.kill()
    with pytest.raises(UnreachableError, match="Could not connect"):
        files.write("a/it", b"2")
    told: list[str] = []
    timer = threading.Timer(1, server.restart)
    timer.start()
    with pytest.raises(RefusedError, match=r"NoSuchBucket; make the bucket, or give another"):
        waiting(files, told).write("a/it", b"2")
    timer.join()
    assert len(told) == 1
    server.make_bucket(files.url.split("/")[2])
    files.write("a/it", b"2")
    assert files.read("a/it") == b"2"


# --- refusals


def test_bucket_that_is_not_there(server: S3Server) -> None:
    files = open_files("s3://no-such-bucket/a")
    for do in VERBS.values():
        with pytest.raises(RefusedError, match=r"s3://no-such-bucket/a.* NoSuchBucket; make the"):
            do(files)


def test_keys_that_the_server_does_not_know(server: S3Server, files: Files) -> None:
    """moto looks at keys once it is told to, by a request of its own."""

    def look_at_keys_after(requests: int) -> None:
        address = f"{server.environment['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
        kind = {"Content-Type": "application/octet-stream"}
        request = urllib.request.Request(address, data=b"%d" % requests, headers=kind)
        urllib.request.urlopen(request).close()

    look_at_keys_after(0)
    try:
        for do in VERBS.values():
            with pytest.raises(RefusedError, match="InvalidAccessKeyId; set AWS_ACCESS_KEY_ID"):
                do(files)
    finally:
        look_at_keys_after(2**60)
    assert files.read("a/it") is None
