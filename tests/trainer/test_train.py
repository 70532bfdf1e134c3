"""`python -m trainer.train`: what it leaves, how it stops and goes on, what it refuses."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from tests.trainer.runs import TIMES, assert_same_bits
from trainer.train import app
from trainer.weights.checkpoint import Checkpoint, Weights

ROOT = Path(__file__).parents[2]
SMALL = {
    "data.train_examples": 160,
    "training.epochs": 3,
    "training.batch_size": 32,
    "training.attacks.pgd.num_steps": 2,
    "validation.examples": 16,
    "validation.attacks": "{flow: null, rt: null, pgd: {num_steps: 1}}",
}


def arguments(out: Path, *more: str, **settings: object) -> list[str]:
    """Of a small trial on the digits; a setting's name has `__` for its dots."""
    changed = SMALL | {key.replace("__", "."): value for key, value in settings.items()}
    assignments = [word for key, value in changed.items() for word in ("--set", f"{key}={value}")]
    return ["--data", "digits", "--out", str(out), *assignments, *more]


def train(out: Path, *more: str, **settings: object) -> Result:
    return CliRunner().invoke(app, arguments(out, *more, **settings))


def error_of(result: Result, code: int) -> str:
    """The one line on the error output."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)  # no traceback
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_models_go_to_a_folder_alone(tmp_path: Path) -> None:
    place = tmp_path / "a file"
    place.write_text("mine")
    message = error_of(train(place), 2)
    assert message.startswith(f"error: --out must be a folder that can be written, got {place} (")
    assert place.read_text() == "mine"


def epochs(out: Path) -> list[dict[str, str]]:
    """Rows without what differs from run to run."""
    with (out / "epochs.csv").open(newline="") as file:
        return [
            {name: fact for name, fact in row.items() if name not in TIMES}
            for row in csv.DictReader(file)
        ]


def checkpoint(out: Path) -> Checkpoint:
    return Checkpoint.from_bytes((out / "checkpoint.pt").read_bytes())


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = (Weights.from_bytes((out / "weights.pt").read_bytes()) for out in (one, other))
    assert first.trial == second.trial
    assert_same_bits(first.model, second.model)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of PGD training that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    result = train(out, "--method", "pgd")
    assert result.exit_code == 0, result.output
    return out


def test_a_run_leaves_its_model_its_checkpoint_and_its_epochs(whole: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == [
        "checkpoint.pt",
        "checkpoint.pt.sha256",
        "epochs.csv",
        "weights.pt",
        "weights.pt.sha256",
    ]
    assert [row["epoch"] for row in epochs(whole)] == ["1", "2", "3"]
    weights = Weights.from_bytes((whole / "weights.pt").read_bytes())
    assert checkpoint(whole).position == (3, 0)
    assert_same_bits(weights.model, checkpoint(whole).model)


def test_going_on_keeps_the_rows_of_before(tmp_path: Path, whole: Path) -> None:
    train(tmp_path, "--method", "pgd", training__epochs=2)
    before = (tmp_path / "epochs.csv").read_bytes()
    result = train(tmp_path, "--method", "pgd", "--from", str(tmp_path / "checkpoint.pt"))
    assert result.exit_code == 0
    assert result.stdout.startswith("epoch 3/3")
    line = result.stdout.splitlines()[0]
    assert "natural_accuracy 0." in line
    assert "passes/" not in line, "those of validation would be taken for training's"
    assert (tmp_path / "epochs.csv").read_bytes().startswith(before)
    assert epochs(tmp_path) == epochs(whole)
    assert_same_weights(tmp_path, whole)


def test_batches_may_be_computed_in_parts(tmp_path: Path, whole: Path) -> None:
    result = train(tmp_path, "--method", "pgd", "--micro-batches", "3")
    assert result.exit_code == 0
    for row, whole_row in zip(epochs(tmp_path), epochs(whole), strict=True):
        assert float(row["loss/pgd"]) == pytest.approx(float(whole_row["loss/pgd"]), rel=1e-3)


# Signals, really sent

SENDER = """
import os, signal
from torch import Tensor, nn
from trainer.attacks import PGD

CALLS = -1  # an attack of one's own is tried once before the first step


class Sender(PGD):
    number: int
    at: int

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        global CALLS
        CALLS += 1
        if CALLS == self.at:
            os.kill(os.getpid(), self.number)
        return super().search(model, images, labels, keys)
"""


@pytest.mark.slow
def test_the_best_weights_are_kept_where_they_are_asked_for(tmp_path: Path, whole: Path) -> None:
    """As a sweep's `weights: best` does; training is the same, and goes on with the best so far."""
    result = train(tmp_path, "--method", "pgd", weights="best")
    assert result.exit_code == 0, result.output
    assert_same_weights(tmp_path, whole)
    best = Weights.from_bytes((tmp_path / "best.pt").read_bytes())
    rows = epochs(tmp_path)
    score = {int(row["epoch"]): float(row["validation/robust_accuracy_pgd"]) for row in rows}
    assert best.best is not None
    assert best.best.score == max(score.values())
    assert f"best.pt is of epoch {best.best.epoch}, weights.pt of the last one" in result.stdout
    words = ("--method", "pgd", "--from")
    again = train(tmp_path / "again", *words, str(tmp_path / "checkpoint.pt"), weights="best")
    assert again.exit_code == 0, again.output
    theirs = Weights.from_bytes((tmp_path / "again" / "best.pt").read_bytes())
    assert theirs.best == best.best
    assert_same_bits(theirs.model, best.model)
    refused = train(tmp_path / "other", *words, str(whole / "checkpoint.pt"), weights="best")
    assert "best: must be there" in error_of(refused, 2), "nobody watched for the best so far"


def test_keys_that_nobody_reads_are_refused(tmp_path: Path) -> None:
    """None is ignored: what it says would be missing in silence."""
    assert "weight: is not a known key; did you mean 'weights'?" in error_of(
        train(tmp_path, weight="best"), 2
    )
    assert "weights: must be" in error_of(train(tmp_path, weights="all"), 2)
    none = "{pgd: null, flow: null, rt: null}"
    message = error_of(train(tmp_path, weights="best", validation__attacks=none), 2)
    assert "validation.attacks: must have some where weights: best" in message
    assert not list(tmp_path.iterdir())


@pytest.fixture
def sending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[signal.Signals, int], str]]:
    """An attack for training that sends its own process a signal in the given step."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "sender.py").write_text(SENDER)
    monkeypatch.syspath_prepend(folder)

    def attack(number: signal.Signals, at: int) -> str:
        return (
            f"{{pgd: {{attack: 'sender:Sender', number: {number:d}, at: {at}, epsilon: 0.2, "
            f"num_steps: 2}}}}"
        )

    yield attack
    sys.modules.pop("sender", None)


@pytest.mark.parametrize("stop", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize(
    "place",
    [
        (8, (1, 3), "1 epochs and 3 steps"),
        (10, (2, 0), "2 epochs and 0 steps"),  # the epoch's last step
        (15, (3, 0), "3 epochs and 0 steps"),  # the last of all
    ],
)
def test_a_signal_stops_the_run_where_it_can_go_on(
    tmp_path: Path,
    whole: Path,
    sending: Callable[[signal.Signals, int], str],
    stop: tuple[signal.Signals, int],
    place: tuple[int, tuple[int, int], str],
) -> None:
    number, code = stop
    at, position, said = place
    out = tmp_path / "out"
    result = train(out, "--method", "pgd", training__attacks=sending(number, at))
    path = out / "checkpoint.pt"
    assert error_of(result, code) == (
        f"stopped by {number.name} after {said}; go on with the same command and --from {path}\n"
    )
    assert checkpoint(out).position == position
    assert not (out / "weights.pt").exists()

    result = train(out, "--method", "pgd", "--from", str(path))
    assert result.exit_code == 0
    assert epochs(out) == epochs(whole)
    assert_same_bits(checkpoint(out).model, checkpoint(whole).model)


def test_sigusr1_asks_for_a_checkpoint_and_nothing_else(
    tmp_path: Path, whole: Path, sending: Callable[[signal.Signals, int], str]
) -> None:
    out = tmp_path / "out"
    result = train(out, "--method", "pgd", training__attacks=sending(signal.SIGUSR1, 8))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[1] == f"{out / 'checkpoint.pt'}  after 1 epochs and 3 steps"
    assert [line.split()[1] for line in (lines[0], lines[2], lines[3])] == ["1/3", "2/3", "3/3"]
    assert_same_bits(checkpoint(out).model, checkpoint(whole).model)


def test_handlers_are_as_they_were(whole: Path) -> None:
    del whole
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


# Divergence

STEADY = {"training__optimiser": "{name: sgd, learning_rate: 0.05}"}
ABSURD = {"training__optimiser": "{name: sgd, learning_rate: 1e30}"}
BLOWS_UP = {
    "training__optimiser": "{name: sgd, learning_rate: 0.05, schedule: [[0, 1], [0.5, 1e30]]}"
}


def test_a_run_that_diverges_says_where_the_good_checkpoint_and_the_last_steps_are(
    tmp_path: Path,
) -> None:
    """From the eighth step of fifteen on the learning rate is absurd."""
    result = train(tmp_path, **BLOWS_UP)
    message = error_of(result, 1)
    assert re.match(r"error: losses and weights of epoch 2 must be finite, got .*", message)
    good, steps = tmp_path / "checkpoint.pt", tmp_path / "last_steps.csv"
    assert f"; the last finite checkpoint is {good}, the last steps are in {steps}\n" in message
    assert checkpoint(tmp_path).position == (1, 0)
    with steps.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows[:8]] == [
        *(("1", str(step)) for step in range(1, 6)),
        *(("2", str(step)) for step in range(1, 4)),
    ]
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[:8] == pytest.approx([0.05] * 8)
    assert rates[8] == pytest.approx(5e28)
    assert not (tmp_path / "weights.pt").exists()

    assert train(tmp_path, "--from", str(good), **STEADY).exit_code == 0


def test_no_checkpoint_of_a_run_that_diverges_is_infinite(tmp_path: Path) -> None:
    """Kept after every step, the last one is of a step at the absurd rate, or before it."""
    error_of(train(tmp_path, "--minutes", "0", **BLOWS_UP), 1)
    state = checkpoint(tmp_path)
    assert state.position >= (1, 3)
    assert all(tensor.isfinite().all() for tensor in state.model.values())
    assert state.epoch["losses"].isfinite().all()


def test_a_run_that_diverges_at_once_has_no_checkpoint(tmp_path: Path) -> None:
    result = train(tmp_path, **ABSURD)
    message = error_of(result, 1)
    assert (
        f"; there is no checkpoint, the last steps are in {tmp_path / 'last_steps.csv'}" in message
    )


def test_the_good_checkpoint_may_be_the_one_that_the_run_went_on_from(
    tmp_path: Path,
) -> None:
    train(tmp_path / "good", training__epochs=1, **STEADY)
    good = tmp_path / "good" / "checkpoint.pt"
    result = train(tmp_path / "bad", "--from", str(good), **ABSURD)
    assert f"the last finite checkpoint is {good}, " in error_of(result, 1)


# What is refused


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path, whole: Path) -> None:
    path = str(whole / "checkpoint.pt")
    result = train(tmp_path, "--from", path, model__hidden=32)
    assert error_of(result, 2).startswith(
        "error: checkpoint: model.1.7.weight: must be of shape (32, 128) for this trial's model, "
        "got shape (64, 128); go on with the settings"
    )


def test_a_checkpoint_that_is_further_than_the_trial_is_refused(
    tmp_path: Path, whole: Path
) -> None:
    result = train(tmp_path, "--from", str(whole / "checkpoint.pt"), training__epochs=2)
    assert error_of(result, 2) == (
        "error: checkpoint: must be no further than training.epochs = 2, got 3 epochs and 0 steps; "
        "raise training.epochs\n"
    )


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, whole: Path) -> None:
    weights = whole / "weights.pt"
    message = error_of(train(tmp_path, "--from", str(weights)), 2)
    assert message.startswith(f"error: {weights}: must be a checkpoint of this version (must hold")
    assert message.endswith("; begin anew without --from\n")
    assert "No such file" in error_of(train(tmp_path, "--from", str(tmp_path / "none.pt")), 2)


def test_parts_under_batch_norm_are_refused(tmp_path: Path) -> None:
    result = train(tmp_path, "--micro-batches", "2", model="preact_resnet18")
    assert "error: micro_batches: must be 1 for a model with BatchNorm" in error_of(result, 2)


@pytest.mark.parametrize(
    ("key", "value", "pieces"),
    [
        ("model", "of_theirs:build", ["got a tuple in evaluation mode", "of_theirs.py:5"]),
        ("data", "{name: 'of_theirs:source', validation: 10}", ["ZeroDivisionError", "py:14"]),
        ("method.method", "of_theirs:Idle", ["Idle.weighting must return", "got NoneType"]),
        ("training.attacks.pgd.attack", "of_theirs:Slip", ["the code of Slip", "of_theirs.py:30"]),
        ("method.method", "of_nobody:Idle", ["must name an importable method", "PYTHONPATH"]),
    ],
)
def test_own_code_that_fails_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str, pieces: list[str]
) -> None:
    (tmp_path / "of_theirs.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "of_theirs", raising=False)
    out = tmp_path / "out"
    more = ("--method", "pgd") if "attacks" in key else ()
    other = (
        {"model": "cnn", "training.attacks": {}, "validation.attacks": {}} if key == "data" else {}
    )
    said = error_of(train(out, *more, **other, **{key: value}), 2)
    for piece in pieces:
        assert piece in said
    assert not out.exists()


THEIRS = """\
from torch import nn
from trainer.attacks import PGD
from trainer.methods import Standard
class Twice(nn.Module):
    def forward(self, images):
        return images, images
def build(image_shape, num_classes):
    return Twice()
class Source:
    downloadable = False
    def missing(self, settings):
        return None
    def fingerprint(self, settings):
        return 1 / 0
    def read(self, settings):
        raise AssertionError
source = Source()


class Idle(Standard):
    def weighting(self):
        return None




class Slip(PGD):
    def search(self, model, images, labels, keys):
        images = images.clone()
        return images + self.no_such_setting
"""


# Processes that really end


class Process:
    """The command in a process of its own."""

    def __init__(self, out: Path, *more: str, modules: Path | None = None) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        if modules is not None:
            environment["PYTHONPATH"] = str(modules)
        command = [sys.executable, "-m", "trainer.train", *arguments(out, *more)]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait_for(self, path: Path) -> None:
        """Until there is such a file."""
        until = time.monotonic() + 60
        while not path.exists():
            assert self._process.poll() is None, self._process.communicate()
            assert time.monotonic() < until, f"no {path.name}"
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """The exit code, and what was said of errors."""
        _, errors = self._process.communicate(timeout=60)
        return self._process.returncode, errors


LONG = ("--method", "pgd", "--set", "training.epochs=20", "--minutes", "0")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a longer run that nothing interrupted."""
    out = tmp_path_factory.mktemp("long")
    code, errors = Process(out, *LONG).end()
    assert code == 0, errors
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_process_that_is_ended_goes_on_from_its_checkpoint(
    number: signal.Signals, code: int, tmp_path: Path, long: Path
) -> None:
    """Wherever that finds it, within a file's writing too."""
    process = Process(tmp_path, *LONG)
    process.wait_for(tmp_path / "checkpoint.pt")
    process.send(number)
    assert process.end()[0] == code
    position = checkpoint(tmp_path).position
    assert (0, 1) <= position < (20, 0)
    going_on = Process(tmp_path, *LONG, "--from", str(tmp_path / "checkpoint.pt"))
    assert going_on.end()[0] == 0
    assert_same_weights(tmp_path, long)
    assert epochs(tmp_path) == epochs(long)


SLEEPER = """
import time
from pathlib import Path
from torch import Tensor, nn
from trainer.attacks import PGD


TRIED = False  # once before the first step


class Sleeper(PGD):
    mark: str

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        global TRIED
        if TRIED:
            Path(self.mark).touch()
            for _ in range(1000):
                time.sleep(0.05)
        TRIED = True
        return images
"""


@pytest.mark.slow
def test_a_second_signal_does_not_wait_for_the_step(tmp_path: Path) -> None:
    """The step would take a minute."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    mark = tmp_path / "in_the_step"
    attack = f"{{attack: 'sleeper:Sleeper', mark: {mark}, epsilon: 0.1, num_steps: 1}}"
    out = tmp_path / "out"
    more = ("--method", "sleepy", "--set", f"training.attacks.sleepy={attack}")
    process = Process(out, *more, modules=tmp_path)
    process.wait_for(mark)
    process.send(signal.SIGTERM)
    time.sleep(0.5)
    process.send(signal.SIGTERM)
    started = time.monotonic()
    assert process.end() == (143, "")
    assert time.monotonic() - started < 5
    assert list(out.iterdir()) == []


def test_bfloat16_that_the_cpu_has_no_instructions_for_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = {"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    settings = {"training.epochs": 1, "data.train_examples": 32, "training.precision": "bfloat16"}
    result = train(tmp_path / "out", **{key.replace(".", "__"): v for key, v in settings.items()})
    assert result.exit_code == 0, result.output
    said = [each for each in caplog.messages if "1.6 to 1.9 times float32's time" in each]
    assert len(said) == 1
    assert not caplog.messages[1:]


def test_auto_is_for_sweep_files_alone(tmp_path: Path) -> None:
    error = error_of(train(tmp_path / "out", training__precision="auto"), 2)
    assert "training.precision" in error
