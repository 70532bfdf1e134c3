"""The exponential moving average of a model's weights over the steps of its training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainer.input.problems import BadInput, Problem


class WeightAverage:
    """The running mean of a model's state, which validation measures and training ends with.

        a_0 = w_0,   a_t = d_t a_{t-1} + (1 - d_t) w_t,   d_t = min(decay, (1 + t) / (10 + t))

    w_t are the weights after step t (Polyak and Juditsky, 1992). The decay rises to what was asked
    for, as in TensorFlow's, so that a short training does not end near where it began. BatchNorm's
    running statistics are averaged as weights are; counts, and masks with infinite entries, are
    those of the last step. What the steps descend from is never touched.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Begin at the model's weights as they are."""
        self._model = model
        self._decay = decay
        self._average = {name: tensor.clone() for name, tensor in _tensors(model).items()}
        self._copied = {
            name
            for name, tensor in self._average.items()
            if not tensor.is_floating_point() or tensor.isinf().any()
        }

    def update(self, step: int) -> None:
        """Take in the model's weights after step `step`, counted from 1 over all epochs."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, tensor in _tensors(self._model).items():
            if name in self._copied:
                self._average[name].copy_(tensor)
            else:
                self._average[name].lerp_(tensor, 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """Return the average by name; the next update writes into its tensors."""
        return self._average

    def restore(self, state: Mapping[str, Tensor] | None) -> None:
        """Go on from what `state` returned.

        Raises:
            BadInput: it is none, or of another model.
        """
        shapes = {name: tensor.shape for name, tensor in self._average.items()}
        if state is None or {name: tensor.shape for name, tensor in state.items()} != shapes:
            got = "none" if state is None else "that of another model"
            message = (
                f"must have this model's average of weights, since training.ema is set, got {got}; "
                f"go on with the settings that the checkpoint was made with"
            )
            raise BadInput(Problem("checkpoint", "average", message))
        for name, tensor in state.items():
            self._average[name].copy_(tensor)

    def write(self) -> None:
        """Give the model the average for good."""
        _write(self._model, self._average)

    @contextmanager
    def in_the_model(self) -> Iterator[None]:
        """Give the model the average during the block."""
        own = {name: tensor.clone() for name, tensor in _tensors(self._model).items()}
        self.write()
        try:
            yield
        finally:
            _write(self._model, own)


def refuse_dropped_average(state: Mapping[str, Tensor] | None) -> None:
    """Check that a training without an average does not go on from one with it, whose last weights
    it would end with.

    Raises:
        BadInput: there is an average.
    """
    if state is None:
        return
    message = (
        "must be none, since training.ema is not set, got an average of weights, which would be "
        "dropped; set training.ema to what the checkpoint was made with, or train from the "
        "beginning"
    )
    raise BadInput(Problem("checkpoint", "average", message))


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    state = model.state_dict()
    return {name: each for name, each in state.items() if isinstance(each, torch.Tensor)}


def _write(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in _tensors(model).items():
        tensor.copy_(tensors[name])  # detached, as `state_dict` has them
