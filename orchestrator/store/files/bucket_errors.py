"""What the errors of buckets mean to a store: later, with more room, or not before a person acts.

obstore's errors have no fields: all that a server answered lies in their text, from which only its
status, its code and its message are taken. The rest, URLs and headers among it, is shown to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from orchestrator.store.files.contract import FullError, RefusedError, UnreachableError
from trainer.input.problems import MAX_MESSAGE, label
from trainer.input.redaction import redacted

KEYS: Mapping[str, str] = {
    "s3": "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, with temporary keys, "
    "AWS_SESSION_TOKEN to keys that the server knows",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""Remedies for keys that are missing or unknown, by scheme."""

_PLACES: Mapping[str, str] = {
    "s3": "AWS_ENDPOINT_URL is right, the server up and the network",
    "gs": "the network is up",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ENDPOINT are right and the network up",
}
_PERMISSION = "let these keys list the bucket, and read, write and delete what is in it"
_REGION = "set AWS_DEFAULT_REGION to the region of the bucket"
_AUTHORITY = (
    "let AWS_CA_BUNDLE be a file of the authority's (whose own certificate is none of a server)"
)
_BUCKET = "make the bucket, or give another storage"

REMEDIES: Mapping[str, str] = {
    "NoSuchBucket": _BUCKET,
    "ContainerNotFound": _BUCKET,
    "AccessDenied": _PERMISSION,
    "AllAccessDisabled": _PERMISSION,
    "AccountProblem": _PERMISSION,
    "AuthorizationFailure": _PERMISSION,
    "AuthorizationPermissionMismatch": _PERMISSION,
    "InsufficientAccountPermissions": _PERMISSION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "RequestTimeTooSkewed": "set the clock of this machine",
    "NotImplemented": "use a server that knows conditional writes, copies and listings",
    "EntityTooLarge": "one file is larger than the server takes",
    "RequestBodyTooLarge": "one file is larger than the server takes",
}
"""Remedies for what a server refuses, by the code in its answer."""

_UNKNOWN_KEYS = {
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
    *("AuthenticationFailed", "NoAuthenticationInformation", "InvalidAuthenticationInfo"),
}
_BUSY = {"SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestTimeout"}
_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded"}
_ABSENT = {"NoSuchKey", "BlobNotFound", "CannotVerifyCopySource"}
_CONFLICTS = {"ConditionalRequestConflict", "OperationAborted"}

_STATUS = re.compile(r"(?:status |\()code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{0,300})")
_NO_ANSWER = re.compile(r"Got invalid list response|[Hh]eader missing from response")
_SERVER = re.compile(r"https?://[^/?@\s]+(?=[/?\s])")


class AbsentError(OSError):
    """There is no such object."""


def is_conflict(error: Exception) -> bool:
    """Whether a conditional write met another request, so that it is to be asked again."""
    return _first(_CODE, error) in _CONFLICTS


def explained(error: Exception, what: str, scheme: str) -> OSError:
    """Turn an error of obstore's into one of the store's; `what` could not be done, and where."""
    said, code = str(error), _first(_CODE, error)
    status, keys = int(_first(_STATUS, error) or 0), _keys(scheme)
    if not status or "token request" in said:
        return _unanswered(said, what, scheme, status)
    if code in _ABSENT or (status == 404 and "Bulk delete" in said):
        return AbsentError(f"{what}: there is none")
    if status == 507 or code in _FULL:  # insufficient storage
        return FullError(f"{what}: the server is full ({code}); make room on it or in the quota")
    if remedy := keys if status == 401 or code in _UNKNOWN_KEYS else REMEDIES.get(code):
        return RefusedError(f"{what}: {code}; {remedy}")
    if status in {408, 429} or status >= 500 or code in _BUSY:
        return UnreachableError(f"{what}: the server is in trouble or busy ({status} {code})")
    message = redacted(_first(_MESSAGE, error))
    return RefusedError(f"{what}: the server refuses with {status} {code} ({message})")


def no_store(what: str, scheme: str) -> RefusedError:
    """Say that what answers is no object store, such as a web page for signing in to a network."""
    return RefusedError(
        f"{what}: what answers is no object store, but perhaps a web page; see that "
        f"{_PLACES[scheme]}, and that the network asks for no sign-in"
    )


def no_keys(error: BotoCoreError | ClientError, what: str) -> OSError:
    """Turn an error of boto3's, which looks for keys, into one of the store's."""
    said = redacted(str(error))
    answer = error.response["ResponseMetadata"] if isinstance(error, ClientError) else {}
    is_in_trouble = answer.get("HTTPStatusCode", 0) >= 500
    if is_in_trouble or isinstance(error, (ConnectionError, HTTPClientError)):
        return UnreachableError(f"{what}: no keys now: {said}; see that the network is up")
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return RefusedError(f"{what}: there are no keys; {_keys('s3')}")
    return RefusedError(f"{what}: {said}; see the AWS_* variables and ~/.aws/config")


def _unanswered(said: str, what: str, scheme: str, status: int) -> OSError:
    """Turn what obstore says without an answer of the bucket's server into one of the store's."""
    if "token request" in said:  # to the machine's own server, where there are no keys
        kind = RefusedError if 400 <= status < 500 else UnreachableError
        return kind(f"{what}: there are no keys, and no role of the machine's; {_keys(scheme)}")
    if "Received redirect" in said:
        return RefusedError(f"{what}: the bucket is in another region; {_REGION}")
    if "object with invalid path" in said:  # of somebody else's, which ends every listing
        which = label(said.partition("\n")[0], most=MAX_MESSAGE)
        return RefusedError(f"{what}: {which}; remove that object, or give another prefix")
    if _NO_ANSWER.search(said):
        return no_store(what, scheme)
    if "HTTP error" not in said:
        return RefusedError(f"{what}: {redacted(said.partition(chr(10))[0])}; {_keys(scheme)}")
    return _unreached(said, what, scheme)


def _unreached(said: str, what: str, scheme: str) -> OSError:
    """Turn what obstore says of a connection into one of the store's."""
    found = _SERVER.search(said)
    server = found[0] if found else "the server"
    if "InvalidCertificate" in said:
        return RefusedError(
            f"{what}: {server} has a certificate of no known authority; {_AUTHORITY}"
        )
    if "kind: Timeout" in said:
        problem = f"timeout: {server} does not answer"
    elif "kind: Connect" in said:
        problem = f"Could not connect to {server}"
    else:
        problem = f"the connection to {server} broke off"
    return UnreachableError(f"{what}: {problem}; see that {_PLACES[scheme]}")


def _keys(scheme: str) -> str:
    return f"{KEYS[scheme]}, on every machine that runs trials"


def _first(pattern: re.Pattern[str], error: Exception) -> str:
    found = pattern.search(str(error))
    return found[1] if found else ""
