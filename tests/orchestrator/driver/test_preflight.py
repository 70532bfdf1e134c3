"""Code of the user's own that is wrong: a start and a dry run refuse it alike, before Ray."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner, Result

from orchestrator import front, sweep
from orchestrator.driver import preflight
from orchestrator.driver.preflight import check_content, check_storage, local_resources
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.spec.policy import Resources
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.status import __main__ as status
from orchestrator.store import LocalFiles, Store
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.starts import begun
from trainer.input.document import Document
from trainer.input.own_code import OwnCodeError
from trainer.input.problems import BadInput

SWEEP = """\
data: {name: digits, train_examples: 100}
model: {name: cnn, channels: [2], hidden: 4}
training: {epochs: 1}
methods: {standard: {}}
evaluation: {pgd: {epsilon: 0.2, ladder: [1]}, flow: null, rt: null}
resources: {cpu: 1}
tracking: none
"""

MODELS = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width, num_classes):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width))
        self.head = nn.Linear(width, num_classes)

    def forward(self, images):
        return self.head(self.body(images))


class Twice(Net):
    def forward(self, images):
        logits = super().forward(images)
        return logits, logits


class TwiceInTraining(Net):
    def forward(self, images):
        logits = super().forward(images)
        return (logits, logits) if self.training else logits


class Raising(Net):
    def forward(self, images):
        return super().forward(images.reshape(3, -1))


def good(image_shape, num_classes):
    return Net(4, num_classes)


def twice(image_shape, num_classes):
    return Twice(4, num_classes)


def twice_in_training(image_shape, num_classes):
    return TwiceInTraining(4, num_classes)


def too_few(image_shape, num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes - 1))


def raising(image_shape, num_classes):
    return Raising(4, num_classes)


def exiting(image_shape, num_classes):
    raise SystemExit(7)


def nothing(image_shape, num_classes):
    return None


class Altered(Net):
    def __init__(self, change):
        super().__init__(4, 10)
        self.change = change

    def forward(self, images):
        return self.change(super().forward(images))


def squeezed(image_shape, num_classes):
    return Altered(lambda logits: logits.squeeze())


def detached(image_shape, num_classes):
    return Altered(lambda logits: logits.detach())


def endless(image_shape, num_classes):
    return Altered(lambda logits: logits / 0)


def sparse(image_shape, num_classes):
    return Altered(lambda logits: logits.to_sparse())


def without_weights(image_shape, num_classes):
    return nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(num_classes))
"""

OTHERS = """\
from trainer.attacks import PGD, Attack
from trainer.methods import Method, Weighting


class Slip(Attack):
    def search(self, model, images, labels, keys):
        return images + self.no_such_setting


class Flat(Attack):
    def search(self, model, images, labels, keys):
        return images.flatten(1)


class Outside(Attack):
    def search(self, model, images, labels, keys):
        return images + 1


class Stepping(PGD):
    def search(self, model, images, labels, keys):
        assert self.num_steps == 1, "nothing is tried at length"
        return super().search(model, images, labels, keys)


class Halves(Method):
    def branches(self):
        return ("natural",)

    def weighting(self):
        return [0.5][1]


class Branchless(Halves):
    def branches(self):
        return {}["no such branch"]


class Listed(Halves):
    def weighting(self):
        return [1.0]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a sweep file and modules of the user's in it."""
    files = {
        "sweep.yaml": SWEEP,
        "my_models.py": MODELS,
        "my_others.py": OTHERS,
        "bad_syntax.py": "x = 1\ndef x(:\n",
        "bad_exit.py": "x = 1\n\nraise SystemExit(7)\n",
        "bad_key.py": "x = 1\n{}['x']\n",
        "bad_base.py": "class Odd(BaseException):\n    pass\n\n\nraise Odd('so')\n",
        "bad_deep.py": "import bad_key\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in files:
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sweep.app, ["sweep.yaml", *arguments])


def refused(folder: Path, *arguments: str) -> str:
    """What both a start and a dry run say, on one line, having written nothing."""
    before = {path.name for path in folder.iterdir()} | {"__pycache__"}
    first, second = run(*arguments), run(*arguments, "--dry-run")
    assert first.exit_code == 2, first.output
    assert (second.exit_code, second.output) == (first.exit_code, first.output)
    assert first.stdout == ""
    assert "Traceback" not in first.stderr
    assert len(first.stderr.splitlines()) == 1
    assert {path.name for path in folder.iterdir()} <= before
    assert "ray" not in sys.modules or not sys.modules["ray"].is_initialized()
    return first.stderr


PLACES = {
    "model": 'model="{}:x"',
    "data": 'data={{name: "{}:x", validation: 10}}',
    "method": 'methods.mine={{method: "{}:x"}}',
    "training": 'training.attacks.mine={{attack: "{}:x", epsilon: 0.1}}',
    "validation": 'validation.attacks.mine={{attack: "{}:x", epsilon: 0.1}}',
    "evaluation": 'evaluation.mine={{attack: "{}:x", epsilon: 0.1}}',
}
UNKNOWN_DATA = ("--set", "training.batch_size=10", "--set", "training.optimiser.name=adam")
"""What the presets of known data sets alone would say."""

FAULTS = {
    "bad_syntax": ("SyntaxError: invalid syntax", "bad_syntax.py:2"),
    "bad_exit": ("SystemExit: 7", "bad_exit.py:3"),
    "bad_base": ("Odd: so", "bad_base.py:5"),
    "bad_deep": ("KeyError: 'x'", "bad_key.py:2"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", PLACES)
def test_module_that_fails_on_import(folder: Path, place: str, fault: str) -> None:
    said = refused(folder, "--set", PLACES[place].format(fault), *UNKNOWN_DATA)
    what, line = FAULTS[fault]
    assert f"'{fault}:x'" in said
    assert f"({what}" in said
    assert said.endswith(f"see {folder / line}\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_module_of_another_suite_that_fails_on_import(folder: Path, fault: str) -> None:
    (folder / "suite.yaml").write_text(f'mine: {{attack: "{fault}:x"}}\n')
    said = refused(folder, "--evaluate", "suite.yaml")
    assert said.startswith("error: suite.yaml:1: mine.attack: must name an importable attack")
    assert said.endswith(f"see {folder / FAULTS[fault][1]}\n")


@pytest.mark.parametrize(
    ("assignment", "pieces"),
    [
        (
            'model="my_models:twice"',
            [
                "model.name: must be a network that gives logits of shape (2, 10), one row",
                "got a tuple in evaluation mode from my_models:twice; see",
                "my_models.py:16",
            ],
        ),
        ('model="my_models:twice_in_training"', ["got a tuple in training mode", ".py:22"]),
        ('model="my_models:too_few"', ["got shape (2, 9) in evaluation mode", "my_models.py:44"]),
        ('model="my_models:raising"', ["RuntimeError: ", "my_models.py:29"]),
        ('model="my_models:exiting"', ["the code of my_models:exiting", "SystemExit: 7", ".py:53"]),
        ('model="my_models:squeezed"', ["logits of shape (1, 10)", "got shape (10,)", ".py:65"]),
        ('model="my_models:detached"', ["take gradients to its weights", "cannot be trained"]),
        ('model="my_models:without_weights"', ["take gradients to its weights", ".py:85"]),
        ('model="my_models:endless"', ["got NaN or infinity in evaluation mode"]),
        ('model="my_models:sparse"', ["got a tensor of torch.sparse_coo on cpu"]),
        ('model="my_models:nothing"', ["a torch.nn.Module", "returns NoneType"]),
        (
            'evaluation.mine={attack: "my_others:Slip"}',
            ["evaluation.mine: the code of Slip must run without an error", "my_others.py:7"],
        ),
        ('evaluation.mine={attack: "my_others:Flat"}', ["Flat.search must return", "(2, 64)"]),
        ('evaluation.mine={attack: "my_others:Outside"}', ["in [0, 1]", "got pixels from 1 to 2"]),
        ('validation.attacks.mine={attack: "my_others:Slip"}', ["validation.attacks.mine: the"]),
        ('methods.mine={method: "my_others:Halves"}', ["methods.mine: ", "IndexError", ".py:31"]),
        ('methods.mine={method: "my_others:Listed"}', ["Listed.weighting must return a", "list"]),
        ('methods.mine={method: "my_others:Branchless"}', ["KeyError: ", "my_others.py:36"]),
    ],
)
def test_own_code_that_fails_when_called(folder: Path, assignment: str, pieces: list[str]) -> None:
    said = refused(folder, "--set", assignment)
    for piece in pieces:
        assert piece in said


def test_batches_of_a_network_with_batch_norm_are_not_halved(folder: Path) -> None:
    said = refused(folder, "--set", 'model="my_models:good"', "--set", "halve_batch=true")
    assert said == (
        "error: --set halve_batch: must be false for a network with BatchNorm: the statistics of a "
        "batch's parts are not those of the whole; lower training.batch_size instead\n"
    )
    told = run("--set", "halve_batch=true", "--dry-run", "--json")
    assert told.exit_code == 0, "the small CNN has none"


def test_own_code_that_does_is_tried_at_one_step(folder: Path) -> None:
    more = 'evaluation.mine={attack: "my_others:Stepping", epsilon: 0.2, ladder: [7]}'
    told = run("--set", 'model="my_models:good"', "--set", more, "--dry-run", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["counts"] == {"pending": 1}
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("halves_batch", [False, True])
def test_what_raises_on_this_cpu_may_run_on_a_gpu(
    folder: Path, caplog: pytest.LogCaptureFixture, halves_batch: bool
) -> None:
    spec = read_spec("sweep.yaml", ['model="my_models:raising"'], {})
    trials = make_plan(spec, Store(LocalFiles(folder / "runs"))).trials
    check = partial(
        check_content, trials, spec.suite, document=spec.document, halves_batch=halves_batch
    )
    with pytest.raises(ValueError, match="RuntimeError") as caught:
        check(Resources(cpu=1, gpu=0))
    assert isinstance(caught.value.__cause__, OwnCodeError)
    check(Resources(cpu=1, gpu=1))
    assert "this was on the CPU, and trials run on a GPU" in caplog.text


# --- radii


@pytest.mark.parametrize("data", ["digits", "my_images:own"])  # stated beforehand, and loaded
def test_radii_that_are_hardly_meant_are_told_once(
    folder: Path, caplog: pytest.LogCaptureFixture, data: str
) -> None:
    (folder / "my_images.py").write_text(
        "from trainer.data import DATASETS as d\nown = d['digits']"
    )
    result = run(
        *("--dry-run", "--set", f"data.name={data}", *UNKNOWN_DATA),
        *("--set", "methods.pgd={vary: {pgd.epsilon: [0.1, 0.7]}}", "--set", "seeds=[0, 1]"),
        *("--set", "training.attacks.pgd={epsilon: 0.2, num_steps: 1}"),
        *("--set", "data.validation=100"),
        *("--set", "evaluation.flow={epsilon: 8, ladder: [1]}"),
        *("--set", "evaluation.rt_grid={degrees: 0, pixels: 4.5}"),
    )
    assert result.exit_code == 0, result.output
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [line.partition(",")[0] for line in told] == [
        "training.attacks.pgd.epsilon is 0.7",
        "evaluation.flow.epsilon is 8",
        "evaluation.rt_grid.pixels is 4.5",
    ]


# --- the storage


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ('{"store": "groceries"}', "is damaged or not this project's"),
        (None, r"was made by an older version of this project \(1; this one knows"),
    ],
)
def test_storage_of_another_kind(folder: Path, mark: str | None, message: str) -> None:
    (folder / "runs" / "trials" / "t1").mkdir(parents=True)
    if mark is not None:
        (folder / "runs" / "store.json").write_text(mark)
    said = refused(folder)
    assert re.search(f"storage: must be a store of this project: .*{message}", said)


# --- who only reads


def test_stored_results_are_read_without_code_of_networks_and_data(folder: Path) -> None:
    (folder / "never.py").write_text("raise AssertionError('nobody may import this')\n")
    own = ['model="never:build"', 'data={name: "never:source", validation: 10}']
    spec = read_spec("sweep.yaml", own, {})
    files = LocalFiles(folder / "runs")
    enter(files)
    with begun(files, files, spec.name, joins=False, lasts=60.0, on_tick=lambda _: None):
        write_manifest(
            files, spec.folder, make_plan(spec, Store(files), fingerprint_of=lambda _: "f")
        )
    sets = [word for each in own for word in ("--set", each)]
    for app in (status.app, front.app):
        told = CliRunner().invoke(app, ["sweep.yaml", *sets, "--json"])
        assert told.exit_code == 0, told.output
        assert json.loads(told.stdout)
    assert "never" not in sys.modules


def test_storage_on_a_drive_that_is_not_there(
    read: Callable[..., SweepSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path of Windows may have nothing around it that exists."""
    spec = read("data: digits\nmethods: {standard: {}}\n")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(BadInput, match="must be a folder that can be written"):
        check_storage(open_files(spec.storage), spec.document)


@pytest.mark.parametrize("options", [(), ("--local",)])
def test_without_a_folder_for_temporary_files_nothing_is_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    def refuse() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    assert refused(folder, *options) == (
        "error: TMPDIR: must be the path of a folder that can be written: No usable temporary "
        "directory found in ['/tmp']\n"
    )


# --- the machine


@pytest.mark.parametrize(
    ("asked", "gpus", "found", "said"),
    [
        (1.0, 2, 1.0, ""),
        (0.5, 1, 0.5, ""),
        (1.0, 0, 0.0, "resources.gpu is 1, but this machine has no GPU: trials run on the CPU\n"),
        (0.0, 0, 0.0, ""),
    ],
)
def test_trials_run_on_the_cpu_where_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, asked: float, gpus: int, found: float, said: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    console = Console(width=200)
    with console.capture() as heard:
        resources = local_resources(
            Resources(cpu=1.0, gpu=asked), Document.from_plain({}, "sweep.yaml"), console
        )
    assert resources == Resources(cpu=1.0, gpu=found)
    assert heard.get() == said


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"gpu": 3.0}, "resources.gpu: must be at most 2 on this machine, got 3"),
        ({"cpu": 5.0}, "resources.cpu: must be at most 4 on this machine, got 5"),
    ],
)
def test_more_than_the_machine_has_is_refused(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, float], rule: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    document = Document.from_plain({"resources": asked}, "sweep.yaml")
    with pytest.raises(BadInput, match=re.escape(rule)):
        local_resources(Resources(**asked), document, Console())


@pytest.mark.parametrize(("options", "times"), [((), 1), (("--set", "resources.gpu=1"), 0)])
def test_precision_that_is_slow_on_this_cpu_is_told_once(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    options: tuple[str, ...],
    times: int,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(preflight, "slowness", lambda precision, device: f"{precision} is slow")
    told = run("--dry-run", "--set", "seeds=[0, 1]", *options)
    assert told.exit_code == 0, told.output
    heard = [record.getMessage() for record in caplog.records]
    assert heard.count("float32 is slow") == times
    assert len(heard) == times


def test_address_is_looked_at_before_all_else(folder: Path) -> None:
    result = run("--dry-run", "--address", "head", "--set", 'model="my_models:twice"')
    assert result.stderr == "error: --address must be auto or HOST:PORT, got 'head'\n"
    assert not (folder / "runs").exists()
