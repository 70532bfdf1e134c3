"""`python -m trainer.evaluate`: what it prints, what it keeps, what it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from tests.trainer.runs import run
from trainer.attacks import Attack
from trainer.config import Trial
from trainer.data import Dataset, DataSettings, fingerprint
from trainer.evaluate import app
from trainer.evaluation.origin import examples_id, model_id
from trainer.evaluation.outcomes import Outcomes
from trainer.evaluation.suite import evaluate, examples_of, read_suite
from trainer.input.checksum import checksum_line
from trainer.input.document import Document
from trainer.weights.checkpoint import Weights

pytestmark = pytest.mark.slow

SUITE = f"""\
unequal: short runs are quick
examples: 120
pgd: {{epsilon: 0.15, ladder: [1, 3, 6]}}
flow: {{epsilon: 0.05, ladder: [2]}}
half: {{attack: "{__name__}:Half"}}
"""
CALLS: list[int] = []


class Half(Attack):
    """Takes half of the light away, and keeps how many images it was called with."""

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        CALLS.append(len(images))
        return images / 2

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        return f"half of {image_shape[1]} rows"


@pytest.fixture(scope="module")
def folder(small_trial: Callable[..., Trial], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`standard.pt` and `pgd.pt`, trained for a moment, and `suite.yaml`."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "suite.yaml").write_text(SUITE)
    for method in ("standard", "pgd"):
        trial = small_trial(method={"method": method}, data={"train_examples": 320})
        model, _ = run(trial)
        weights = Weights(trial=trial.record(), model=model.state_dict())
        (folder / f"{method}.pt").write_bytes(weights.to_bytes())
    return folder


@pytest.fixture(scope="module")
def suite_id(folder: Path) -> str:
    return read_suite(Document.read(str(folder / "suite.yaml"))).id


@pytest.fixture
def models(folder: Path, tmp_path: Path) -> Path:
    """A copy of the folder, in which nothing has been evaluated."""
    return Path(shutil.copytree(folder, tmp_path / "models"))


def command(models: Path, method: str, *more: str) -> Result:
    words = [str(models / f"{method}.pt"), "--suite", str(models / "suite.yaml"), *more]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result


def record(models: Path, method: str, *more: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(command(models, method, "--json", *more).stdout)
    return document


def error_of(*words: object) -> str:
    """The one line on the error output of a command that does nothing."""
    before = len(CALLS)
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)  # no traceback
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert len(CALLS) == before
    return result.stderr.removeprefix("error: ").removesuffix("\n")


def rows_of(output: str) -> list[list[str]]:
    """Words of the lines that hold numbers, up to the caption."""
    return [line.split() for line in output.splitlines() if re.search(r"\d\.\d{4}", line)]


# What is kept


def test_the_bits_are_kept_beside_the_weights(models: Path, suite_id: str, digits: Dataset) -> None:
    command(models, "standard")
    path = models / f"standard.{suite_id}.npz"
    assert sorted(it.name for it in models.iterdir()) == sorted(
        ["pgd.pt", "standard.pt", "suite.yaml", path.name]
    )
    kept = Outcomes.from_bytes(path.read_bytes())
    assert kept.ladders == {"pgd": (1, 3, 6), "flow": (2,), "half": ()}
    weights = Weights.from_bytes((models / "standard.pt").read_bytes())
    assert kept.origin is not None
    assert kept.origin.model == model_id(weights.model)
    assert kept.origin.suite == suite_id
    suite = read_suite(Document.read(str(models / "suite.yaml")))
    rows = digits.test.rows[examples_of(suite, digits.test)]
    images = fingerprint(DataSettings(name="digits", validation=1))
    assert kept.origin.examples == examples_id(images, "test", rows)
    assert 20 < kept.natural.sum() < 120
    assert 0 < kept.robust["pgd"][-1].sum() < kept.natural.sum()


def test_bits_are_those_of_the_evaluation(
    models: Path, suite_id: str, small_trial: Callable[..., Trial], digits: Dataset
) -> None:
    told = record(models, "pgd", "--out", str(models / "new" / "bits.npz"))
    kept = Outcomes.from_bytes((models / "new" / "bits.npz").read_bytes())
    model, _ = run(small_trial(method={"method": "pgd"}, data={"train_examples": 320}))
    suite = read_suite(Document.read(str(models / "suite.yaml")))
    expected = evaluate(model, suite, digits, progress=None)
    assert np.array_equal(kept.natural, expected.natural)
    for category, bits in expected.robust.items():
        assert np.array_equal(kept.robust[category], bits), category
    assert told["accuracies"] == expected.accuracies()


def test_bits_that_are_there_are_used_again(models: Path, suite_id: str) -> None:
    first = command(models, "standard")
    path, calls = models / f"standard.{suite_id}.npz", len(CALLS)
    written = path.stat().st_mtime_ns
    again = command(models, "standard", "--set", "batch_size=7")
    assert again.stdout == first.stdout
    assert len(CALLS) == calls
    assert path.stat().st_mtime_ns == written
    assert first.stderr == f"bits are in {path}\n"
    assert again.stderr == f"bits are those of {path}; remove it to attack again\n"


@pytest.mark.parametrize("change", ["model", "origin", "damage"])
def test_bits_of_something_else_are_not(models: Path, suite_id: str, change: str) -> None:
    command(models, "standard")
    path = models / f"standard.{suite_id}.npz"
    whole = path.read_bytes()
    if change == "model":
        shutil.copy(models / "pgd.pt", models / "standard.pt")
    elif change == "origin":
        path.write_bytes(replace(Outcomes.from_bytes(whole), origin=None).to_bytes())
    else:
        path.write_bytes(whole[:100])
    calls = len(CALLS)
    command(models, "standard")
    assert len(CALLS) > calls
    again = Outcomes.from_bytes(path.read_bytes())
    same_model = again.origin == Outcomes.from_bytes(whole).origin
    assert same_model == (change != "model")


# What is printed


def test_the_table_has_every_rung_and_no_steps_where_there_are_none(
    models: Path, suite_id: str
) -> None:
    result = command(models, "standard")
    kept = Outcomes.from_bytes((models / f"standard.{suite_id}.npz").read_bytes())
    rows = rows_of(result.stdout)
    heads = [" ".join(row[: len(row) - 5]) for row in rows]  # without numbers
    assert heads == [
        "pgd 0.15 1",
        "3",
        "6",
        "flow 0.05 (0.2 px, zeros) 2",
        "half half of 8 rows",
        "",  # natural has one number less
        "pgd mean",
        "mean of all mean",
        "union",
    ]
    accuracies = [float(row[-5]) for row in rows if row[0] != "natural"]
    rungs = [float(bits.mean()) for rows in kept.robust.values() for bits in rows]
    measures = kept.measures()
    summary = ("robust_accuracy_pgd", "mean_robust_accuracy", "union_accuracy")
    expected = [*rungs, *(measures[name].value for name in summary)]
    assert accuracies == pytest.approx(expected, abs=5e-5)
    correct_only = [float(row[-1]) for row in rows if row[0] != "natural"]
    assert correct_only == pytest.approx(
        [accuracy / kept.natural_accuracy() for accuracy in expected], abs=5e-5
    )
    natural = next(row for row in rows if row[0] == "natural")
    low, high = binomtest(int(kept.natural.sum()), 120).proportion_ci(method="wilson")
    assert natural[1:] == [f"{kept.natural.mean():.4f}", f"{low:.3f}", "to", f"{high:.3f}"]
    *_, images, right, few = result.stdout.splitlines()
    share = kept.robust["pgd"][0].sum() + kept.robust["pgd"][1].sum()
    share /= kept.robust["pgd"].sum()
    said = "rungs of at most 5 steps make up this share of a category's mean:"
    assert few == f"{said} pgd {100 * share:.0f} %, flow 100 %"
    assert [images, right] == [
        f"{models / 'standard.pt'} on digits, test: 120 images, suite {suite_id}",
        f"correct only: of the {kept.natural.sum()} classified rightly when clean",
    ]


def test_the_record_has_every_number(models: Path, suite_id: str) -> None:
    told = record(models, "pgd")
    kept = Outcomes.from_bytes((models / f"pgd.{suite_id}.npz").read_bytes())
    assert told["examples"] == 120
    assert told["accuracies"] == kept.accuracies()
    assert list(told["estimates"]) == list(kept.measures())
    for name, accuracy in kept.accuracies().items():
        found = told["estimates"][name]
        assert found["value"] == accuracy
        assert found["low"] < accuracy < found["high"] or accuracy in (0, 1)
        if name != "natural_accuracy":
            among = told["correct_only"][name]["value"]
            assert among == pytest.approx(accuracy / kept.natural_accuracy())
    assert [rung["rung"] for rung in told["rungs"]["pgd"]] == [1, 3, 6]
    assert [rung["rung"] for rung in told["rungs"]["half"]] == [None]
    assert told["rungs"]["pgd"][-1]["robust_accuracy"] == told["estimates"]["worst_pgd"]
    assert told["rungs"]["pgd"][-1]["correct_only"] == told["correct_only"]["worst_pgd"]
    assert told["reach"]["half"] == "half of 8 rows"
    assert told["origin"]["suite"] == suite_id
    assert read_suite(Document.from_plain(told["suite"], "record")).id == suite_id
    assert "comparisons" not in told


def test_a_model_that_is_never_right_has_no_accuracy_among_the_right_ones(models: Path) -> None:
    """It says zero to everything, and the first of the test images is none."""
    weights = Weights.from_bytes((models / "standard.pt").read_bytes())
    broken = {
        name: tensor if name in ("0.mean", "0.std") else torch.zeros_like(tensor)
        for name, tensor in weights.model.items()
    }
    (models / "standard.pt").write_bytes(replace(weights, model=broken).to_bytes())
    told = record(models, "standard", "--set", "examples=1")
    assert told["accuracies"]["natural_accuracy"] == 0
    assert set(told["correct_only"].values()) == {None}
    table = command(models, "standard", "--set", "examples=1").stdout
    assert rows_of(table)[-1] == ["union", "0.0000", "0.000", "to", "0.793"]  # 3.84 / 4.84


def test_what_there_is_to_warn_of_is_printed_and_kept(models: Path, suite_id: str) -> None:
    """Logits that are multiplied have no gradient. Bits of before they were checked are checked."""
    assert record(models, "standard")["warnings"] == []
    weights = Weights.from_bytes((models / "standard.pt").read_bytes())
    last = list(weights.model)[-2:]
    saturated = {name: it * (1e6 if name in last else 1) for name, it in weights.model.items()}
    (models / "standard.pt").write_bytes(replace(weights, model=saturated).to_bytes())
    (warning,) = record(models, "standard")["warnings"]
    assert warning["code"] == "zero_gradient"
    line = command(models, "standard").stdout.splitlines()[-1]
    assert line == f"warning: zero_gradient: {warning['message']}"
    path = models / f"standard.{suite_id}.npz"
    kept = Outcomes.from_bytes(path.read_bytes())
    path.write_bytes(replace(kept, warnings=None).to_bytes())
    calls = len(CALLS)
    assert record(models, "standard")["warnings"] == [warning]
    assert len(CALLS) == calls
    assert Outcomes.from_bytes(path.read_bytes()).warnings == kept.warnings


# Comparison


def test_two_models_are_compared(models: Path, suite_id: str) -> None:
    record(models, "standard")
    other_path = models / f"standard.{suite_id}.npz"
    told = record(models, "pgd", "--against", str(other_path))["comparisons"]
    one = Outcomes.from_bytes((models / f"pgd.{suite_id}.npz").read_bytes())
    other = Outcomes.from_bytes(other_path.read_bytes())
    assert list(told) == list(one.measures())
    for category, bits in one.robust.items():
        wins = int((bits[-1] & ~other.robust[category][-1]).sum())
        losses = int((other.robust[category][-1] & ~bits[-1]).sum())
        found = told[f"worst_{category}"]
        assert (found["wins"], found["losses"]) == (wins, losses)
        if wins + losses:
            expected = binomtest(wins, wins + losses).pvalue
            assert found["p_value"] == pytest.approx(expected, abs=1e-12)
        assert found["difference"]["value"] == pytest.approx((wins - losses) / 120)

    table = command(models, "pgd", "--against", str(other_path)).stdout
    rows = {row[0]: row[1:] for row in rows_of(table)[-len(told) :]}
    assert list(rows) == list(told)
    for name, (change, low, to, high, wins, losses, p_value) in rows.items():
        found = told[name]
        assert float(change) == pytest.approx(found["difference"]["value"], abs=5e-5)
        assert float(low) == pytest.approx(found["difference"]["low"], abs=5e-4)
        assert float(high) == pytest.approx(found["difference"]["high"], abs=5e-4)
        assert (to, int(wins), int(losses)) == ("to", found["wins"], found["losses"])
        assert float(p_value) == pytest.approx(found["p_value"], rel=0.06)


def test_the_same_images_are_known_whatever_else_was_cut(
    models: Path, small_trial: Callable[..., Trial], suite_id: str
) -> None:
    """The other model held other images out for validation; the test images are the same."""
    command(models, "standard")
    trial = small_trial(data={"validation": 90, "split_seed": 4})
    model, _ = run(trial)
    weights = Weights(trial=trial.record(), model=model.state_dict())
    (models / "pgd.pt").write_bytes(weights.to_bytes())
    told = record(models, "pgd", "--against", str(models / f"standard.{suite_id}.npz"))
    assert told["comparisons"]["natural_accuracy"]["p_value"] <= 1


def test_outcomes_of_unknown_origin_are_compared_with_a_warning(
    models: Path, suite_id: str
) -> None:
    command(models, "standard")
    path = models / f"standard.{suite_id}.npz"
    path.write_bytes(replace(Outcomes.from_bytes(path.read_bytes()), origin=None).to_bytes())
    result = command(models, "pgd", "--json", "--against", str(path))
    assert f"warning: {path} does not say of which suite and images it is" in result.stderr
    assert "comparisons" in json.loads(result.stdout)


# What is refused, before anything is attacked


def test_what_must_not_be_compared(models: Path, suite_id: str) -> None:
    command(models, "standard")
    bits = models / f"standard.{suite_id}.npz"
    base = [models / "pgd.pt", "--suite", models / "suite.yaml"]
    message = error_of(*base, "--set", "pgd.epsilon=0.2", "--against", bits)
    assert re.match(rf"suite must be the same .*, got e\w+ and {suite_id}; evaluate both", message)
    outcomes = Outcomes.from_bytes(bits.read_bytes())
    assert outcomes.origin is not None
    elsewhere = replace(outcomes.origin, examples="x0")
    bits.write_bytes(replace(outcomes, origin=elsewhere).to_bytes())
    message = error_of(*base, "--against", bits)
    assert re.match(r"examples must be the same .*, got x\w+ and x0; evaluate both", message)
    message = error_of(*base, "--against", models / "pgd.pt")
    assert message.startswith(f"--against must be a file of outcomes, got {models / 'pgd.pt'} (")
    assert "No such file" in error_of(*base, "--against", models / "nowhere.npz")


def test_what_is_no_input(models: Path) -> None:
    weights, suite = models / "standard.pt", models / "suite.yaml"
    assert "No such file" in error_of(models / "nowhere.pt")
    message = error_of(suite)
    assert message.startswith(f"WEIGHTS must be a trained model, got {suite} (")
    assert "pgd.epsilon: must be >= 0" in error_of(weights, "--set", "pgd.epsilon=-1")
    assert "nonsense" in error_of(weights, "--device", "nonsense")
    assert error_of(weights, "--out", models) == (
        f"--out must be a file that can be written, got {models}; choose another"
    )


def test_weights_that_are_damaged_or_foreign(models: Path) -> None:
    path = models / "standard.pt"
    whole = path.read_bytes()
    path.with_name("standard.pt.sha256").write_bytes(checksum_line("standard.pt", whole[1:]))
    assert error_of(path).startswith(f"{path}: must have the SHA-256 that standard.pt.sha256")
    path.with_name("standard.pt.sha256").unlink()
    weights = Weights.from_bytes(whole)
    state = {name: it.double() for name, it in weights.model.items()}
    path.write_bytes(replace(weights, model=state).to_bytes())
    assert error_of(path).startswith(f"{path}: 0.mean: must be torch.float32")
    state = {name: it / 0 for name, it in weights.model.items()}
    path.write_bytes(replace(weights, model=state).to_bytes())
    assert error_of(path).startswith(f"{path}: 0.mean: must be finite")
    for section in ("model", "data"):
        trial = weights.trial | {section: weights.trial[section] | {"name": "of_theirs:it"}}
        path.write_bytes(replace(weights, trial=trial).to_bytes())
        assert "'of_theirs:it', which would be imported and run" in error_of(path)
        assert "importable" in error_of(path, "--trust-code", "--suite", models / "suite.yaml")


def test_data_that_lie_elsewhere(models: Path, tmp_path: Path) -> None:
    path = models / "standard.pt"
    weights = Weights.from_bytes(path.read_bytes())
    data = weights.trial["data"] | {"name": "mnist", "root": "/nowhere"}
    path.write_bytes(replace(weights, trial=weights.trial | {"data": data}).to_bytes())
    assert "in /nowhere/MNIST/raw; " in (message := error_of(path))
    assert message.endswith("or say where they lie by --data-root FOLDER")
    assert f"in {tmp_path}/MNIST/raw; " in error_of(path, "--data-root", tmp_path)


def test_a_trial_of_a_storage_is_evaluated_by_its_id(
    models: Path, tmp_path: Path, suite_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial_id, storage = "t0123456789abcdef", tmp_path / "runs"
    folder = storage / "trials" / trial_id
    (folder / "attempts" / "000002").mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"record": {"attempt": 2}}))
    shutil.copy(models / "standard.pt", folder / "attempts" / "000002" / "weights.pt")
    before = sorted(storage.rglob("*"))
    monkeypatch.chdir(models)
    words = [trial_id, "--storage", str(storage), "--suite", "suite.yaml"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert sorted(storage.rglob("*")) == before
    assert result.stderr == f"bits are in {trial_id}.{suite_id}.npz\n"
    command(models, "standard")
    bits = (models / f"standard.{suite_id}.npz").read_bytes()
    assert (models / f"{trial_id}.{suite_id}.npz").read_bytes() == bits


def test_what_the_model_was_trained_on_is_not_unseen(models: Path) -> None:
    suite = models / "suite.yaml"
    suite.write_text(f"{SUITE}more: {{attack: pgd, epsilon: 0.3, ladder: [1], unseen: true}}\n")
    words = [str(models / "pgd.pt"), "--suite", str(suite)]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 2
    assert "more.unseen: must be false where the model was trained on the same threat" in (
        refused.stderr
    )
    assert not list(models.glob("*.npz"))
    assert record(models, "standard")["unseen_doubt"] is None
    weights = Weights.from_bytes((models / "pgd.pt").read_bytes())
    training = {key: it for key, it in weights.trial["training"].items() if key != "attacks"}
    bare = replace(weights, trial=weights.trial | {"training": training})
    (models / "bare.pt").write_bytes(bare.to_bytes())
    said = "its file does not say what it was trained on"
    assert said in record(models, "bare")["unseen_doubt"]
    assert said in " ".join(command(models, "bare").stdout.split())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_must_not_be_written_is_told_of_first(models: Path) -> None:
    models.chmod(0o555)
    try:
        message = error_of(models / "standard.pt", "--suite", models / "suite.yaml")
    finally:
        models.chmod(0o755)
    assert message.startswith("--out must be a file that can be written")


@pytest.mark.parametrize("kind", ["a device", "a folder"])
def test_bits_go_to_a_file_alone(models: Path, tmp_path: Path, kind: str) -> None:
    place = Path(os.devnull) if kind == "a device" else tmp_path
    message = error_of(models / "standard.pt", "--suite", models / "suite.yaml", "--out", place)
    assert message.startswith(f"--out must be a file that can be written, got {place}")


# Names by content


def test_a_models_name_is_its_tensors(models: Path) -> None:
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "c": torch.zeros(0)}
    name = model_id(state)
    assert re.fullmatch(r"w[0-9a-f]{16}", name)
    assert model_id({key: tensor.clone() for key, tensor in state.items()}) == name
    assert model_id(state | {"a": state["a"].T.contiguous().T}) == name
    changed = [
        {"a": state["a"] + 1e-6},
        {"a": state["a"].reshape(3, 2)},
        {"a": state["a"].view(torch.int32)},
        {"a": state["a"].bfloat16()},
        {"b": torch.tensor(4)},
        {"d": state["c"]},
    ]
    assert len({name, *(model_id(state | change) for change in changed)}) == len(changed) + 1


def test_images_names_are_the_data_the_split_and_the_rows() -> None:
    rows = torch.tensor([0, 3, 5])
    names = {
        examples_id("data", "test", rows),
        examples_id("other", "test", rows),
        examples_id("data", "validation", rows),
        examples_id("data", "test", rows[:2]),
        examples_id("data", "test", rows + 1),
    }
    assert len(names) == 5
    assert examples_id("data", "test", rows.clone()) in names
