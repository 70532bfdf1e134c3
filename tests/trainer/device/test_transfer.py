"""What travels between host and device arrives as it was; here both are the host."""

from __future__ import annotations

import pytest
import torch

from tests.trainer.runs import CPU
from trainer.device.transfer import Fetched, moved, sent

DEVICES = [
    CPU,
    pytest.param(
        torch.device("cuda"),
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    ),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_arrive(device: torch.device, dtype: torch.dtype) -> None:
    there = sent([0.25, -3.0], like=torch.zeros(1, dtype=dtype, device=device))
    assert (there.dtype, there.device.type) == (dtype, device.type)
    assert Fetched(there).read() == [0.25, -3.0]


@pytest.mark.parametrize("device", DEVICES)
def test_tensors_arrive_and_go_nowhere_if_they_are_there(device: torch.device) -> None:
    tensor = torch.arange(6).reshape(2, 3)
    there = moved(tensor, device)
    assert there.device.type == device.type
    assert torch.equal(there.cpu(), tensor)
    assert moved(there, device) is there
