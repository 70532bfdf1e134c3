"""One start of a sweep at a time: who is refused, and who may succeed a holder that is gone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.holding import HeldError, held
from orchestrator.store import LocalFiles
from orchestrator.store.sealed import read_record, write_record
from orchestrator.sweep import app

RECORD = "sweeps/front/held.json"
fork = multiprocessing.get_context("fork")


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any sweep."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def holder(**changes: Any) -> dict[str, Any]:
    own = {"host": socket.gethostname(), "process": os.getpid(), "started": "1"}
    return own | {"since": "2026-01-01T00:00:00+00:00"} | changes


def hold_and_wait(root: Path, is_held: Any) -> None:
    with held(LocalFiles(root), "front"):
        is_held.set()
        time.sleep(60)


def start_holder(root: Path) -> BaseProcess:
    is_held = fork.Event()
    process = fork.Process(target=hold_and_wait, args=(root, is_held))
    process.start()
    assert is_held.wait(10)
    return process


def test_sweep_is_held_and_let_go(files: LocalFiles) -> None:
    with held(files, "front"):
        record = read_record(files, RECORD)
        assert record is not None
        assert (record["host"], record["process"]) == (socket.gethostname(), os.getpid())
        age = datetime.now().astimezone() - datetime.fromisoformat(record["since"])
        assert timedelta(0) <= age < timedelta(minutes=1)
        with held(files, "another"):
            pass
    assert files.names("sweeps/front") == []


def test_sweep_is_let_go_when_it_breaks_off(files: LocalFiles) -> None:
    with pytest.raises(KeyboardInterrupt), held(files, "front"):
        raise KeyboardInterrupt
    assert files.read(RECORD) is None


def test_holder_on_another_machine_is_believed(files: LocalFiles) -> None:
    write_record(files, RECORD, holder(host="elsewhere", process=1234))
    message = (
        "sweep 'front' is run by process 1234 on elsewhere since 2026-01-01T00:00:00+00:00; "
        "if that host is gone, delete sweeps/front/held.json in the storage"
    )
    with pytest.raises(HeldError, match=f"^{re.escape(message)}$"), held(files, "front"):
        pass
    assert read_record(files, RECORD) == holder(host="elsewhere", process=1234)


def test_live_holder_is_refused_and_a_killed_one_succeeded(
    files: LocalFiles, tmp_path: Path
) -> None:
    process = start_holder(tmp_path)
    who = f"process {process.pid} on {re.escape(socket.gethostname())} since 20"
    with pytest.raises(HeldError, match=who), held(files, "front"):
        pass
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    while "Z" not in Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2]:
        time.sleep(0.01)
    with held(files, "front"):  # though nobody has reaped it: its number is still there
        record = read_record(files, RECORD)
        assert record is not None
        assert record["process"] == os.getpid()
    process.join()
    assert files.names("sweeps/front") == []


def test_number_that_another_process_has_now_is_not_the_holder(
    files: LocalFiles, sleeper: subprocess.Popen[bytes]
) -> None:
    write_record(files, RECORD, holder(process=sleeper.pid, started="1"))
    with held(files, "front"):
        assert files.names("sweeps/front") == ["held.json"]


def test_damaged_record_holds_nothing(files: LocalFiles) -> None:
    write_record(files, RECORD, holder(host="elsewhere"))
    files.write(RECORD, (files.read(RECORD) or b"").replace(b"elsewhere", b"somewhere"))
    with held(files, "front"):
        assert files.names("sweeps/front") == ["held.json", "held.json.damaged"]


def test_command_that_comes_second_exits_with_4_and_writes_nothing(
    files: LocalFiles, tmp_path: Path
) -> None:
    write_record(files, "sweeps/front/held.json", holder(host="elsewhere", process=1234))
    (tmp_path / "front.yaml").write_text("data: digits\nmethods: {flow: {}}\n")
    command = [f"{tmp_path}/front.yaml", "--storage", str(tmp_path), "--tracking-uri", "none"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 4
    assert result.stderr.startswith("error: sweep 'front' is run by process 1234 on elsewhere")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        *("front", "front.yaml", "held.json", "sweeps"),
    ]


def contend(root: Path, barrier: Any, results: Any) -> None:
    """Say whether the sweep was held, and by nobody else at the time."""
    barrier.wait()
    inside = root / "inside"
    with contextlib.suppress(HeldError), held(LocalFiles(root), "front"):
        try:
            inside.touch(exist_ok=False)
        except FileExistsError:
            results.put("not alone")
            return
        time.sleep(0.01)
        inside.unlink()
        results.put("alone")
        return
    results.put("refused")


def test_one_of_many_holds_at_a_time(files: LocalFiles, tmp_path: Path) -> None:
    for _ in range(5):
        barrier, results = fork.Barrier(4), fork.SimpleQueue()
        processes = [
            fork.Process(target=contend, args=(tmp_path, barrier, results)) for _ in range(4)
        ]
        for process in processes:
            process.start()
        told = [results.get() for _ in processes]
        for process in processes:
            process.join()
        assert "alone" in told
        assert "not alone" not in told
        assert files.names("sweeps/front") == []
