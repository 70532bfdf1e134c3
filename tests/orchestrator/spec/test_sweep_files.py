"""The sweep files that come with the project: each reads, and says how many trials it is."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.sweep import app

FILES = sorted((Path(__file__).parents[3] / "sweeps").glob("*.yaml"))
DATA = os.environ.get("PARETO_DATA")

every_file = pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])


def stated_trials(path: Path) -> int:
    stated = re.search(r"^# (\d+) trials$", path.read_text(), re.MULTILINE)
    assert stated is not None, "the comment at its head says how many trials it is"
    return int(stated[1])


def stated_confirmation(path: Path) -> int | None:
    """How many trials the comment beside `confirm` says; None where the file confirms nothing."""
    stated = re.search(r"^confirm:.* (\d+) more: ", path.read_text(), re.MULTILINE)
    return None if stated is None else int(stated[1])


SIZES = {
    "digits": (1_438, 359),
    "mnist": (60_000, 10_000),
    "fashion_mnist": (60_000, 10_000),
    "cifar10": (50_000, 10_000),
    "caltech256": (24_485, 6_122),
}
"""Training and test images of each data set."""


def read(path: Path) -> SweepSpec:
    return read_spec(str(path), [], {})


def test_files_are_those_of_the_readme() -> None:
    names = {path.stem for path in FILES}
    assert {"quickstart", "front_mnist", "front_cifar", "front_caltech"} <= names


@every_file
def test_it_makes_the_trials_that_it_states(path: Path) -> None:
    spec = read(path)
    references, others = len(spec.seeds), (len(spec.cells) - 1) * len(spec.seeds)
    assert references + (spec.search.trials or others) == stated_trials(path)
    assert spec.name == path.stem


@every_file
def test_every_method_of_the_paper_is_in_it(path: Path) -> None:
    """Two compare the paper's method with some of the others, since they are to be quick."""
    methods = {"standard", *read(path).space.methods}
    if path.stem in {"quickstart", "comparison_fashion"}:
        assert {"standard", "pgd", "average", "pareto"} <= methods
        return
    paper = {"standard", "pgd", "flow", "rt", "integrated", "average", "maximum", "pareto"}
    assert paper <= methods


@every_file
def test_each_method_has_as_many_cells_and_epochs(path: Path) -> None:
    """None is favoured by its grid, but for the reference, and the file says what is equal."""
    spec = read(path)
    counts = Counter(cell.method for cell in spec.cells)
    del counts["standard"]
    assert len(set(counts.values())) <= 1, counts
    assert len({cell.trial.training.epochs for cell in (*spec.cells, *spec.probes)}) == 1
    assert "the same epochs" in " ".join(path.read_text().replace("#", " ").split())


@every_file
def test_training_and_evaluation_know_the_same_categories(path: Path) -> None:
    """Of as many held-out images as the test split has, or nearly a sixth of the training ones."""
    spec = read(path)
    assert list(spec.suite.categories) == ["pgd", "flow", "rt"]
    trial = spec.cells[0].trial
    assert set(trial.validation_attacks) == set(spec.suite.categories)

    # enough images are held out, and all of them are used
    training, test = SIZES[trial.data.name]
    training = trial.data.train_examples or training
    assert trial.data.validation >= 0.97 * min(test, training / 6)
    assert spec.choice_suite is not None
    assert (spec.choice_suite.examples or test) >= trial.data.validation


@pytest.mark.parametrize("name", ["quickstart", "random_digits", "comparison_digits"])
def test_digits_need_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (path,) = [path for path in FILES if path.stem == name]
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [str(path), "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["counts"] == {"pending": stated_trials(path)}
    fresh = found["confirmation"]
    assert (None if fresh is None else fresh["most_trials"]) == stated_confirmation(path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["front_mnist", "front_cifar", "front_caltech"])
def test_without_its_data_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A trial's id stands on its data, so not even the plan can be shown without them."""
    (path,) = [path for path in FILES if path.stem == name]
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [str(path), "--dry-run"])
    assert result.exit_code == 2
    assert f"{name}.yaml:" in result.stderr
    assert f" in {tmp_path}/data/" in result.stderr
    assert "or --download on the command line" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(DATA is None, reason="PARETO_DATA is not set")
@pytest.mark.parametrize(
    ("name", "validation"),
    [
        ("front_mnist", 5000),
        ("front_cifar", 500),
        pytest.param("front_caltech", 100, marks=pytest.mark.slow),  # its images are decoded
    ],
)
def test_with_its_data_the_plan_is_shown(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    validation: int,
) -> None:
    """The images at hand may be a part of the set: fewer are held out then."""
    (path,) = [path for path in FILES if path.stem == name]
    monkeypatch.chdir(tmp_path)
    settings = {
        "data.root": DATA,
        "data.verify": False,
        "data.validation": validation,
        "data.cache": str(tmp_path_factory.mktemp("cache")),
    }
    arguments = [f"--set={key}={json.dumps(value)}" for key, value in settings.items()]
    result = CliRunner().invoke(app, [str(path), *arguments, "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["counts"] == {"pending": stated_trials(path)}
    assert not list(tmp_path.iterdir())
