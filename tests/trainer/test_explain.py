"""`python -m trainer.explain`: what it leaves, what it prints, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from tests.trainer.runs import run
from trainer.config import Trial
from trainer.evaluate import app as evaluate_app
from trainer.evaluation.origin import model_id
from trainer.evaluation.outcomes import Outcomes
from trainer.explain import app
from trainer.weights.checkpoint import Weights

pytestmark = pytest.mark.slow

SUITE = """\
unequal: short runs are quick
pgd: {epsilon: 0.15, ladder: [1, 4]}
flow: {epsilon: 0.08, ladder: [3]}
"""


@pytest.fixture(scope="module")
def folder(small_trial: Callable[..., Trial], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`weights.pt`, trained for a moment, and `suite.yaml`."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "suite.yaml").write_text(SUITE)
    trial = small_trial(data={"train_examples": 320})
    model, _ = run(trial)
    weights = Weights(trial=trial.record(), model=model.state_dict())
    (folder / "weights.pt").write_bytes(weights.to_bytes())
    return folder


def command(folder: Path, out: Path, *more: str) -> Result:
    words = [str(folder / "weights.pt"), "--suite", str(folder / "suite.yaml"), "--samples", "3"]
    result = CliRunner().invoke(app, [*words, "--out", str(out), *more])
    assert result.exit_code == 0, result.output
    return result


def error_of(*words: object) -> str:
    """The one message of a command that writes nothing."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)  # no traceback
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    return result.stderr.removeprefix("error: ").removesuffix("\n")


def test_a_picture_and_its_numbers_are_left(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "seen.png"
    result = command(folder, out, "--images", "7,2", "--json")
    numbers = out.with_suffix(".json")
    assert result.stderr == f"the picture is in {out}, its numbers in {numbers}\n"
    assert sorted(out.parent.iterdir()) == [numbers, out]
    assert out.read_bytes().startswith(b"\x89PNG")
    record = json.loads(numbers.read_text())
    assert json.loads(result.stdout) == record
    weights = Weights.from_bytes((folder / "weights.pt").read_bytes())
    assert record["model"] == model_id(weights.model)
    assert [image["index"] for image in record["images"]] == [7, 2]
    assert list(record["attacks"]) == ["pgd", "flow"]
    before = out.read_bytes()
    command(folder, out, "--images", "7,2")
    assert out.read_bytes() == before
    command(folder, out, "--images", "7,2", "--seed", "1")
    assert out.read_bytes() != before


def test_what_is_fooled_an_evaluation_counts_as_broken(folder: Path, tmp_path: Path) -> None:
    result = command(folder, tmp_path / "it.png", "--images", "first:20", "--json")
    record = json.loads(result.stdout)
    bits = tmp_path / "bits.npz"
    words = [str(folder / "weights.pt"), "--suite", str(folder / "suite.yaml")]
    done = CliRunner().invoke(evaluate_app, [*words, "--out", str(bits)])
    assert done.exit_code == 0, done.output
    kept = Outcomes.from_bytes(bits.read_bytes())
    broken = 0
    for row, image in enumerate(record["images"]):
        assert (image["predicted"] == image["label"]) == kept.natural[row]
        for label in ("pgd", "flow"):
            if image["attacks"][label]["fooled"]:
                broken += 1
                assert not kept.robust[label][-1][row]
    assert broken > 0


def test_the_table_says_what_each_attack_does(folder: Path, tmp_path: Path) -> None:
    lines = command(folder, tmp_path / "it.png", "--images", "4,0").stdout.splitlines()
    assert lines[0].split() == ["image", "label", "clean", "pgd", "flow", "gini"]
    assert [line.split()[0] for line in lines[1:3]] == ["4", "0"]
    told = {line.split()[0]: line for line in lines[4:]}
    assert "that are right when clean" in told["pgd"]
    assert "short waves" not in told["pgd"]
    assert "of noise 0.12" in told["flow"]


def test_what_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    weights = folder / "weights.pt"
    assert "0 to 358, got 400" in error_of(weights, "--images", "1,400")
    assert error_of(weights, "--images", "all").startswith("--images must be numbers of images")
    assert error_of(weights, "--out", "it.svg") == (
        "--out must be a .png file, got it.svg; the numbers go beside it"
    )
    assert error_of(folder / "none.pt", "--out", "new/it.png") == (
        f"WEIGHTS must be a trained model's file that can be read, got {folder / 'none.pt'}: "
        f"No such file or directory"
    )
    assert not Path("new").exists(), "nothing is made where nothing is drawn"
    assert error_of(folder / "suite.yaml").startswith("WEIGHTS must be a trained model, got")
    assert "pgd.epsilon" in error_of(weights, "--set", "pgd.epsilon=-1")
    assert "nonsense" in error_of(weights, "--device", "nonsense")
    assert error_of(weights, "--noise", "inf").startswith("noise must be a number of at least 0")
    read = Weights.from_bytes(weights.read_bytes())
    foreign = read.trial | {"model": read.trial["model"] | {"name": "of_theirs:it"}}
    (tmp_path / "foreign.pt").write_bytes(replace(read, trial=foreign).to_bytes())
    assert "'of_theirs:it', which would be imported and run" in error_of("foreign.pt")
    kept = {"0.mean", "0.std"}
    zeros = {key: it if key in kept else torch.zeros_like(it) for key, it in read.model.items()}
    (tmp_path / "constant.pt").write_bytes(replace(read, model=zeros).to_bytes())
    assert "it is constant there, and there is nothing to explain" in error_of("constant.pt")
    assert not list(tmp_path.glob("*.png"))
