"""Files in a bucket of S3, of Google's or of Azure's, or of a server that speaks as S3 does.

A race is decided by conditional writes, which S3 has since 2024 and a server of one's own may
ignore: the first `create` of each object finds out.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore

from orchestrator.store.files.bucket_clients import CONNECTIONS
from orchestrator.store.files.bucket_errors import (
    AbsentError,
    explained,
    is_conflict,
    no_keys,
    no_store,
)
from orchestrator.store.files.contract import RefusedError, UnreachableError

ANSWER_SECONDS = 10
"""Seconds without a byte after which a server is taken to hang."""

BYTES_PER_SECOND = 500_000
"""Slowest upload that is waited for: obstore's clock of an answer runs while content is sent."""

CONFLICTS = 10
"""Conflicts of one conditional write with other requests, after which the server counts as away."""

READERS = 32
"""Empty files that are looked at in parallel."""

_process: int | None = None
"""The process that obstore's threads belong to."""


class BucketFiles:
    """The files under a prefix of a bucket.

    Copies in other processes, by pickling, connect anew; threads share a connection pool. A fork is
    refused once this process has used a bucket, for obstore would wait there without end. `rename`
    is a copy, then a removal: a reader between the two finds both. A write that was given up for
    want of an answer may still be carried out some time later.
    """

    def __init__(self, *, scheme: str, bucket: str, prefix: str) -> None:
        """Use what lies under `prefix`, which is empty or ends with `/`; nothing is asked of the
        server yet. `scheme` is one of `CONNECTIONS`."""
        self._scheme = scheme
        self._bucket = bucket
        self._prefix = prefix
        self._client: Callable[[int], ObjectStore] | None = None
        self._is_exclusive = False  # known of the server: a conditional write can fail
        self._is_store = False  # known of the server: it says of an absent object that it is absent
        self._empty: set[str] = set()  # names of files that are known to be no folders

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_client": None, "_empty": set()}

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._bucket}/{self._prefix}".rstrip("/")

    def read(self, name: str) -> bytes | None:
        with suppress(AbsentError), self._asked("read", name) as client:
            answer = client.get(self._key(name))
            kind = str(answer.attributes.get("Content-Type", ""))
            if kind.lower().startswith("text/html") and not name.endswith(".html"):
                raise no_store(f"cannot read {self.url}/{name}", self._scheme)
            return bytes(answer.bytes())
        return None

    def write(self, name: str, data: bytes) -> None:
        with self._asked("write", name, len(data)) as client:
            client.put(self._key(name), data, use_multipart=False)

    def create(self, name: str, data: bytes) -> bool:
        if not self._put_if_absent(name, data):
            return self.read(name) == data
        if not self._is_exclusive:
            if self._put_if_absent(name, data):
                raise RefusedError(
                    f"the server of {self.url} must refuse a write with If-None-Match: * where "
                    f"something is, by which one of several writers is chosen, and it does not; "
                    f"use a newer version of it, or a folder"
                )
            self._is_exclusive = True
        return True

    def names(self, folder: str) -> list[str]:
        below = self._key(f"{folder}/" if folder else "")
        with self._asked("list", folder) as client:
            found = client.list_with_delimiter(below)
        if not found["common_prefixes"] and not found["objects"]:
            self._check_that_it_is_a_store(folder)
        paths = {*found["common_prefixes"], *(entry["path"] for entry in found["objects"])}
        return sorted(path.removeprefix(below) for path in paths if path.startswith(below))

    def sizes(self, folder: str) -> dict[str, int]:
        below = self._key(f"{folder}/" if folder else "")
        with self._asked("list", folder) as client:
            found = [entry for part in client.list(below, chunk_size=1000) for entry in part]
        if not found:
            self._check_that_it_is_a_store(folder)
        sizes = {
            entry["path"].removeprefix(self._prefix): entry["size"]
            for entry in found
            if entry["path"].startswith(below)
        }
        folders = self._folders_among({name for name, size in sizes.items() if not size})
        return {name: size for name, size in sizes.items() if name not in folders}

    def remove(self, name: str) -> None:
        with suppress(AbsentError), self._asked("remove", name) as client:
            client.delete(self._key(name))

    def rename(self, name: str, other: str) -> None:
        if name == other:
            return
        with suppress(AbsentError), self._asked("rename", name) as client:
            client.rename(self._key(name), self._key(other))

    def _folders_among(self, names: set[str]) -> set[str]:
        """Find folders, as some consoles make them, among names that are listed as empty files.

        There are as many empty files as trials: each is asked for once.
        """
        unknown = names - self._empty
        if not unknown:
            return set()
        with ThreadPoolExecutor(READERS) as pool:
            contents = dict(zip(unknown, pool.map(self.read, unknown), strict=True))
        folders = {name for name, content in contents.items() if content is None}
        self._empty |= unknown - folders
        return folders

    def _check_that_it_is_a_store(self, folder: str) -> None:
        """Ask once for an object that nobody has, before an empty listing is believed.

        Any page without an unclosed tag, such as a network's for signing in, reads as one of S3's.

        Raises:
            RefusedError: there is an answer for it, as for whatever else is asked.
        """
        if not self._is_store and self.read(f"absent-{secrets.token_hex(8)}") is not None:
            raise no_store(f"cannot list {self.url}/{folder}", self._scheme)

    def _put_if_absent(self, name: str, data: bytes) -> bool:
        for _ in range(CONFLICTS):
            with self._asked("create", name, len(data)) as client:
                try:
                    client.put(self._key(name), data, mode="create", use_multipart=False)
                except AlreadyExistsError as error:
                    if not is_conflict(error):
                        return False
                else:
                    return True
        raise UnreachableError(f"{self.url}/{name} is being changed by others all the time")

    @contextmanager
    def _asked(self, verb: str, name: str, size: int = 0) -> Iterator[ObjectStore]:
        """Give a client that waits for the answer to a request of `size` bytes.

        The cause of an error is not kept with it: what obstore and servers say holds URLs, which
        may be signed, and keys.
        """
        what = f"cannot {verb} {self.url}/{name}"
        try:
            yield self._connected(ANSWER_SECONDS + size // BYTES_PER_SECOND)
        except (BotoCoreError, ClientError) as error:
            raise no_keys(error, what) from None
        except (BaseError, FileNotFoundError) as error:
            problem = explained(error, what, self._scheme)
            self._is_store |= isinstance(problem, AbsentError)
            raise problem from None

    def _connected(self, seconds: int) -> ObjectStore:
        """A client of this process. Two threads may each make one: either will do."""
        global _process  # noqa: PLW0603 (obstore's threads are the process's too)
        _process = _process or os.getpid()
        if _process != os.getpid():
            raise RuntimeError(f"{self.url} cannot be used in a fork; start the process by spawn")
        if self._client is None:
            self._client = CONNECTIONS[self._scheme](self._bucket)
        return self._client(seconds)

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"
