"""Claim suites on real images: a sweep's models under each, from start to end."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from orchestrator.sweep import app

SUITES = Path(__file__).parents[3] / "sweeps" / "suites"

SWEEP = """
data: {name: NAME, root: ROOT, validation: 100, train_examples: 1000, verify: false}
model: {name: cnn, channels: [8, 16], kernel_size: 3, hidden: 32}
training:
  epochs: 1
  batch_size: 50
  optimiser: {name: adam, learning_rate: 0.002}
  attacks: {pgd: {num_steps: 2, step_size: null}, flow: {num_steps: 2}, rt: {num_steps: 2}}
validation:
  examples: 16
  attacks: {pgd: {num_steps: 2}, flow: {num_steps: 2}, rt: {num_steps: 2}}
methods: {pgd: {natural_weight: 0.5}}
evaluation: {examples: 16, pgd: {ladder: [5]}, flow: {ladder: [5]}, rt: {ladder: [5]}}
tracking: none
"""


@pytest.mark.slow
@pytest.mark.skipif("PARETO_DATA" not in os.environ, reason="PARETO_DATA is not set")
@pytest.mark.skipif(importlib.util.find_spec("pyautoattack") is None, reason="no AutoAttack")
@pytest.mark.parametrize(("name", "stem"), [("mnist", "claim_mnist"), ("cifar10", "claim_cifar")])
def test_a_claim_suite_runs_on_real_images(name: str, stem: str, tmp_path: Path) -> None:
    """Two models, of standard and PGD training, on 16 test images."""
    sweep, suite = tmp_path / f"{name}.yaml", tmp_path / f"{stem}.yaml"
    root = json.dumps(os.environ["PARETO_DATA"])
    sweep.write_text(SWEEP.replace("NAME", name).replace("ROOT", root))
    suite.write_text(f"examples: 16\n{(SUITES / suite.name).read_text()}")
    command = [str(sweep), "--local", "--storage", str(tmp_path / "runs")]
    for further in ([], ["--evaluate", str(suite)]):
        result = CliRunner().invoke(app, [*command, *further])
        assert result.exit_code == 0, result.output
    (table,) = (tmp_path / "runs").glob(f"sweeps/{name}/suites/{stem}-*/trials.csv")
    trials = pd.read_csv(table)
    assert len(trials) == 2
    seen = [column for column in trials if column.startswith("worst_")]
    unseen = [column for column in trials if column.startswith("unseen_worst_")]
    assert len(seen) == 8
    assert len(unseen) == 6
    for column in (*seen, *unseen):
        assert trials[column].between(0, trials["natural_accuracy"]).all(), column
    assert (trials["union_accuracy"] <= trials[seen].min(axis=1)).all()
    contrasts = json.loads(table.with_name("contrasts.json").read_text())
    assert contrasts["stands_on"]["is_claim_suite"] is True
