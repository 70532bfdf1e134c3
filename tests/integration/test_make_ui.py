"""`make ui`: MLflow's pages on what was run, on this machine alone."""

from __future__ import annotations

import json
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from orchestrator.tracking import tracking_uri
from tests.integration.running import Place, Running, free_port, wait_until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
LISTENING = "0A"


def experiments(url: str) -> list[str] | None:
    """Names of those that the server knows; None while it does not answer."""
    question = json.dumps({"max_results": 10}).encode()
    request = urllib.request.Request(
        f"{url}/ajax-api/2.0/mlflow/experiments/search",
        data=question,
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return [each["name"] for each in json.load(answer)["experiments"]]
    except (urllib.error.URLError, OSError):
        return None


def addresses(port: int) -> set[str]:
    """At which somebody listens on a port, as /proc writes them."""
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    found = (fields[1].split(":") for fields in lines if fields[3] == LISTENING)
    return {address for address, at in found if int(at, 16) == port}


def test_make_ui_shows_what_was_run_here_alone(own_place: Place, tmp_path: Path) -> None:
    from mlflow import MlflowClient  # noqa: PLC0415 (seconds, which other files need not wait for)

    storage = tmp_path / "50%20 a?b"
    storage.mkdir()
    MlflowClient(tracking_uri("sqlite", str(storage))).create_experiment("a sweep of mine")
    port = free_port()
    settings = [f"BIN={Path(sys.executable).parent}", f"STORAGE={storage}", f"PORT={port}"]
    command = ["make", "-C", str(ROOT), "-o", ".venv/installed", "ui", *settings]
    server = Running(command, own_place.environment, own_place.folder)
    found: list[str] = []  # of one answer: on a busy machine the next may come too late

    def answers() -> bool:
        found.extend(experiments(f"http://127.0.0.1:{port}") or [])
        return bool(found)

    wait_until(answers, of=server)
    assert "a sweep of mine" in found
    assert addresses(port) == {"0100007F"}  # 127.0.0.1, its bytes as the kernel keeps them
    server.send_to_group(signal.SIGINT)
    server.finished()
