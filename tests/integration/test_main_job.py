"""The sweep files that a user runs, by the README's very command, shrunk by `--set` alone."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from tests.integration.in_process import swept
from tests.integration.running import Place

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parent.parent.parent
FEW = {
    "data.train_examples": 8,
    "data.test_examples": 6,
    "data.validation": 20,
    "training.epochs": 1,
    "training.batch_size": 4,
    "validation.examples": 4,
    "seeds": "[0]",
    "resources.cpu": 1,
    **{f"training.attacks.{name}.num_steps": 1 for name in ("pgd", "flow", "rt", "integrated")},
    **{f"validation.attacks.{name}.num_steps": 1 for name in ("pgd", "flow", "rt")},
    **{f"evaluation.{name}.ladder": "[1, 2]" for name in ("pgd", "flow", "rt")},
}
WEIGHTS = "[{natural: 0.4, pgd: 0.3, flow: 0.15, rt: 0.15}]"
ONE_WEIGHT: dict[str, object] = {
    **{
        f"methods.{method}.vary.natural_weight": "[0.4]"
        for method in ("pgd", "flow", "rt", "integrated", "average", "maximum")
    },
    "methods.weighted.vary.weights": WEIGHTS,
    "methods.pareto.vary.rho": "[0.4]",
}
ONE_VALUE_AN_AXIS: dict[str, dict[str, object]] = {
    "quickstart": {
        "methods.pgd.vary.natural_weight": "[0.4]",
        "methods.average.vary.natural_weight": "[0.4]",
        "methods.pareto.vary.rho": "[0.4]",
    },
    "random_digits": {"search.trials": 7},
    "laptop_mnist": ONE_WEIGHT,
    "front_mnist": ONE_WEIGHT,
    "front_cifar": {
        "data.verify": "false",  # the copy at hand is a part of the published files
        "methods.pgd.vary.pgd.epsilon": "[8/255]",
        "methods.flow.vary.flow.epsilon": "[0.05]",
        "methods.rt.vary.rt.epsilon": "[0.1]",
        "methods.integrated.vary.training.radius_scale": "[1]",
        "methods.average.vary.natural_weight": "[0.25]",
        "methods.maximum.vary.natural_weight": "[0.25]",
        "methods.weighted.vary.weights": WEIGHTS,
        "methods.pareto.vary.rho": "[0.4]",
        "methods.pareto_absolute.vary.r": "[0.5]",
    },
    "front_caltech": ONE_WEIGHT,
    "comparison_digits": {
        **ONE_WEIGHT,
        **{
            f"methods.{method}.vary.natural_weight": "[0.4]"
            for method in ("sat", "eat", "msd", "ramp", "tchebycheff")
        },
        "methods.means.vary.rho": "[0.4]",
        "methods.trades.vary.beta": "[1]",
        "methods.mgda.vary.training.radius_scale": "[1]",
        "seeds": "[0, 1]",  # a replay takes another seed's schedule
        "confirm": "null",  # which would do all of it again
    },
    "comparison_fashion": {
        key: value
        for key, value in ONE_WEIGHT.items()
        if key.split(".")[1] not in {"flow", "rt", "integrated"}
    }
    | {"methods.eat.vary.natural_weight": "[0.4]", "confirm.seeds": "1"},
}
ON_DIGITS = {"quickstart", "random_digits", "comparison_digits"}


def test_every_sweep_file_is_here() -> None:
    assert {path.stem for path in (ROOT / "sweeps").glob("*.yaml")} == set(ONE_VALUE_AN_AXIS)


@pytest.mark.parametrize("name", ONE_VALUE_AN_AXIS)
def test_the_sweep_file_runs(name: str, place: Place, tmp_path: Path) -> None:
    settings = FEW | ONE_VALUE_AN_AXIS[name]
    if name not in ON_DIGITS:
        root = os.environ.get("PARETO_DATA")
        if not root:
            pytest.skip("PARETO_DATA names no folder of real images")
        settings |= {"data.root": root, "data.cache": str(tmp_path / "cache")}
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    command = (ROOT / "sweeps" / f"{name}.yaml", *words, "--storage", tmp_path)
    run = place.swept if name == "quickstart" else swept  # Ray once: the rest differ in trials
    done = run(*command, "--tracking-uri", "none")
    assert done.code == 0, done
    table = pd.read_csv(tmp_path / "sweeps" / name / "trials.csv")
    assert (table["status"] == "done").all()
    if "confirm.seeds" in settings:
        fresh = pd.read_csv(tmp_path / "sweeps" / name / "confirmed.csv")
        assert (fresh["status"] == "done").all()
        assert set(fresh["method"]) == set(table["method"])
        assert not set(fresh["seed"]) & set(table["seed"])
    assert table["natural_accuracy"].between(0, 1).all()
    assert table["on_front"].any() == (~table["collapsed"]).any()  # so few steps may leave none
    assert {"standard", "pgd", "average", "pareto"} <= set(table["method"])
    assert (tmp_path / "sweeps" / name / "front.svg").is_file()
