"""Files in a bucket of S3, or of a server that speaks as S3 does.

Where the server is and who asks is boto3's to know: `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`, profiles, roles. A race is decided by conditional
writes (`If-None-Match: *`), which S3 has since 2024 and a server of one's own may ignore: the
first `create` of each object finds out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from orchestrator.store.files.contract import RefusedError, UnreachableError
from orchestrator.store.files.s3_errors import explained

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10
"""Seconds without a byte after which a server is taken to hang."""

TRIES = 2
"""Tries of one request by boto3 itself: enough for a connection that was closed while idle."""

CONFLICTS = 10
"""Conflicts of one conditional write with other requests, after which the server counts as away."""


class S3Files:
    """The files under a prefix of a bucket.

    Copies in other processes, by pickling or forking, connect anew; threads share a connection
    pool. `rename` is a copy, then a removal: a reader between the two finds both. A write that was
    given up for want of an answer may still be carried out some time later.
    """

    def __init__(self, url: str) -> None:
        """Use `s3://BUCKET` or `s3://BUCKET/PREFIX`; nothing is asked of the server yet.

        Raises:
            ValueError: the URL is malformed, or holds credentials.
        """
        self._bucket, self._prefix = _parse(url)
        self._clients: dict[int, Any] = {}  # by process, since connections do not survive a fork
        self._is_exclusive = False  # known of the server: a conditional write can fail

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_clients": {}}

    @property
    def url(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def read(self, name: str) -> bytes | None:
        with self._asked("read", name) as client:
            try:
                answer = client.get_object(**self._object(name))
            except client.exceptions.NoSuchKey:
                return None
            content: bytes = answer["Body"].read()
            return content

    def write(self, name: str, data: bytes) -> None:
        with self._asked("write", name) as client:
            client.put_object(**self._object(name), Body=data)

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
        with self._asked("list", folder) as client:
            below = self._key(f"{folder}/" if folder else "")
            found = set()
            for page in self._pages(client, Prefix=below, Delimiter="/"):
                found |= {entry["Key"] for entry in page.get("Contents", [])}
                found |= {entry["Prefix"].rstrip("/") for entry in page.get("CommonPrefixes", [])}
            return sorted(key.removeprefix(below) for key in found - {below})

    def sizes(self, folder: str) -> dict[str, int]:
        with self._asked("list", folder) as client:
            return {
                entry["Key"].removeprefix(self._prefix): entry["Size"]
                for page in self._pages(client, Prefix=self._key(f"{folder}/" if folder else ""))
                for entry in page.get("Contents", [])
                if not entry["Key"].endswith("/")  # a folder, as some consoles make them
            }

    def remove(self, name: str) -> None:
        with self._asked("remove", name) as client:
            client.delete_object(**self._object(name))

    def rename(self, name: str, other: str) -> None:
        if name == other:
            return
        with self._asked("rename", name) as client:
            try:
                client.copy_object(**self._object(other), CopySource=self._object(name))
            except client.exceptions.NoSuchKey:
                return
            client.delete_object(**self._object(name))

    def _put_if_absent(self, name: str, data: bytes) -> bool:
        for _ in range(CONFLICTS):
            with self._asked("create", name) as client:
                try:
                    client.put_object(**self._object(name), Body=data, IfNoneMatch="*")
                except ClientError as error:
                    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                    if status == 412:  # precondition failed
                        return False
                    if status != 409:  # conflict: something else was done to it meanwhile
                        raise
                else:
                    return True
        raise UnreachableError(f"{self.url}/{name} is being changed by others all the time")

    @contextmanager
    def _asked(self, verb: str, name: str) -> Iterator[Any]:
        try:
            yield self._client()
        except (BotoCoreError, ClientError) as error:
            raise explained(error, f"cannot {verb} {self.url}/{name}") from error

    def _client(self) -> Any:
        """boto3's client of this process. Two threads may each make one: either will do."""
        client = self._clients.get(os.getpid())
        return client or self._clients.setdefault(os.getpid(), _connect())

    def _pages(self, client: Any, **which: str) -> Iterator[dict[str, Any]]:
        listing = client.get_paginator("list_objects_v2")
        pages: Iterator[dict[str, Any]] = listing.paginate(Bucket=self._bucket, **which)
        return pages

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._key(name)}


def _connect() -> Any:
    """Make a client in a session of its own: boto3's default one is not for threads.

    Raises:
        RefusedError: the endpoint in the environment is none, or holds credentials.
    """
    limits = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        retries={"mode": "standard", "total_max_attempts": TRIES},
    )
    try:
        client = boto3.session.Session().client("s3", config=limits)
    except ValueError:
        client = None
    if client is None or "@" in client.meta.endpoint_url:
        raise RefusedError(
            "AWS_ENDPOINT_URL must be http://HOST:PORT or https://HOST:PORT; keys belong into "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return client


def _parse(url: str) -> tuple[str, str]:
    """Split a URL into bucket and prefix (empty, or with a `/` at its end); show no secrets."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if "@" in url or ":" in bucket or "?" in url:
        raise ValueError(
            "storage must be s3://BUCKET/PREFIX with no keys, port or options in it; set "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
        )
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise ValueError(
            f"storage must name a bucket of 3 to 63 lower-case letters, digits, dots and hyphens, "
            f"as in s3://BUCKET/PREFIX, got {url!r}"
        )
    prefix = prefix.rstrip("/")
    parts = prefix.split("/") if prefix else []
    if any(part in {"", ".", ".."} or not part.isprintable() for part in parts):
        raise ValueError(
            f"the parts of the prefix of s3://BUCKET/PREFIX must be names, not empty, . or .., "
            f"got {url!r}"
        )
    return bucket, f"{prefix}/" if prefix else ""
