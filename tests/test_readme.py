"""What the README says is so: its sweep file reads, its classes train, its commands run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.search.stopping import Decision, Rule
from orchestrator.spec.sweep_spec import read_spec
from trainer.config import read_trial, with_preset
from trainer.input.document import Document
from trainer.models import build
from trainer.terminal.exit_code import ExitCode
from trainer.weights.checkpoint import Weights

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()

TINY = {
    "data.train_examples": 64,
    "data.test_examples": 20,
    "training.epochs": 1,
    "validation.examples": 20,
}
TINY_LADDERS = {f"evaluation.{category}.ladder": [1] for category in ("pgd", "flow", "rt")}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = "".join(blocks("sh")).splitlines()
    return [line for line in lines if line.startswith("python -m ")]


def test_the_sweep_file_reads(tmp_path: Path) -> None:
    (example,) = (block for block in blocks("yaml") if block.startswith("name:"))
    path = tmp_path / "front_cifar.yaml"
    path.write_text(example)
    spec = read_spec(str(path), [], {})
    methods = [cell.method for cell in spec.cells]
    assert methods == ["standard", *["pgd"] * 3, "average", *["pareto"] * 3, "pareto_absolute"]


def test_the_search_reads(tmp_path: Path) -> None:
    (example,) = (block for block in blocks("yaml") if block.startswith("search:"))
    path = tmp_path / "drawn.yaml"
    path.write_text(f"data: digits\n{example}")
    spec = read_spec(str(path), [], {})
    sizes = {label: method.size for label, method in spec.space.methods.items()}
    assert sizes == {"pgd": None, "pareto": None, "average": 3}
    assert spec.search.trials == 40


def test_exit_codes_are_those_of_the_command() -> None:
    stated = re.findall(r"^\| (\d+)(?:, (\d+))? \|", README, re.MULTILINE)
    codes = {int(code) for row in stated for code in row if code}
    assert codes == {*map(int, ExitCode), 130, 143}


def test_files_that_are_named_are_there() -> None:
    named = re.findall(r"(?:docs|docker|sweeps|trainer)/[\w./]+\.(?:png|md|yaml|py)", README)
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.slow
def test_the_readers_own_attack_and_method_train(tmp_path: Path) -> None:
    attack, method, rule, _ = blocks("python")
    (tmp_path / "my_attacks.py").write_text(f"from trainer.attacks import Attack\n\n{attack}")
    (tmp_path / "my_methods.py").write_text(
        f"from trainer.methods import Method, Weighting\n\n{method}"
    )
    (tmp_path / "my_rules.py").write_text(
        f"from orchestrator.search.stopping import Decision, Rule\n\n{rule}"
    )
    attack_yaml, method_yaml, rule_yaml = (
        block for block in blocks("yaml") if not block.startswith(("name:", "search:"))
    )
    halves = method_yaml.removeprefix("methods: {").removesuffix("}\n")
    own = attack_yaml.replace("methods: {", f"methods: {{{halves}, ")
    (tmp_path / "own.yaml").write_text(f"data: digits\n{own}{rule_yaml}")
    run(
        ["orchestrator.sweep", "own.yaml", "--tracking-uri", "none", *settings(TINY_LADDERS)],
        tmp_path,
    )
    table = (tmp_path / "runs/sweeps/own/trials.csv").read_text()
    assert "worst_brighten" in table
    assert table.count("done") == 3  # the reference, the attack's training, the method


def test_the_readers_own_rule_decides_by_rows() -> None:
    names: dict[str, Any] = {"Rule": Rule, "Decision": Decision}
    exec(blocks("python")[2], names)
    hopeless = names["Hopeless"](epochs=2)
    rows = [{"epoch": epoch, "validation/natural_accuracy": 0.1} for epoch in (1.0, 2.0)]
    assert hopeless.decide(rows[:1], {}) is None
    assert hopeless.decide(rows, {}).numbers == {"best": 0.1}


def test_a_trained_network_is_loaded_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = read_trial(
        with_preset(
            Document.from_plain(
                {"data": "digits", "method": {"method": "standard"}, "seed": 0, "fingerprint": ""},
                "test",
            )
        )
    )
    settings = {"image_shape": (1, 8, 8), "num_classes": 10}
    network = build(trial.model, mean=(0.3,), std=(0.2,), **settings)
    (tmp_path / "trained").mkdir()
    weights = Weights(trial=trial.record(), model=network.state_dict(), **settings)
    (tmp_path / "trained" / "weights.pt").write_bytes(weights.to_bytes())
    monkeypatch.chdir(tmp_path)
    (shown,) = (block for block in blocks("python") if "trainer.load" in block)
    names: dict[str, Any] = {}
    exec(shown, names)
    images = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(names["model"](images), network.eval()(images))


@pytest.mark.integration
def test_every_command_runs(tmp_path: Path) -> None:
    """In the README's order, each on few images for one epoch, in one folder."""
    (tmp_path / "sweeps").symlink_to(ROOT / "sweeps")
    for command in commands():
        words = shlex.split(command)[2:]
        if "front_cifar" in command:
            continue  # needs real images: tests/integration runs it on them
        is_sweep = words[0] == "orchestrator.sweep" and "--dry-run" not in words
        run([*words, *(settings(TINY_LADDERS) if is_sweep else tiny_options(words))], tmp_path)
    assert (tmp_path / "runs/sweeps/quickstart/front.png").is_file()
    assert (tmp_path / "union/front.json").is_file()
    assert (tmp_path / "trained/weights.pt").is_file()
    assert (tmp_path / "model/card.json").is_file()


def settings(more: dict[str, object]) -> list[str]:
    return [word for key, value in (TINY | more).items() for word in ("--set", f"{key}={value}")]


def tiny_options(words: list[str]) -> list[str]:
    """What makes a command be about the tiny trials, where it is about single ones."""
    if words[0] in {"orchestrator.pick", "orchestrator.bundle", "orchestrator.report"}:
        return settings(TINY_LADDERS)
    return settings({}) if words[0] == "trainer.train" else []


def run(words: list[str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"


def test_make_measures_speed_by_the_command_that_is_documented() -> None:
    """The benchmark itself is run by its own tests, with less work."""
    done = subprocess.run(
        ["make", "--dry-run", "bench", "DATA=tests", "JSON=speed.json"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "python -m tests.bench.speed --peers --data tests --json speed.json" in done.stdout
    assert "`make bench DATA=" in (ROOT / "docs/benchmarks.md").read_text()
