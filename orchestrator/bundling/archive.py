"""One archive of files by name: equal files make equal bytes, whoever packs them and when."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

CHECKSUMS = "SHA256SUMS"
"""Name of the file in an archive by which `sha256sum -c` checks the others."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE_OF_ALL = 0o100644 << 16
_UNIX = 3


def packed(files: Mapping[str, bytes], *, folder: str) -> bytes:
    """Return a ZIP archive of files, sorted by name, with their checksums, in one folder."""
    lines = [
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())
    ]
    every = {**files, CHECKSUMS: "".join(lines).encode()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(every):
            member = zipfile.ZipInfo(f"{folder}/{name}", date_time=_EPOCH)
            member.create_system = _UNIX
            member.external_attr = _FILE_OF_ALL
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, every[name])
    return buffer.getvalue()
