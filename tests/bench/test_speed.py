"""The speed benchmark: its arithmetic in closed form, its checks, and that every group runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.bench.speed import alpha
from tests.bench.speed.__main__ import GROUPS, main
from tests.bench.speed.attacks import count_images, is_attack
from tests.bench.speed.contest import (
    Contender,
    Contest,
    OwnSeconds,
    WrongWorkError,
    compete,
    timed,
)
from tests.bench.speed.evaluation import Unbreakable
from tests.bench.speed.setting import TINY, Setting
from tests.bench.speed.subjects import DATA, random_dataset, subject, trial_of
from tests.peers import environment
from trainer.attacks import PGD

DATA_FOLDER = os.environ.get("PARETO_DATA")


@dataclass
class Clock:
    """Time that passes only where a run says so, in seconds."""

    now: float = 0.0
    runs: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def taking(self, name: str, *seconds: float) -> Callable[[], object]:
        """A run that takes these seconds one call after another, the first its warm-up."""
        remaining = iter(seconds)

        def run() -> str:
            self.runs.append(name)
            self.now += next(remaining)
            return name

        return run


def held(contest: Contest, clock: Clock, rounds: int) -> Any:
    return compete(contest, rounds, clock=clock, round_done=lambda: None)


@pytest.mark.slow
def test_ratio_is_of_medians_and_its_spread_of_single_rounds() -> None:
    clock = Clock()
    contest = Contest(
        title="",
        bound=Contender(name="bound", run=clock.taking("bound", 99, 1, 2, 8)),
        contenders=(
            Contender(name="a", run=clock.taking("a", 99, 2, 3, 4), target=1.5),
            Contender(name="b", run=clock.taking("b", 99, 1, 4, 8), target=1.5),
            Contender(name="c", run=clock.taking("c", 99, 1, 1, 1)),
        ),
    )
    result = held(contest, clock, 3)
    a, b, c = result.rows
    assert (a.median, a.ratio, a.lowest, a.highest, a.met) == (3, 1.5, 0.5, 2, True)
    assert (b.median, b.ratio, b.lowest, b.highest, b.met) == (4, 2, 1, 2, False)
    assert (c.ratio, c.target, c.met) == (0.5, None, None)
    assert (result.bound.seconds, result.bound.ratio) == ([1, 2, 8], 1)


@pytest.mark.slow
def test_rounds_are_interleaved_and_begin_in_turn() -> None:
    clock, done = Clock(), []
    contest = Contest(
        title="",
        bound=Contender(name="bound", run=clock.taking("bound", 1, 1, 1)),
        contenders=tuple(Contender(name=n, run=clock.taking(n, 1, 1, 1)) for n in ("a", "b")),
    )
    compete(contest, 2, clock=clock, round_done=lambda: done.append(len(clock.runs)))
    assert clock.runs == ["bound", "a", "b", "bound", "a", "b", "a", "b", "bound"]
    assert done == [3, 6, 9]


def test_what_does_other_work_is_named_and_not_timed() -> None:
    def refuse(found: object, reference: object) -> None:
        raise WrongWorkError(f"{found} is not {reference}")

    clock = Clock()
    contest = Contest(
        title="",
        bound=Contender(name="bound", run=clock.taking("bound", 1, 1)),
        contenders=(
            Contender(name="wrong", run=clock.taking("wrong", 1), check=refuse),
            Contender(name="right", run=clock.taking("right", 1, 3)),
        ),
    )
    result = held(contest, clock, 1)
    assert result.refused == {"wrong": "wrong is not bound"}
    assert [(row.name, row.ratio) for row in result.rows] == [("right", 3)]


def test_seconds_that_a_run_measured_itself_count() -> None:
    def run() -> OwnSeconds:
        clock.now += 7
        return OwnSeconds(2)

    clock = Clock()
    assert timed(run, clock) == 2


@pytest.fixture
def tiny() -> Setting:
    return Setting(sizes=TINY, data=None, device=torch.device("cpu"))


@pytest.mark.slow
def test_only_attacks_pass_for_attacks(tiny: Setting) -> None:
    attacked = subject("cnn", tiny)
    seen = count_images(attacked.model)
    check = is_attack(attacked, seen, epsilon=0.1)
    attack = PGD(epsilon=0.1, num_steps=2)
    found = attack.search(attacked.model, attacked.images, attacked.labels, attacked.keys)
    check(found, 2 * len(found))
    with pytest.raises(WrongWorkError, match=f"given {2 * len(found)} images, got 0"):
        check(found, 2 * len(found))
    descended = 2 * attacked.images - found
    for wrong, rule in (
        (attacked.images, "loss must rise"),
        (descended.clamp(0, 1), "loss must rise"),
        (found + 1, r"within \[0, 1\]"),
        (found[1:], "images must be"),
        (1 - attacked.images, "beyond 0.1"),
    ):
        with pytest.raises(WrongWorkError, match=rule):
            check(wrong, 0)


def test_an_unbreakable_network_has_gradients_and_one_answer() -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 10))
    model = Unbreakable(network, 10)
    images = (100 * torch.randn(64, 1, 2, 2)).requires_grad_()
    assert (model(images).argmax(1) == 0).all()
    (gradient,) = torch.autograd.grad(model(images / 100).sum(), images)
    assert (gradient != 0).any(1).all()


def test_every_solver_meets_the_constraints() -> None:
    problem = alpha.random_problem(0)
    answers = {
        "ours": alpha.ours(problem),
        "CVXOPT": alpha.solve(alpha.scaled(problem)),
        "SLSQP": alpha.slsqp(problem),
    }
    for name, answer in answers.items():
        np.testing.assert_allclose(problem.A @ answer, problem.b, rtol=1e-6, err_msg=name)
        assert (answer > -1e-9).all(), name
    alpha.near(1e-6)(answers["ours"], answers["CVXOPT"])


def test_random_images_are_bytes_of_the_shape_of_the_real_ones() -> None:
    for name, shape in (("mnist", (1, 28, 28)), ("cifar10", (3, 32, 32))):
        dataset = random_dataset(name, torch.device("cpu"))
        assert dataset.image_shape == shape == dataset.train.image_shape
        assert dataset.train.stored.dtype == torch.uint8
        assert set(dataset.train.labels.tolist()) == set(range(10))


def test_trials_have_the_steps_that_are_asked_for() -> None:
    for name in DATA:
        trial = trial_of(name, {"method": "average"}, num_steps=3)
        assert {attack.num_steps for attack in trial.attacks.values()} == {3}
        pgd = trial.attacks["pgd"]
        assert isinstance(pgd, PGD)
        assert pgd.step_size == pgd.epsilon / 4


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_every_group_runs(group: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "speed.json"
    words = ["--tiny", "--rounds=1", "--threads=1", f"--only={group}", f"--json={path}"]
    assert main(words) == 0
    assert group in capsys.readouterr().out
    document = json.loads(path.read_text())
    assert set(document) == {"machine", "rounds", "data", "groups"}
    assert {"cpu", "cores", "threads", "load", "python", "torch", "commit"} <= set(
        document["machine"]
    )
    assert (document["rounds"], document["data"]) == (1, "random")
    (contests,) = document["groups"].values()
    assert contests
    for contest in contests:
        assert contest["rows"]
        assert not contest["refused"]
        for row in (contest["bound"], *contest["rows"]):
            assert len(row["seconds"]) == 1
            assert row["seconds"][0] > 0
            assert row["lowest"] == row["ratio"] == row["highest"]
            assert row["met"] == (None if row["target"] is None else row["ratio"] <= row["target"])


@pytest.mark.slow
@pytest.mark.skipif(DATA_FOLDER is None, reason="PARETO_DATA is not set")
def test_real_images_and_networks_that_pgd_made_robust(tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    groups = [f"--only={group}" for group in ("evaluation", "data")]
    words = ["--tiny", "--rounds=1", "--threads=1", f"--data={DATA_FOLDER}", f"--json={path}"]
    assert main([*words, *groups]) == 0
    document = json.loads(path.read_text())
    assert document["data"] == "real"
    titles = [contest["title"] for contest in document["groups"]["evaluation"]]
    assert any("robust on mnist, images fall" in title for title in titles)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[list[str]]]:
    """What an environment is made by, in place of making it."""
    given: list[list[str]] = []

    def run(command: list[object], *, check: bool) -> None:
        assert check
        given.append([str(word) for word in command])
        (tmp_path / ".peers" / "mine").mkdir(exist_ok=True)

    monkeypatch.setattr(environment, "HERE", tmp_path)
    monkeypatch.setattr(environment, "FOLDER", tmp_path / ".peers")
    monkeypatch.setattr(subprocess, "run", run)
    yield given


def test_an_environment_is_made_once(commands: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("one==1\n")
    (tmp_path / "mine_alone.txt").write_text("two==2\n")
    python = environment.made("mine")
    assert python == tmp_path / ".peers" / "mine" / "bin" / "python"
    made, whole, alone = commands
    assert made[:3] == [sys.executable, "-m", "venv"]
    assert whole[-1] == str(tmp_path / "mine.txt")
    assert alone[-2:] == [str(tmp_path / "mine_alone.txt"), "--no-deps"]
    environment.made("mine")
    assert len(commands) == 3
    (tmp_path / "mine_alone.txt").write_text("two==3\n")
    environment.made("mine")
    assert len(commands) == 6
