"""A device is one that this machine has."""

from __future__ import annotations

import pytest
import torch
from typer.testing import CliRunner

from trainer import evaluate, train
from trainer.device.choice import usable_device

ABSENT = "cuda:99"


@pytest.mark.parametrize("name", [ABSENT, "meta", "gpu", "", "cpu:x"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="--device must be one of this machine's, got") as caught:
        usable_device(name)
    assert "\n" not in str(caught.value)


def test_the_cpu_is_there() -> None:
    assert usable_device("cpu") == torch.device("cpu")


def test_training_on_a_device_that_is_not_there_ends_before_it_begins() -> None:
    arguments = ["--data", "digits", "--device", ABSENT, "--out", "no_such_folder"]
    result = CliRunner().invoke(train.app, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --device must be")
    assert evaluate.usable_device is train.usable_device
