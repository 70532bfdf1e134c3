"""What a person can get wrong in a sweep: one message that helps, and nothing written."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import trainer.methods
from orchestrator.spec.sweep_spec import read_spec
from orchestrator.sweep import app

GOOD = "data: digits\nmethods:\n  pareto: {rho: 0.4}\n"
FLOW = "methods: {flow: {}}\n"
"""Without its first key a line is free for what is wrong."""

RADIUS = "(radius in pixels of [0, 1]; for 8-bit input write 8/255)"
OWN = "or your own as package.module:name"
LADDER = "(numbers of steps; one run of the last gives all)"
SEEDS = "(of every cell; three or more to judge by)"
NAME = "(of the sweep: a folder of the storage and an MLflow experiment)"
ATTACK_KEYS = (
    "(known keys: num_steps, num_restarts, random_start, loss, keep, step_decay, norm, epsilon, "
    "step_size, radius_decay)"
)
METHODS = ", ".join(sorted({*trainer.methods.METHODS, "pgd", "flow", "rt", "integrated"}))

BAD_FILES = [
    # --- the file itself
    ("", "1: must hold a mapping of keys to values, but is empty"),
    ("- data\n", "1: must be a mapping of keys to values, got a list of length 1"),
    (
        "data: digits\nmethods: {pareto: {rho: 0.4}\nseeds: [0]\n",
        "3:1: must be valid YAML: … from line 2 on, got 's'",
    ),
    (f"{GOOD}seeds:\n\t- 1\n", "5:1: must be valid YAML: …, got '\\t' (indent with spaces, …)"),
    (f"{GOOD}  pareto: {{rho: 0.5}}\n", "4: methods.pareto: must be written once, … (delete one)"),
    (f"{GOOD}seeds: !!python/tuple [0]\n", "4: seeds: must not have the tag …"),
    (
        "a: &a [" + "x, " * 999 + "x]\nb: &b [" + "*a, " * 999 + "*a]\nc: [" + "*b, " * 999 + "*b]",
        "2: b.98: must not make the document larger than 100000 values …",
    ),
    # --- keys, at every level
    (f"{GOOD}sedes: [0]\n", "4: sedes: is not a known key; did you mean 'seeds'? (known keys: …)"),
    (
        f"{GOOD}resources: {{cpus: 2}}\n",
        "4: resources.cpus: is not a known key; did you mean 'cpu'? (known keys: cpu, gpu)",
    ),
    (
        f"{GOOD}hypervolume: {{refrence: [0, 1]}}\n",
        "4: hypervolume.refrence: is not a known key; did you mean 'reference'? …",
    ),
    (
        f"data: {{name: digits, rot: x}}\n{FLOW}",
        "1: data.rot: is not a known key; did you mean 'root'? (known keys: name, root, …)",
    ),
    (
        f"{GOOD}model: {{name: cnn, chanels: [1]}}\n",
        "4: model: must have no option that cnn does not know, got 'chanels'; "
        "did you mean 'channels'? its options: channels, kernel_size, hidden",
    ),
    (
        f"{GOOD}training: {{epoch: 3}}\n",
        "4: training.epoch: is not a known key; did you mean 'epochs'? …",
    ),
    (
        f"{GOOD}training: {{optimiser: {{learning_rat: 1}}}}\n",
        "4: training.optimiser.learning_rat: … did you mean 'learning_rate'? …",
    ),
    (
        f"{GOOD}training:\n  attacks:\n    pgd: {{epsilo: 1}}\n",
        f"6: training.attacks.pgd.epsilo: … did you mean 'epsilon'? {ATTACK_KEYS}",
    ),
    (f"{GOOD}validation: {{evry: 2}}\n", "4: validation.evry: … did you mean 'every'? …"),
    (
        f"{GOOD}validation:\n  attacks:\n    pgd: {{step: 1}}\n",
        f"6: validation.attacks.pgd.step: … did you mean 'step_size'? {ATTACK_KEYS}",
    ),
    (
        f"{GOOD}evaluation:\n  pgd: {{epsilo: 1}}\n",
        f"5: evaluation.pgd.epsilo: … did you mean 'epsilon'? {ATTACK_KEYS}",
    ),
    (
        "data: digits\nmethods:\n  pareto:\n    rh: 0.4\n",
        "4: methods.pareto.rh: … did you mean 'rho'? "
        "(known keys: r, rho, window, idle_every, attack_names, moments)",
    ),
    (
        "data: digits\nmethods:\n  pareto:\n    vary:\n      rh: [0.4]\n",
        "5: methods.pareto.vary.rh.0: is not a known key; did you mean 'rho'? …",
    ),
    (
        "data: digits\nmethods:\n  pareto: {rho: 0.4, pdg.epsilon: 0.1}\n",
        "3: methods.pareto.pdg.epsilon: must begin with an attack of training.attacks "
        "(pgd, flow, rt, integrated) or a section (data, model, training, validation), got 'pdg'",
    ),
    *(
        (
            f"data: digits\nmethods:\n  mine:\n    method: average\n    vary: {{{name}: [1, 2]}}\n",
            f"5: methods.mine.vary.{name}: must not have the name of a column of the tables, got "
            f"'{name}'; rename the setting in the method, or write a section with a name for each "
            f"of its values",
        )
        for name in ("seconds", "worst_pgd", "planned", "natural_accuracy_mean")
    ),
    # --- names of things
    (
        f"data: digit\n{FLOW}",
        f"1: data.name: must name a known data set, got 'digit'; did you mean 'digits'? known: "
        f"caltech256, cifar10, digits, fashion_mnist, mnist; {OWN} …",
    ),
    (
        f"{GOOD}model: preact_resnet\n",
        f"4: model: must name a known model, got 'preact_resnet'; did you mean "
        f"'preact_resnet18'? known: cnn, preact_resnet18, resnet18, resnet50, "
        f"wide_resnet28_10; {OWN}",
    ),
    (
        f"{GOOD}model: no.such:network\n",
        "4: model.name: must name an importable model, got 'no.such:network' …; "
        "the module must be on PYTHONPATH on every machine that runs trials",
    ),
    (
        "data: digits\nmethods:\n  flow: {}\n  paretoo: {rho: 0.4}\n",
        f"4: methods.paretoo: must name a known method, got 'paretoo'; did you mean 'pareto'? "
        f"known: {METHODS}; {OWN}",
    ),
    (
        "data: digits\nmethods:\n  mine:\n    method: paretoo\n",
        "4: methods.mine.method: must name a known method, got 'paretoo'; did you mean …",
    ),
    (
        f"{GOOD}training:\n  attacks:\n    pdg: {{epsilon: 0.1, num_steps: 1}}\n",
        f"6: training.attacks.pdg.attack: must name a known attack, got 'pdg'; did you mean "
        f"'pgd'? known: autoattack, corruption, flow, integrated, pgd, rt, rt_grid, rt_worst_of, "
        f"targeted_flow; {OWN}",
    ),
    (
        f"{GOOD}evaluation:\n  pdg: {{epsilon: 0.1, ladder: [1]}}\n",
        "5: evaluation.pdg.attack: must name a known attack, got 'pdg'; did you mean 'pgd'? …",
    ),
    (
        f"{GOOD}evaluation: {{example: 100}}\n",
        "4: evaluation.example: must be an attack's settings, or one of split, examples, "
        "batch_size, claim, unequal; did you mean 'examples'?",
    ),
    # --- types and ranges
    (
        f"{GOOD}training: {{epochs: three}}\n",
        "4: training.epochs: must be a whole number, got 'three' (passes over the training images)",
    ),
    (f"{GOOD}training: {{epochs: 2.5}}\n", "4: training.epochs: must be a whole number, got 2.5 …"),
    (
        f"{GOOD}training: {{attacks: {{pgd: {{epsilon: -1}}}}}}\n",
        f"4: training.attacks.pgd.epsilon: must be >= 0, got -1 {RADIUS}",
    ),
    (
        f"{GOOD}training: {{attacks: {{pgd: {{epsilon: .nan}}}}}}\n",
        f"4: training.attacks.pgd.epsilon: must be finite, got nan {RADIUS}",
    ),
    (
        f"{GOOD}evaluation: {{pgd: {{epsilon: .inf}}}}\n",
        f"4: evaluation.pgd.epsilon: must be finite, got inf {RADIUS}",
    ),
    (
        f"{GOOD}evaluation: {{pgd: {{epsilon: 8/0}}}}\n",
        f"4: evaluation.pgd.epsilon: must not divide by zero, got '8/0' {RADIUS}",
    ),
    (
        "data: digits\nmethods:\n  pgd: {pgd.epsilon: -1}\n",
        f"3: methods.pgd.pgd.epsilon: must be >= 0, got -1 {RADIUS}",
    ),
    (
        "data: digits\nmethods:\n  pgd:\n    vary:\n      pgd.epsilon:\n      - 0.1\n      - -1\n",
        f"7: methods.pgd.vary.pgd.epsilon.1: must be >= 0, got -1 {RADIUS}",
    ),
    (
        f"{GOOD}evaluation: {{pgd: {{step_size: 0}}}}\n",
        "4: evaluation.pgd.step_size: must be > 0, got 0 (in pixels of [0, 1], …; left out, …)",
    ),
    (
        f"data: {{name: digits, download: on}}\n{FLOW}",
        "1: data.download: must be true or false, got 'on' (whether missing files may be …)",
    ),
    # --- methods and their grids
    ("data: digits\n", "1: methods: must name at least one, such as pareto: {rho: 0.4}"),
    ("data: digits\nmethods: {}\n", "2: methods: must name at least one, such as …"),
    (
        "data: digits\nmethods: [pareto]\n",
        "2: methods: must be a mapping of keys to values, got a list of length 1",
    ),
    (
        "data: digits\nmethods:\n  flow:\n",
        "3: methods.flow: must be a mapping of settings, got null; write {} for none",
    ),
    (
        "data: digits\nmethods:\n  flow: {}\n  pareto: {r: 1, rho: 0.4}\n",
        "4: methods.pareto: must have exactly one of r (absolute) and rho (relative), "
        "got r=1.0, rho=0.4",
    ),
    (
        "data: digits\nmethods:\n  flow: {}\n  pareto: {}\n",
        "4: methods.pareto: must have exactly one of r (absolute) and rho (relative), got …",
    ),
    (
        "data: digits\nmethods:\n  pareto:\n    vary: {rho: []}\n",
        "4: methods.pareto.vary.rho: must list at least one value, got none",
    ),
    (
        "data: digits\nmethods:\n  pareto:\n    vary: {rho: 0.4}\n",
        "4: methods.pareto.vary.rho: must be a list, or a range {min: ..., max: ...}, got 0.4",
    ),
    (
        "data: digits\nmethods:\n  pareto:\n    vary: [rho]\n",
        "4: methods.pareto.vary: must be a mapping of keys to values, got a list of length 1",
    ),
    (
        "data: digits\nmethods:\n  pareto:\n    rho: 0.4\n    vary: {rho: [0.4]}\n",
        "5: methods.pareto.vary.rho: must not be at methods.pareto.rho too; delete one",
    ),
    (
        "data: digits\nmethods:\n  mine:\n    vary: {method: [flow, rt]}\n",
        "4: methods.mine.vary.method: must not vary; write a section with a name for each method",
    ),
    (
        "data: digits\nmethods:\n  average: {attack_names: [pgd, stadv]}\n",
        "3: methods.average: must train with attacks that training.attacks describes, got stadv; …",
    ),
    (
        "data: digits\nmethods:\n  standard: {training.epochs: 3}\n",
        "3: methods.standard: must be {}, with nothing but vary in it: it is the reference of "
        "every score; another one needs another name, such as short: {method: standard, ...}",
    ),
    # --- seeds
    (f"{GOOD}seeds: []\n", f"4: seeds: must be at least one …, got [] {SEEDS}"),
    (
        f"{GOOD}seeds: [0, 1, 0]\n",
        f"4: seeds: must be at least one and differ from each other, got [0, 1, 0] {SEEDS}",
    ),
    (f"{GOOD}seeds: [0.5]\n", f"4: seeds.0: must be a whole number, got 0.5 {SEEDS}"),
    (f"{GOOD}seeds: [-1]\n", f"4: seeds.0: must be >= 0, got -1 {SEEDS}"),
    (f"{GOOD}seeds: 3\n", f"4: seeds: must be a list, got 3 {SEEDS}"),
    # --- evaluation
    (
        f"{GOOD}evaluation: {{pgd: null, flow: null, rt: null}}\n",
        "4: evaluation: must name at least one attack, such as pgd: {epsilon: 8/255}",
    ),
    (
        f"{GOOD}evaluation: {{pgd: {{ladder: [5, 5]}}}}\n",
        f"4: evaluation.pgd.ladder: must rise from rung to rung, got [5, 5] {LADDER}",
    ),
    (f"{GOOD}evaluation: {{pgd: {{ladder: []}}}}\n", f"4: evaluation.pgd.ladder: … {LADDER}"),
    (
        f"{GOOD}evaluation: {{pgd: {{ladder: [0]}}}}\n",
        f"4: evaluation.pgd.ladder.0: must be >= 1, got 0 {LADDER}",
    ),
    (
        f"{GOOD}evaluation: {{pgd: {{num_steps: 5}}}}\n",
        "4: evaluation.pgd.num_steps: must not be in an evaluation: `ladder` has the steps",
    ),
    (
        f"{GOOD}evaluation: {{pgd: {{radius_decay: stages, ladder: [3, 6, 7, 10]}}}}\n",
        "4: evaluation.pgd.ladder: must leave out 3, 6, when a run of 10 is outside the attack's "
        "own set (radius_decay), got [3, 6, 7, 10]",
    ),
    # --- objectives
    (
        f"{GOOD}objectives: [robustness, sacrificed_accuracy]\n",
        "4: objectives: must be one of robustness_score, …, got 'robustness'; "
        "write min:robustness or max:robustness to use another column",
    ),
    (
        f"{GOOD}objectives: [robustness_score]\n",
        "4: objectives: must be at least two columns, got 1: ['robustness_score']",
    ),
    (
        f"{GOOD}objectives: [robustness_score, robust_accuracy_cw]\n",
        "4: objectives: must be columns of numbers in trials.csv, got 'robust_accuracy_cw'; "
        "there are natural_accuracy, robust_accuracy_pgd, …, sacrificed_accuracy, seconds, "
        "training_passes, evaluation_passes",
    ),
    (
        f"{GOOD}objectives: [robustness_score, 'min:rho']\nhypervolume: {{reference: [0, 1]}}\n",
        "4: objectives: must be columns of numbers in trials.csv, got 'rho'; there are …",
    ),
    (
        f"{GOOD}objectives: [robustness_score, seconds]\n",
        "1: hypervolume.reference: must be given where min:seconds is an objective: …",
    ),
    (
        f"{GOOD}hypervolume: {{reference: [0]}}\n",
        "4: hypervolume.reference: must have one number for each of the 2 objectives, got [0.0]",
    ),
    (f"{GOOD}hypervolume: {{reference: []}}\n", "4: hypervolume.reference: must have one …"),
    (
        f"{GOOD}hypervolume: {{reference: [0, .nan]}}\n",
        "4: hypervolume.reference.1: must be finite, got nan (the worst point, …)",
    ),
    # --- names of sweeps
    *(
        (f"{GOOD}name: {written}\n", f"4: name: {rule}, got {shown} {NAME}")
        for written, rule, shown in [
            ("../evil", "must be a file name of its own", "'../evil'"),
            ("/", "must be a file name of its own", "'/'"),
            (r"'a\b'", "must be a file name of its own", r"'a\\b'"),
            ("''", "must be a file name of its own", "''"),
            ("-rf", "must not begin with '-' or '.', nor begin or end with a space", "'-rf'"),
            (".x", "must not begin with '-' or '.', nor begin or end with a space", "'.x'"),
            ("=1+1", "must not begin with one of = + @ ', which spreadsheets take …", "'=1+1'"),
            (r'"a\nb"', "must hold printable characters only", r"'a\nb'"),
            ("é" * 51, "must have at most 100 bytes in UTF-8", f"'{'é' * 51}'"),
            ("x" * 101, "must have at most 100 bytes in UTF-8", "'xxx…..."),
        ]
    ),
    (f'{GOOD}name: "a\\0b"\n', "4: name: must not contain the control character U+0000"),
    # --- data, places and resources
    (
        f"data: mnist\n{FLOW}",
        "1: data.name: 'mnist' needs what is missing: train-images-idx3-ubyte, … in …/MNIST/raw; "
        "put the files there, or allow the download with `download: true` under `data` in the "
        "spec or --download on the command line",
    ),
    (
        f"data:\n  name: digits\n  validation: 2000\n{FLOW}",
        "3: data.validation: must be at most 1437 (one of 1438 must train), got 2000; ask for …",
    ),
    (
        f"data:\n  name: digits\n  root: ~no-such-user/x\n{FLOW}",
        "3: data.root: must be a folder, got '~no-such-user/x', and no user of this machine …",
    ),
    (
        f"{GOOD}model: {{name: cnn, channels: [1, 1, 1, 1]}}\n",
        "4: model.channels: must be at most 3 convolutions for images of 8x8, …, got 4; leave …",
    ),
    (
        f"{GOOD}storage: ''\n",
        "4: storage: must be a folder, or s3://BUCKET/PREFIX (or gs://, az://), got '' (…",
    ),
    (
        f"{GOOD}storage: sweep.yaml\n",
        "4: storage: must be a folder that can be written, got …/sweep.yaml",
    ),
    (
        f"{GOOD}storage: sweep.yaml/runs\n",
        "4: storage: must be a folder that can be written, got …/sweep.yaml/runs",
    ),
    (
        f"{GOOD}storage: ~no-such-user/x\n",
        "4: storage: must be a folder, got '~no-such-user/x', and …",
    ),
    (
        f"{GOOD}storage: s3://bucket/runs\n",
        "1: tracking: must be the URI of an MLflow server, or none, where the storage is a URL: …",
    ),
    (
        f"{GOOD}tracking: sqllite\n",
        "4: tracking: must be none, sqlite or a URI such as http://HOST:5000, got 'sqllite' …",
    ),
    (
        f"{GOOD}resources: {{cpu: 1e5}}\n",
        "4: resources.cpu: must be at most … on this machine, got 100000",
    ),
    (
        f"{GOOD}resources: {{gpu: 1.5}}\n",
        "4: resources.gpu: must be a share of one GPU or a whole number of them, got 1.5 …",
    ),
    (f"{GOOD}resources: {{cpu: 0}}\n", "4: resources.cpu: must be > 0, got 0 (cores a trial; …)"),
]

BAD_COMMANDS = [
    (["none.yaml"], "none.yaml: must be a file that can be read: … (check the path)"),
    (["."], ".: must be a file that can be read: Is a directory (check the path)"),
    (["sweep.yaml", "--set", "seeds"], "--set: must be written dotted.key=VALUE, …, got 'seeds'"),
    (
        ["sweep.yaml", "--set", "training.epochs=0"],
        "--set training.epochs: must be >= 1, got 0 (passes over the training images)",
    ),
    (
        ["sweep.yaml", "--set", "methods.pareto.rho=x"],
        "--set methods.pareto.rho: must be a number, got 'x' (required robustness as a share …)",
    ),
    (
        ["sweep.yaml", "--set", "methods.pareto.vary.pgd.epsilon=[-1]"],
        f"--set methods.pareto.vary.pgd.epsilon: methods.pareto.vary.pgd.epsilon.0: "
        f"must be >= 0, got -1 {RADIUS}",
    ),
    (
        ["sweep.yaml", "--storage", "sweep.yaml/x"],
        "--set storage: must be a folder that can be written, got …/sweep.yaml/x",
    ),
    (
        ["sweep.yaml", "--set", "data=mnist", "--dry-run"],
        "--set data: data.name: 'mnist' needs what is missing: … in …/MNIST/raw; put the files …",
    ),
    (
        ["sweep.yaml", "--address", "ray://127.0.0.1:10001"],
        "--address must be auto or HOST:PORT, got 'ray://127.0.0.1:10001'; the driver belongs on "
        "the cluster: run the same command on its head with --address auto",
    ),
    (
        ["sweep.yaml", "--address", "127.0.0.1"],
        "--address must be auto or HOST:PORT, got '127.0.0.1'",
    ),
    (
        ["sweep.yaml", "--address", "127.0.0.1:1"],
        "--address must lead to the head of a Ray cluster, got '127.0.0.1:1' (…refused); start one "
        "with `ray start --head --port 1`, or leave --address out to run here",
    ),
]

_network_events: list[tuple[str, Any]] = []


@pytest.fixture(scope="module", autouse=True)
def _watch_the_network() -> None:
    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.getaddrinfo", "urllib.Request"}:
            _network_events.append((event, arguments))

    sys.addaudithook(note)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a good sweep file in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.yaml").write_text(GOOD)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def assert_refused(result: Result, folder: Path, message: str) -> None:
    """The message is the whole output (`…`: any text), and nothing was begun."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    pattern = ".+".join(map(re.escape, f"error: {message}\n".split("…")))
    assert re.fullmatch(pattern, result.stderr), result.stderr
    assert [path.name for path in folder.iterdir()] == ["sweep.yaml"]
    ray = sys.modules.get("ray")
    assert ray is None or not ray.is_initialized()


def assert_same(dry_run: Result, start: Result) -> None:
    """What a start refuses, saying what it would do refuses alike."""
    assert (dry_run.exit_code, dry_run.output) == (start.exit_code, start.output)


@pytest.mark.parametrize(("text", "message"), BAD_FILES, ids=[m[:24] for _, m in BAD_FILES])
def test_bad_file(folder: Path, text: str, message: str) -> None:
    (folder / "sweep.yaml").write_text(text)
    _network_events.clear()
    refused = run("sweep.yaml")
    assert_refused(refused, folder, f"sweep.yaml:{message}")
    assert_same(run("sweep.yaml", "--dry-run"), refused)
    assert not _network_events, "nothing may be downloaded that was not asked for"


@pytest.mark.parametrize(("arguments", "message"), BAD_COMMANDS)
def test_bad_command(folder: Path, arguments: list[str], message: str) -> None:
    refused = run(*arguments)
    assert_refused(refused, folder, message)
    assert_same(run(*arguments, "--dry-run"), refused)


def test_every_problem_is_told_at_once(folder: Path) -> None:
    (folder / "sweep.yaml").write_text(f"{GOOD}seeds: 3\nretries: -1\nsotrage: runs\n")
    lines = run("sweep.yaml").stderr.removeprefix("error: ").splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["sweep.yaml:4", "seeds"],
        ["sweep.yaml:5", "retries"],
        ["sweep.yaml:6", "sotrage"],
    ]


def test_grid_of_a_thousand_million_points_is_refused_in_a_second(folder: Path) -> None:
    thousand = f"[{', '.join(map(str, range(1, 1001)))}]"
    axes = ("window", "training.epochs", "training.batch_size")
    grid = "".join(f"      {key}: {thousand}\n" for key in axes)
    (folder / "sweep.yaml").write_text(
        f"data: digits\nmethods:\n  pareto:\n    rho: 0.4\n    vary:\n{grid}"
    )
    started = time.process_time()
    result = run("sweep.yaml")
    assert time.process_time() - started < 1
    message = (
        "sweep.yaml:2: methods: must make at most 10000 trials, got 1000000000; "
        "shorten a list under vary, or raise max_trials"
    )
    assert_refused(result, folder, message)


def test_password_is_never_shown(folder: Path) -> None:
    (folder / "sweep.yaml").write_text(f"{GOOD}storage: postgresql://me:s3cret@host/db\n")
    result = run("sweep.yaml")
    assert result.exit_code == 2
    assert "got a postgresql:// URL" in result.stderr
    assert "s3cret" not in result.output


@pytest.mark.parametrize("name", ["パレート", "Ünïcode front, 2", "x" * 100, "é" * 50, "on", "a.b"])
def test_other_names_are_taken(folder: Path, name: str) -> None:
    (folder / "sweep.yaml").write_text(f"{GOOD}name: {name}\n")
    assert read_spec("sweep.yaml", [], {}).folder == f"sweeps/{name}"


@pytest.mark.parametrize(
    ("written", "value"),
    [("1e-3", 0.001), ("8/255", 8 / 255), (".1", 0.1), ("1", 1.0), ("+2.5E-1", 0.25), ("0", 0.0)],
)
def test_numbers_are_taken_exactly(folder: Path, written: str, value: float) -> None:
    (folder / "sweep.yaml").write_text(
        f"data: digits\nmethods: {{pgd: {{vary: {{pgd.epsilon: [{written}]}}}}}}\n"
    )
    spec = read_spec("sweep.yaml", [f"evaluation.pgd.epsilon={written}"], {})
    trained, evaluated = spec.cells[1].trial.attacks["pgd"], spec.suite.categories["pgd"].attack
    assert [trained.model_dump()["epsilon"], evaluated.model_dump()["epsilon"]] == [value, value]
    assert spec.cells[1].settings == {"pgd.epsilon": value}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{GOOD}sedes: [0]\n", "4: sedes: is not a known key; did you mean 'seeds'? "),
        (f"data: mnist\n{FLOW}", "1: data.name: 'mnist' needs what is missing: "),
        (f"{GOOD}resources: {{cpu: 1e5}}\n", "4: resources.cpu: must be at most "),
    ],
)
def test_as_a_command(folder: Path, text: str, message: str) -> None:
    (folder / "sweep.yaml").write_text(text)
    command = [sys.executable, "-X", "importtime", "-m", "orchestrator.sweep", "sweep.yaml"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = ended.stderr.splitlines()
    imported = {line.split("|")[-1].strip() for line in lines if line.startswith("import time:")}
    told = [line for line in lines if not line.startswith("import time:")]
    assert (ended.returncode, ended.stdout, len(told)) == (2, "", 1), ended.stderr[-2000:]
    assert told[0].startswith(f"error: sweep.yaml:{message}")
    assert "orchestrator.spec.sweep_spec" in imported
    assert not {"ray", "mlflow", "torchvision"} & imported
    assert [path.name for path in folder.iterdir()] == ["sweep.yaml"]
