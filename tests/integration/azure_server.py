"""A server of Azure's blobs on this machine: npm's azurite, which `npx` installs and starts.

Where there is no `npx`, its tests are skipped.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import shutil
import urllib.request
from contextlib import AbstractContextManager
from email.utils import formatdate

import pytest

from tests.integration.server import Server, serving

PACKAGE = "azurite@3.35.0"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and the key of every emulator of Azure's, as its documentation has them."""

VERSION = "2021-12-02"


class AzureServer(Server):
    """One server and what leads to it."""

    START_SECONDS = 300.0  # which `npx` may take to install it

    def __init__(self) -> None:
        """Start it on a free port."""
        self._containers = itertools.count()
        super().__init__()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{self._port}/{ACCOUNT}",
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
        }

    def new_container(self) -> str:
        """The `az://` URL of a container with nothing in it."""
        name = f"container-{next(self._containers)}"
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION}
        signed = "\n".join(f"{header}:{value}" for header, value in headers.items())
        text = f"PUT{12 * chr(10)}{signed}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        code = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(code).decode()}"
        address = f"{self.environment['AZURE_STORAGE_ENDPOINT']}/{name}?restype=container"
        request = urllib.request.Request(address, method="PUT", headers=headers)
        urllib.request.urlopen(request).close()
        return f"az://{name}"

    def _command(self) -> list[str]:
        return [
            *("npx", "--yes", f"--package={PACKAGE}", "azurite-blob", "--silent"),
            *("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"),
            *("--blobHost", "127.0.0.1", "--blobPort", str(self._port)),
        ]


def azure_server() -> AbstractContextManager[AzureServer]:
    """A server for the time of the block, found by the environment alone; where there is no npx,
    the tests are skipped."""
    if shutil.which("npx") is None:
        pytest.skip("no npx on this machine, by which azurite is started")
    return serving(AzureServer())
