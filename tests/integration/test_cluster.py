"""A Ray cluster that was there before the sweep and stays there: two machines' worth of it, which
let nobody in without their token."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.execution.address import NoClusterError, check_address
from tests.integration.gate import Gate
from tests.integration.running import Finished, Place, Running, free_port, wait_until
from tests.integration.stored import attempts, table, trial_folders, worker
from tests.integration.undisturbed import (
    LONG_TRIALS,
    NAME,
    STEPS,
    Undisturbed,
    assert_results,
    assert_tracked_once,
)
from trainer.device.allocator import ENVIRONMENT

pytestmark = pytest.mark.integration

SPEC = """\
data: {name: digits, train_examples: 128}
training: {epochs: 1}
validation: {examples: 32}
methods: {pgd: {}}
seeds: [0, 1]
evaluation:
  examples: 48
  pgd: {epsilon: 0.2, ladder: [1, 2]}
  flow: null
  rt: null
"""
NODE = (
    "--block",
    "--num-cpus=1",
    "--object-store-memory=100000000",
    "--disable-usage-stats",
    "--dashboard-agent-listen-port=0",
)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running cluster, and a sweep file for it."""

    place: Place
    spec: Path
    port: int
    token: dict[str, str]
    gate: Gate
    nodes: tuple[Running, Running]

    def swept(
        self, storage: Path, *arguments: str, port: int | None = None, **environment: str
    ) -> Finished:
        """The sweep run by a driver that knows the token, unless told otherwise."""
        address = f"127.0.0.1:{port or self.port}"
        return self.place.swept(
            self.spec,
            "--storage",
            storage,
            "--address",
            address,
            *arguments,
            **(self.token | environment),
        )


@pytest.fixture(scope="module")
def cluster(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    spec = folder / "small.yaml"
    spec.write_text(SPEC)
    secret = folder / "token"
    secret.write_text("5" * 64)
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(secret)}
    port = free_port()
    gate = Gate(file=folder / "gate", steps=STEPS * 3 // 2)  # of long trials, which one test has

    def node(*role: str) -> Running:
        environment = token | gate.environment
        return place.start("ray.scripts.scripts", "start", *role, *NODE, **environment)

    head = node("--head", f"--port={port}", "--include-dashboard=false")
    wait_until(lambda: _is_up(port), of=head)
    worker = node(f"--address=127.0.0.1:{port}")
    wait_until(lambda: "Ray runtime started" in worker.output(), of=worker)
    yield Cluster(place=place, spec=spec, port=port, token=token, gate=gate, nodes=(head, worker))


def _is_up(port: int) -> bool:
    try:
        check_address(f"127.0.0.1:{port}")
    except NoClusterError:
        return False
    return True


def test_sweep_runs_on_the_cluster_and_leaves_it_running(cluster: Cluster, tmp_path: Path) -> None:
    sessions = cluster.place.sessions()
    finished = cluster.swept(tmp_path)
    assert finished.code == 0, finished
    assert cluster.place.sessions() == sessions
    assert set(table(tmp_path, "small")["status"]) == {"done"}
    workers = {worker(attempts(trial)[-1]) for trial in trial_folders(tmp_path).values()}
    assert len(workers) >= 2
    assert not any(node.is_over for node in cluster.nodes)
    wait_until(lambda: not workers & cluster.place.processes().keys(), of=None)


def test_workers_keep_the_memory_of_tensors(cluster: Cluster, own_place: Place) -> None:
    asked_otherwise = {"MALLOC_TOP_PAD_": "1000000"}
    as_job = {  # what Ray gives the command of a job that was submitted
        "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps({"runtime_env": {"env_vars": asked_otherwise}}),
        **asked_otherwise,
    }
    address = f"127.0.0.1:{cluster.port}"
    there = cluster.place.start("worker_memory", address, **cluster.token)
    as_told = cluster.place.start("worker_memory", address, **cluster.token, **as_job)
    here = own_place.start("worker_memory", **asked_otherwise)
    for started, environment in (
        (there, ENVIRONMENT),
        (as_told, ENVIRONMENT | asked_otherwise),
        (here, ENVIRONMENT | asked_otherwise),
    ):
        finished = started.finished()
        assert finished.code == 0, finished
        told = json.loads(finished.stdout)
        assert told["environment"] == environment
        assert told["faults"] < 1000  # mapped afresh they are some 1,000 a tensor or more


def test_more_than_any_one_machine_has_is_bad_input(cluster: Cluster, tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    finished = cluster.swept(storage, "--set", "resources.cpu=2")
    assert finished.code == 2, finished
    assert "got cpu 2 and gpu 0; it has 2 x 1 CPU 0 GPU" in finished.stderr
    assert not list(storage.rglob("*.*"))


def test_driver_without_the_token_is_told_of_tokens(cluster: Cluster, tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    finished = cluster.swept(storage, RAY_AUTH_MODE="disabled")
    assert finished.code == 2, finished
    assert "set RAY_AUTH_MODE=token" in finished.stderr.splitlines()[-1]
    assert not list(storage.rglob("*.*"))


def test_address_where_nothing_or_something_else_answers_is_bad_input_in_seconds(
    cluster: Cluster, tmp_path: Path
) -> None:
    storage = tmp_path / "runs"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (free_port(), silent.getsockname()[1]):
            started = time.monotonic()
            finished = cluster.swept(storage, port=port)
            assert time.monotonic() - started < 90  # Ray alone would try for longer
            assert finished.code == 2, finished
            assert f"got '127.0.0.1:{port}'" in finished.stderr
            assert "Traceback" not in finished.stderr
    assert not storage.exists()


def test_machine_that_is_lost_costs_the_sweep_an_epoch(
    cluster: Cluster, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """The last test here: the cluster has one machine less afterwards."""
    address = ("--address", f"127.0.0.1:{cluster.port}")
    running = cluster.place.sweep(
        undisturbed.spec, "--storage", tmp_path, *address, **cluster.token
    )
    trials = [tmp_path / "trials" / trial_id for trial_id in undisturbed.long_trials]
    wait_until(lambda: len(cluster.gate.workers()) == LONG_TRIALS, of=running)
    first = {worker(attempts(trial)[0]) for trial in trials}
    lost = cluster.nodes[1].kill_whole()
    assert len(lost & first) == 1
    cluster.gate.open()
    finished = running.finished()
    assert finished.code == 0, finished
    assert sorted(len(attempts(trial)) for trial in trials) == [1, 2]
    assert_results(undisturbed, tmp_path, faults=1)
    assert_tracked_once(tmp_path, NAME)
    assert not cluster.nodes[0].is_over
