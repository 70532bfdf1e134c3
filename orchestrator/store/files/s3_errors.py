"""What the errors of S3 mean to a store: later, with more room, or not before a person acts."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)

from orchestrator.store.files.contract import FullError, RefusedError, UnreachableError
from trainer.input.redaction import redacted

_KEYS = (
    "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, with temporary keys, AWS_SESSION_TOKEN to "
    "keys that the server knows, on every machine that runs trials"
)
_PERMISSION = "let these keys list the bucket, and read, write and delete what is in it"
_REGION = "set AWS_DEFAULT_REGION to the region of the bucket"

REMEDIES: Mapping[str, str] = {
    "NoSuchBucket": "make the bucket, or give another storage",
    "AccessDenied": _PERMISSION,
    "AllAccessDisabled": _PERMISSION,
    "AccountProblem": _PERMISSION,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": _KEYS,
    "InvalidToken": _KEYS,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "RequestTimeTooSkewed": "set the clock of this machine",
    "NotImplemented": "use a server that knows conditional writes, copies and listings",
    "EntityTooLarge": "one file is larger than the server takes",
}
"""Remedies for what S3 refuses, by the code in the server's answer."""

_BUSY = {"SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestTimeout"}
_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded"}
_LOST_ON_THE_WAY = (
    *(ConnectionError, HTTPClientError, IncompleteReadError),
    *(ChecksumError, FlexibleChecksumError),
)


def explained(error: BotoCoreError | ClientError, what: str) -> OSError:
    """Turn an error of boto3's into one of the store's; `what` could not be done, and where."""
    if isinstance(error, ClientError):
        return _answer(error, what)
    said = redacted(str(error))  # which shows the URL that was asked
    if isinstance(error, _LOST_ON_THE_WAY):
        return UnreachableError(
            f"{what}: {said}; see that AWS_ENDPOINT_URL is right, the server up and the network"
        )
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return RefusedError(f"{what}: there are no keys; {_KEYS}")
    return RefusedError(f"{what}: {said}; see the AWS_* variables and ~/.aws/config")


def _answer(error: ClientError, what: str) -> OSError:
    """Turn an error that a server answered with into one of the store's."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    said = redacted(error.response.get("Error", {}).get("Message", ""))
    if status == 507 or code in _FULL:  # insufficient storage
        return FullError(f"{what}: the server is full ({code}); make room on it or in the quota")
    if code in REMEDIES:
        return RefusedError(f"{what}: {code}; {REMEDIES[code]}")
    if status in {408, 429} or status >= 500 or code in _BUSY:
        return UnreachableError(f"{what}: the server is in trouble or busy ({status} {code})")
    return RefusedError(f"{what}: the server refuses with {status} {code} ({said})")
