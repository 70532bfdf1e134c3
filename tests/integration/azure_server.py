"""A server of Azure's blobs on this machine: npm's azurite, which `npx` installs and starts.

Where there is no `npx`, its tests are skipped.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate

import pytest

from tests.integration.running import free_port
from tests.integration.s3_server import listens

PACKAGE = "azurite@3.35.0"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and the key of every emulator of Azure's, as its documentation has them."""

START_SECONDS = 300.0  # which `npx` may take to install it
VERSION = "2021-12-02"


class AzureServer:
    """One server and what leads to it; its content is in memory."""

    def __init__(self) -> None:
        """Start it on a free port."""
        self._port = free_port()
        self._containers = itertools.count()
        self._process = self._started()

    @property
    def environment(self) -> dict[str, str]:
        """Of every process that is to find the server."""
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

    def kill(self) -> None:
        """It refuses connections from now on, and forgets everything."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        """The process, once it listens.

        Raises:
            AssertionError: it ended, or does not listen in time.
        """
        process = subprocess.Popen(
            [
                *("npx", "--yes", f"--package={PACKAGE}", "azurite-blob", "--silent"),
                *("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"),
                *("--blobHost", "127.0.0.1", "--blobPort", str(self._port)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not listens(self._port):
            assert process.poll() is None, f"{PACKAGE} ended with {process.returncode}"
            if time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(f"{PACKAGE} does not listen in {START_SECONDS:.0f} s")
            time.sleep(0.05)
        return process


@contextmanager
def azure_server() -> Iterator[AzureServer]:
    """A server for the time of the block; where there is no npx, the tests are skipped."""
    if shutil.which("npx") is None:
        pytest.skip("no npx on this machine, by which azurite is started")
    server = AzureServer()
    try:
        yield server
    finally:
        server.kill()
