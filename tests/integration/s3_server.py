"""A server of S3 on this machine: moto's, which answers conditional writes as S3 does.

It is no part of the project's environment. `PARETO_S3_SERVER` names a `moto_server` to use; where
it does not, the version of `tests/peers/moto.txt` is installed once, into `.peers/moto`.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
from filelock import FileLock

from tests.integration.server import Server, serving

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "tests" / "peers" / "moto.txt"
PEERS = ROOT / ".peers"

SERVER = """
import sys
from moto.server import main
sys.setswitchinterval(60)  # moto looks and then writes: no thread may come between the two
main(sys.argv[1:])
"""


class S3Server(Server):
    """One server and what leads to it."""

    START_SECONDS = 60.0

    def __init__(self, program: list[str]) -> None:
        """Start it on a free port."""
        self._program = program
        self._buckets = itertools.count()
        super().__init__()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def new_bucket(self) -> str:
        """The `s3://` URL of a bucket with nothing in it."""
        name = f"bucket-{next(self._buckets)}"
        self.make_bucket(name)
        return f"s3://{name}"

    def make_bucket(self, name: str) -> None:
        """That bucket, after a restart again."""
        self.client().create_bucket(Bucket=name)

    def client(self) -> Any:
        """boto3's own client of it."""
        environment = self.environment
        return boto3.session.Session().client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_DEFAULT_REGION"],
        )

    def _command(self) -> list[str]:
        return [*self._program, "-H", "127.0.0.1", "-p", str(self._port)]


def s3_server() -> AbstractContextManager[S3Server]:
    """A server for the time of the block, found by the environment alone."""
    return serving(S3Server(_program()))


def _program() -> list[str]:
    """What starts the server that is to be used, installed if need be."""
    if given := os.environ.get("PARETO_S3_SERVER"):
        return [given]
    PEERS.mkdir(exist_ok=True)
    folder = PEERS / "moto"
    installed = folder / "installed.txt"  # a copy of the requirements, made last
    with FileLock(PEERS / "moto.lock"):
        if not installed.exists() or installed.read_bytes() != REQUIREMENTS.read_bytes():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            python = str(folder / "bin" / "python")
            pip = [python, "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)]
            subprocess.run(pip, check=True)
            shutil.copyfile(REQUIREMENTS, installed)
    return [str(folder / "bin" / "python"), "-c", SERVER]
