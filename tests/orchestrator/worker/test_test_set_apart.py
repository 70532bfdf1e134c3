"""No test image trains, steers or picks: a sweep on a poisoned test set comes to the same models
and to the same choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from orchestrator.plan.plan import Plan
from orchestrator.results.trials_table import trials_table, validation_table
from orchestrator.search.growth import observe
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.worker import data
from tests.orchestrator.finished import do_sweep, read_sweep, store_of
from tests.orchestrator.working import TIMES
from trainer.data import DATASETS, DataSettings, Pictures, Split
from trainer.data.digits import Digits

METHODS = "methods={pgd: {}, average: {natural_weight: 0.6}}"

Swept = tuple[SweepSpec, Plan]

pytestmark = pytest.mark.slow


class Poisoned(Digits):
    """The digits with noise of wrong labels for test images, as their fingerprint does not say."""

    def read(self, settings: DataSettings) -> Pictures:
        pictures = super().read(settings)
        generator = torch.Generator().manual_seed(0)
        stored = pictures.test.stored
        noise = torch.randint(256, stored.shape, dtype=torch.uint8, generator=generator)
        return replace(pictures, test=Split.of(noise, (pictures.test.labels + 1) % 10))


def swept(folder: Path) -> Swept:
    folder.mkdir()
    data.loaded.cache_clear()
    spec = read_sweep(folder, "small", METHODS)
    plan = do_sweep(spec)
    data.loaded.cache_clear()
    return spec, plan


def made(spec: SweepSpec, plan: Plan) -> dict[str, Any]:
    """Weights and epochs of every trial, clocks apart."""
    found = {}
    for planned in plan.trials:
        stored = store_of(spec).trial(planned.id)
        weights = stored.weights()
        assert weights is not None
        states = {name: tensor.numpy().tobytes() for name, tensor in weights.model.items()}
        rows = [{k: v for k, v in row.items() if k not in TIMES} for row in stored.rows()]
        found[planned.id] = (states, rows)
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Swept, Swept]:
    """A sweep that is done, on the digits' own test set and on the poisoned one."""
    folder = tmp_path_factory.mktemp("sweeps")
    clean = swept(folder / "clean")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, "digits", Poisoned())
        return clean, swept(folder / "poisoned")


def test_a_poisoned_test_set_changes_no_model_and_no_choice(both: tuple[Swept, Swept]) -> None:
    clean, poisoned = both
    assert made(*clean) == made(*poisoned)
    pd.testing.assert_frame_equal(
        *(validation_table(*each, "suite").drop(columns="seconds") for each in both)
    )
    ours, theirs = (trials_table(*each, "suite") for each in both)
    for mark in ("selected", "at_knee"):
        assert theirs[mark].tolist() == ours[mark].tolist()
    assert ours["selected"].any()
    assert set(ours["split"]) == set(theirs["split"]) == {"test"}
    assert ours["natural_accuracy"].tolist() != theirs["natural_accuracy"].tolist()


def test_no_search_is_led_by_a_test_image(both: tuple[Swept, Swept]) -> None:
    """What a strategy knows is of the half of the validation images that steers."""
    ours, theirs = (
        [{k: v for k, v in trial.values.items() if k != "seconds"} for trial in known.trials]
        for known in (observe(*each) for each in both)
    )
    assert ours == theirs
    picking = validation_table(*both[0], "suite")["natural_accuracy"].tolist()
    assert [values["natural_accuracy"] for values in ours] != picking


def test_counts_of_both_halves_are_those_of_the_bits(both: tuple[Swept, Swept]) -> None:
    spec, plan = both[0]
    assert spec.choice_suite is not None
    for planned in plan.trials:
        bits = store_of(spec).trial(planned.id).outcomes(spec.choice_suite.id)
        assert planned.validation is not None
        assert planned.validation.halves is not None
        assert bits is not None
        halves = (planned.validation.halves.picking, planned.validation.halves.steering)
        assert bits.steers is not None
        assert bits.among(~bits.steers).withstood() == halves[0].withstood
        sums = tuple(map(sum, zip(*(half.withstood["pgd"] for half in halves), strict=True)))
        assert sums == bits.withstood()["pgd"]
