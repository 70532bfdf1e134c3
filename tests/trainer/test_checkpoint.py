"""Checkpoints: nothing is lost on the way to bytes and back, and nothing is run."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trainer.checkpoint import Checkpoint, DamagedError, Weights


def trained_a_little() -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network and an optimiser with state of every kind."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 3))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        model(torch.rand(4, 1, 8, 8)).square().sum().backward()
        optimiser.step()
    return model, optimiser


def checkpoint() -> Checkpoint:
    model, optimiser = trained_a_little()
    return Checkpoint(
        epochs_done=3,
        model=model.state_dict(),
        optimiser=optimiser.state_dict(),
        weighting={"window": [[1.5, 2.0], [0.1, 1 / 3]], "alpha": [0.25, 0.75]},
    )


class Malicious:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.makedirs, (str(self.path),))


def assert_same(one: Any, other: Any) -> None:
    """Equal to the last bit, at every depth."""
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for each, its in zip(one, other, strict=True):
            assert_same(each, its)
    else:
        assert one == other


def test_a_checkpoint_comes_back_whole() -> None:
    before = checkpoint()
    after = Checkpoint.from_bytes(before.to_bytes())
    for field in ("epochs_done", "model", "optimiser", "weighting"):
        assert_same(getattr(before, field), getattr(after, field))


def test_a_model_and_its_optimiser_go_on_from_the_bytes() -> None:
    kept = Checkpoint.from_bytes(checkpoint().to_bytes())
    model, optimiser = trained_a_little()
    other = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 3))
    other.load_state_dict(kept.model)
    its_optimiser = torch.optim.Adam(other.parameters(), lr=7.0)
    its_optimiser.load_state_dict(kept.optimiser)
    images = torch.rand(4, 1, 8, 8)
    for network, steps in ((model, optimiser), (other, its_optimiser)):
        steps.zero_grad()
        network(images).square().sum().backward()
        steps.step()
    assert_same(dict(model.state_dict()), dict(other.state_dict()))


def test_bytes_do_not_change_with_the_model() -> None:
    model, optimiser = trained_a_little()
    kept = Checkpoint(
        epochs_done=1, model=model.state_dict(), optimiser=optimiser.state_dict(), weighting={}
    )
    data = kept.to_bytes()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert Checkpoint.from_bytes(data).model["0.weight"].abs().sum() > 0


def test_weights_come_back_with_the_trials_record() -> None:
    model, _ = trained_a_little()
    record = {"data": {"name": "digits"}, "seed": 3, "epsilon": 8 / 255, "é": [1, None, True]}
    after = Weights.from_bytes(Weights(trial=record, model=model.state_dict()).to_bytes())
    assert after.trial == record
    assert_same(dict(after.model), dict(model.state_dict()))


# Bytes from elsewhere


@pytest.mark.parametrize("kind", [Checkpoint, Weights])
def test_nothing_is_run_on_loading(tmp_path: Path, kind: type[Checkpoint | Weights]) -> None:
    mark = tmp_path / "ran"
    wrapped = io.BytesIO()
    torch.save({name: Malicious(mark) for name in kind.__dataclass_fields__}, wrapped)
    for data in (wrapped.getvalue(), pickle.dumps(Malicious(mark), protocol=2)):
        with pytest.raises(DamagedError):
            kind.from_bytes(data)
        assert not mark.exists()
    pickle.loads(data)
    assert mark.exists()  # the bytes were dangerous indeed


@pytest.mark.parametrize("kind", [Checkpoint, Weights])
@pytest.mark.parametrize("data", [b"", b"not a file of ours", b"PK\x03\x04", b"\x80\x02."])
def test_other_bytes_are_damaged(kind: type[Checkpoint | Weights], data: bytes) -> None:
    with pytest.raises(DamagedError, match="not a file of ours"):
        kind.from_bytes(data)


@given(st.floats(0, 1, exclude_max=True))
def test_a_part_of_a_checkpoint_is_damaged(share: float) -> None:
    data = checkpoint().to_bytes()
    with pytest.raises(DamagedError):
        Checkpoint.from_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize("content", [{"epochs_done": 1}, {"other": 1}, [1, 2], torch.ones(3)])
@pytest.mark.parametrize("kind", [Checkpoint, Weights])
def test_a_file_of_other_content_is_damaged(
    kind: type[Checkpoint | Weights], content: object
) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with pytest.raises(DamagedError, match="must hold"):
        kind.from_bytes(buffer.getvalue())


def test_weights_are_no_checkpoint() -> None:
    model, _ = trained_a_little()
    with pytest.raises(DamagedError, match="'epochs_done'"):
        Checkpoint.from_bytes(Weights(trial={}, model=model.state_dict()).to_bytes())
    with pytest.raises(DamagedError, match="'trial'"):
        Weights.from_bytes(checkpoint().to_bytes())
