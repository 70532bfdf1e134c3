"""The real command as a process, and the processes that it starts in turn."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

USER_CODE = Path(__file__).parent / "user_code"
"""Methods and attacks as a user would write them, on PYTHONPATH of every command here."""

SECONDS = 600.0
"""For which anything is waited for that is to come about: no bound of anybody's, but an end for a
test that hangs, on a machine as slow and busy as may be."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.stdout}\n{self.stderr}"


class Running:
    """A command under way, the leader of a process group of its own as under a shell."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start it; its output goes to files in `folder`, which it cannot fill."""
        self._output = [folder / f"{time.monotonic_ns()}.{name}" for name in ("stdout", "stderr")]
        with self._output[0].open("w") as stdout, self._output[1].open("w") as stderr:
            self._process = subprocess.Popen(
                arguments, stdout=stdout, stderr=stderr, env=environment, start_new_session=True
            )
        self.id = self._process.pid

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        """A signal to the command alone, as a service manager sends it."""
        self._process.send_signal(number)

    def send_to_group(self, number: signal.Signals) -> None:
        """A signal to the command and its children, as a terminal sends SIGINT on Ctrl-C."""
        os.killpg(self.id, number)

    def kill_whole(self) -> set[int]:
        """Kill the command and all that it has started, at once, as a power cut does; returns
        which processes these were."""
        processes = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        parents = {process: _parent(process) for process in processes}
        family = {self.id}
        while more := {child for child, parent in parents.items() if parent in family} - family:
            family |= more
        for process in family:
            os.kill(process, signal.SIGSTOP)  # that none sees another end
        for process in family:
            os.kill(process, signal.SIGKILL)
        return family

    def output(self) -> str:
        """What it has printed so far."""
        return "".join(path.read_text() for path in self._output)

    def finished(self, seconds: float = SECONDS) -> Finished:
        """Wait for its end.

        Raises:
            AssertionError: it has not ended after so many seconds.
        """
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"not over after {seconds} s:\n{self.output()}") from None
        stdout, stderr = (path.read_text() for path in self._output)
        return Finished(code=code, stdout=stdout, stderr=stderr)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where commands run: a temporary folder for Ray, by which all their processes are known."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Of every command: nothing of Ray or MLflow that the tests were started with."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MLFLOW_"))}
        return kept | {
            "RAY_TMPDIR": str(self.folder),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # not 15: other tests' commands, at once, are no better
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONPATH": str(USER_CODE),
        }

    def start(self, *arguments: str | Path | int, **environment: str) -> Running:
        """Start `python -m` with the arguments."""
        command = [sys.executable, "-m", *map(str, arguments)]
        return Running(command, self.environment | environment, self.folder)

    def sweep(self, *arguments: str | Path, **environment: str) -> Running:
        """Start a sweep; it leaves no page unless it is asked to, which takes seconds."""
        page = () if "--report" in arguments or "--dry-run" in arguments else ("--report", "none")
        return self.start("orchestrator.sweep", *arguments, *page, **environment)

    def swept(self, *arguments: str | Path, **environment: str) -> Finished:
        """Run a sweep to its end."""
        return self.sweep(*arguments, **environment).finished()

    def sessions(self) -> list[Path]:
        """Every Ray that was started here, by a sweep or by itself."""
        own = self.folder.glob("ray-*/ray/session_2*")
        return sorted([*own, *self.folder.glob("ray/session_2*")])

    def processes(self) -> dict[int, str]:
        """Title by id of the living processes started here, their children's children included.

        A process belongs here if its command line, environment or an open file names the folder:
        Ray's workers overwrite the first two, but write to logs in it.
        """
        here = os.fsencode(self.folder)
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # gone since, or not ours to look at
                traces = [(process / name).read_bytes() for name in ("cmdline", "environ")]
                files = [os.fsencode(file.readlink()) for file in (process / "fd").iterdir()]
                if any(here in trace for trace in traces + files):
                    found[int(process.name)] = traces[0].replace(b"\0", b" ").decode().strip()
        found.pop(os.getpid(), None)  # reads the output of commands here
        return found


def _parent(process: int) -> int | None:
    """Of a process; None where that is gone."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def assert_nothing_left(place: Place, *, seconds: float = SECONDS) -> None:
    """What was started in the place ends by itself: Ray's workers some moments after Ray.

    Raises:
        AssertionError: what still runs after so many seconds.
    """
    deadline = time.monotonic() + seconds
    while (left := place.processes()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == {}


@contextmanager
def new_place() -> Iterator[Place]:
    """A place for the time of the block; what still runs there afterwards is ended.

    The folder's path is short: Ray's sockets lie in it, and a socket's path ends at 107 bytes.
    """
    with tempfile.TemporaryDirectory(prefix="it", ignore_cleanup_errors=True) as name:
        place = Place(folder=Path(name))
        try:
            yield place
        finally:
            for process in place.processes():
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until(
    condition: Callable[[], object], *, of: Running | None, seconds: float = SECONDS
) -> None:
    """Wait for the condition, which a running command is to bring about.

    Raises:
        AssertionError: the command ended, or so many seconds passed, without it.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        said = "" if of is None else f":\n{of.output()}"
        assert of is None or not of.is_over, f"over before it came to be{said}"
        assert time.monotonic() < deadline, f"not so after {seconds} s{said}"
        time.sleep(0.05)
