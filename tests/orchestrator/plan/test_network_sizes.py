"""Sizes of networks are those of their tensors, and not known where nobody can say."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from orchestrator.plan.network_sizes import (
    BYTES_OF_TENSOR,
    bytes_by_network,
    bytes_of_weights,
    network_id,
)
from orchestrator.spec.sweep_spec import SweepSpec
from tests.orchestrator.conftest import Read
from trainer import models
from trainer.config import Trial
from trainer.data.published import IMAGES

SWEEP = "data: digits\nmethods: {pgd: {}, flow: {}}\n"


@pytest.fixture
def spec(read: Read) -> SweepSpec:
    return read(SWEEP)


def trial_of(spec: SweepSpec) -> Trial:
    return spec.cells[0].trial


def test_a_networks_bytes_are_those_of_its_tensors(spec: SweepSpec) -> None:
    """Counted on a network with numbers in it, which the forecast makes without."""
    trial, images = trial_of(spec), IMAGES["digits"]
    half = (0.5,) * images.shape[0]
    model = models.build(
        trial.model, image_shape=images.shape, num_classes=images.classes, mean=half, std=half
    )
    numbers = [tensor.numel() * tensor.element_size() for tensor in model.state_dict().values()]
    assert bytes_of_weights(trial) == sum(numbers) + BYTES_OF_TENSOR * len(numbers)
    assert next(model.parameters()).device == torch.device("cpu")


@pytest.mark.parametrize("error", [RuntimeError("it needs a GPU"), ZeroDivisionError()])
def test_a_network_that_cannot_be_made_has_no_size(
    spec: SweepSpec, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """As one of the user's own may raise anything: a forecast says less then, and goes on."""

    def raises(*_: Any, **__: Any) -> torch.nn.Module:
        raise error

    monkeypatch.setattr(models, "build", raises)
    trial = trial_of(spec)
    assert bytes_of_weights(trial) is None
    assert bytes_by_network([trial]) == {network_id(trial): None}


def test_images_of_ones_own_are_not_read_for_a_size(spec: SweepSpec) -> None:
    trial = trial_of(spec)
    data = trial.data.model_copy(update={"name": "my.package:Data"})
    assert bytes_of_weights(trial.model_copy(update={"data": data})) is None


def test_networks_of_equal_tensors_are_one(spec: SweepSpec) -> None:
    assert len(spec.cells) == 3
    assert len(bytes_by_network(cell.trial for cell in spec.cells)) == 1
