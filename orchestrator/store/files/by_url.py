"""From the text by which a user names a storage to the files there."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.store.files.contract import Files
from orchestrator.store.files.local import LocalFiles
from trainer.input.problems import shown

BUCKETS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""Schemes of buckets, and the variables by which a server and its keys are named."""

_RULE = "storage must be the path of a folder or s3://BUCKET/PREFIX (or gs://, az://)"


def open_files(url: str) -> Files:
    """Open the files of a folder, by its path, or of a bucket, by `s3://BUCKET/PREFIX`.

    `gs://BUCKET/PREFIX` is one of Google's, `az://CONTAINER/PREFIX` one of Azure's. Nothing is
    asked of the place yet, and nothing made.

    Raises:
        ValueError: another kind of URL, or one of a bucket that is malformed or holds credentials.
    """
    scheme = re.match(rf"([a-zA-Z][a-zA-Z0-9+.-]*)://|({'|'.join(BUCKETS)}|file):(?!//)", url)
    if scheme is None:
        return LocalFiles(Path(url).expanduser().absolute())
    if scheme[2]:
        raise ValueError(
            f"{_RULE}, got {shown(url)}; a folder of that name is written ./{scheme[2]}:..."
        )
    if scheme[1] not in BUCKETS:
        raise ValueError(
            f"{_RULE}, got a {scheme[1]}:// URL; a share is given by the path where it is mounted"
        )
    bucket, prefix = _bucket_and_prefix(url, scheme[1])
    from orchestrator.store.files.bucket import BucketFiles  # noqa: PLC0415 (local users wait less)

    return BucketFiles(scheme=scheme[1], bucket=bucket, prefix=prefix)


def _bucket_and_prefix(url: str, scheme: str) -> tuple[str, str]:
    """Split a URL into bucket and prefix (empty, or with a `/` at its end); show no secrets."""
    bucket, _, prefix = url.removeprefix(f"{scheme}://").partition("/")
    if "@" in url or ":" in bucket or "?" in url:
        raise ValueError(
            f"storage must be {scheme}://BUCKET/PREFIX with no keys, port or options in it; set "
            f"{BUCKETS[scheme]}"
        )
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", bucket):
        raise ValueError(
            f"storage must name a bucket of 3 to 63 lower-case letters, digits, dots, hyphens and "
            f"underscores, as in {scheme}://BUCKET/PREFIX, got {url!r}"
        )
    prefix = prefix.rstrip("/")
    parts = prefix.split("/") if prefix else []
    if any(part in {"", ".", ".."} or not part.isprintable() for part in parts):
        raise ValueError(
            f"the parts of the prefix of {scheme}://BUCKET/PREFIX must be names, not empty, . or "
            f".., got {url!r}"
        )
    return bucket, f"{prefix}/" if prefix else ""
