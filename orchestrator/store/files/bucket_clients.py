"""Clients of object stores: where a server is, and who asks.

Of S3 this is boto3's to know, as of every tool that speaks with it: `AWS_ENDPOINT_URL`,
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_DEFAULT_REGION`, `AWS_CA_BUNDLE`, profiles, SSO,
roles, processes (obstore alone knows no profile). Google's and Azure's are found by obstore, from
their variables or the machine's role. Requests are obstore's alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import boto3
import botocore.session
from botocore.exceptions import NoCredentialsError
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from orchestrator.store.files.contract import RefusedError

CONNECT_SECONDS = 5

TRIES = 2
"""Tries of one request by obstore itself: enough for a connection that was closed while idle."""

_NEVER = timedelta(days=1)  # the time for a whole answer, which may be large
_KEYS_LAST = timedelta(minutes=5)  # boto3 gives keys that last for 10 minutes at least

Connection: TypeAlias = Callable[[int], ObjectStore]
"""Gives a client that waits so many seconds for a byte."""


def connect_s3(bucket: str) -> Connection:
    """Connect to a bucket of S3 as boto3 would.

    Raises:
        RefusedError: the endpoint in the environment is none, or holds credentials; or the file of
            authorities cannot be read.
        BotoCoreError: there are no keys, or they cannot be found out; so may each call of what is
            returned.
    """
    core = botocore.session.get_session()
    session = boto3.session.Session(botocore_session=core)
    try:
        place = session.client("s3").meta
    except ValueError:
        place = None
    if place is None or "@" in place.endpoint_url:
        raise RefusedError(
            "AWS_ENDPOINT_URL must be http://HOST:PORT or https://HOST:PORT; keys belong into "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if session.get_credentials() is None:
        raise NoCredentialsError
    provider = Boto3CredentialProvider(session, ttl=_KEYS_LAST)
    authorities = core.get_config_variable("ca_bundle")
    certificates = {"root_certificate": _content_of(authorities)} if authorities else {}

    @cache
    def client(seconds: int) -> ObjectStore:
        return S3Store(
            bucket,
            aws_endpoint_url_s3=place.endpoint_url,
            region="us-east-1" if place.region_name == "aws-global" else place.region_name,
            disable_bulk_delete=True,  # which not every server knows
            credential_provider=provider,
            **_limits(seconds, **certificates),
        )

    def with_keys(seconds: int) -> ObjectStore:
        provider.credentials.get_frozen_credentials()  # renews them here, where errors have a type
        return client(seconds)

    return with_keys


def _connect(kind: type[GCSStore | AzureStore], bucket: str) -> Connection:
    """Connect to a bucket as obstore does by itself; its errors come from the connection."""
    return cache(lambda seconds: kind(bucket, **_limits(seconds)))


CONNECTIONS: Mapping[str, Callable[[str], Connection]] = {
    "s3": connect_s3,
    "gs": partial(_connect, GCSStore),
    "az": partial(_connect, AzureStore),
}
"""How to connect to a bucket, by the scheme of its URL."""


def _limits(seconds: int, **more: Any) -> dict[str, Any]:
    limits = {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=seconds),
        "timeout": _NEVER,
        "allow_http": True,  # where the endpoint says so; no default one does
    }
    return {"client_options": limits | more, "retry_config": {"max_retries": TRIES - 1}}


def _content_of(authorities: str) -> bytes:
    try:
        return Path(authorities).read_bytes()
    except OSError as error:
        raise RefusedError(
            f"AWS_CA_BUNDLE must be a file of certificates that can be read, got {authorities!r} "
            f"({error.strerror})"
        ) from error
