"""Files on a server of Azure's blobs: as in a folder, in races, in outages, and when it refuses."""

from __future__ import annotations

import base64
import os
import traceback
from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import ClassVar

import pytest
from hypothesis import settings

from orchestrator.store.files import bucket, bucket_clients
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.contract import Files, RefusedError, UnreachableError
from tests.integration.azure_server import KEY, AzureServer, azure_server
from tests.orchestrator.store.files.contract import (
    FilesAreADictionary,
    assert_one_process_creates,
    assert_one_thread_creates,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[AzureServer]:
    """For all tests here."""
    with azure_server() as found:
        yield found


@pytest.fixture
def files(server: AzureServer) -> Files:
    """Under a prefix of a new container."""
    return open_files(f"{server.new_container()}/some/where")


class ContainerIsADictionary(FilesAreADictionary):
    parent: ClassVar[Files]
    numbers: ClassVar[Iterator[int]] = count()

    def new_files(self) -> Files:
        return open_files(f"{self.parent.url}/{next(self.numbers)}")


def test_container_is_a_dictionary(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "CONNECTIONS", {"az": cache(bucket_clients.CONNECTIONS["az"])})
    ContainerIsADictionary.parent = files
    case = ContainerIsADictionary.TestCase
    case.settings = settings(
        deadline=None, derandomize=True, max_examples=8, stateful_step_count=12
    )
    case().runTest()


def test_one_of_many_creates(files: Files) -> None:
    assert_one_thread_creates(files, "threads")
    assert_one_process_creates(files, "processes", start="spawn")


def test_large_content_comes_back(files: Files) -> None:
    data = os.urandom(20_000_000)
    files.write("weights.pt", data)
    files.rename("weights.pt", "weights.pt.damaged")
    assert files.read("weights.pt.damaged") == data
    assert files.read("weights.pt") is None


def test_refusals(server: AzureServer, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = open_files("az://no-such-container/a")
    for do in (absent.read, absent.sizes, lambda name: absent.create(name, b"")):
        with pytest.raises(RefusedError, match="ContainerNotFound; make the bucket"):
            do("it")
    wrong = base64.b64encode(b"another key").decode()
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", wrong)
    with pytest.raises(RefusedError, match="AuthorizationFailure; let these keys list") as caught:
        open_files(files.url).write("it", b"")
    assert wrong not in "".join(traceback.format_exception(caught.value))
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "n0 key!")
    with pytest.raises(RefusedError, match="Invalid Access Key"):
        open_files(files.url).write("it", b"")


def test_server_that_was_killed_is_away(server: AzureServer, files: Files) -> None:
    """The last test here: nothing starts it again."""
    server.kill()
    with pytest.raises(UnreachableError, match=r"Could not connect to http://127\.0\.0") as caught:
        files.write("it", b"1")
    assert KEY not in "".join(traceback.format_exception(caught.value))
