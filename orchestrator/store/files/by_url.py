"""From the text by which a user names a storage to the files there."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.store.files.contract import Files
from orchestrator.store.files.local import LocalFiles
from trainer.input.problems import shown


def open_files(url: str) -> Files:
    """Open the files of a folder, by its path, or of a bucket, by `s3://BUCKET/PREFIX`.

    Nothing is asked of the place yet, and nothing made.

    Raises:
        ValueError: another kind of URL, or one of S3 that is malformed or holds credentials.
    """
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*)://|(s3|file):(?!//)", url)
    if scheme is not None and scheme[2]:
        raise ValueError(
            f"storage must be the path of a folder or s3://BUCKET/PREFIX, got {shown(url)}; a "
            f"folder of that name is written ./{scheme[2]}:..."
        )
    if scheme is None:
        return LocalFiles(Path(url).expanduser().absolute())
    if scheme[1] == "s3":
        from orchestrator.store.files.s3 import S3Files  # noqa: PLC0415 (a local user needs no boto3)

        return S3Files(url)
    raise ValueError(
        f"storage must be the path of a folder or s3://BUCKET/PREFIX, got a {scheme[1]}:// URL; "
        f"a share is given by the path where it is mounted"
    )
