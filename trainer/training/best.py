"""The state of a model that did best in validation, so far in its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor, nn

from trainer.config import Trial
from trainer.input.problems import BadInput, Problem
from trainer.weights.checkpoint import BestEpoch, Weights

_WORST = "validation/robust_accuracy_"
"""Begin of the names of a row's worst cases, one for each attack category."""


class BestState:
    """The weights after the epoch that did best on the held-out images that steer.

    Best is the largest mean over the attack categories of the worst case, which is the share of
    images that withstand the category; of equal ones the latest, which has trained longest. A
    collapsed model, which answers alike whatever is done to an image and so withstands all of it on
    one class, counts below every other. The images that pick, and the test set, have no part in it.
    With `training.ema` the weights are the average's, which validation measures.
    """

    def __init__(self, trial: Trial) -> None:
        """Begin with a trial's first epoch."""
        self._validation = trial.validation_id
        self._model: dict[str, Tensor] = {}
        self.epoch: BestEpoch | None = None  # None: nothing is validated so far

    def see(self, row: Mapping[str, float], *, epoch: int, model: nn.Module) -> None:
        """Keep the model's state after an epoch, if that did as well as any before.

        Args:
            row: what validation has just measured of the model.
        """
        worst = [value for name, value in row.items() if name.startswith(_WORST)]
        score = sum(worst) / len(worst)
        collapsed = bool(row["validation/collapsed"])
        before = self.epoch
        if before is not None and (not collapsed, score) < (not before.collapsed, before.score):
            return
        self.epoch = BestEpoch(
            validation=self._validation,
            epoch=epoch,
            score=score,
            collapsed=collapsed,
        )
        state = model.state_dict().items()
        self._model = {name: each.clone() for name, each in state if isinstance(each, Tensor)}

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it."""
        epoch = None if self.epoch is None else asdict(self.epoch)
        return {"validation": self._validation, "epoch": epoch, "model": self._model}

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from what `state` returned.

        Raises:
            BadInput: it is none, or what it was chosen by is not what this training is.
        """
        its = None if state is None else state["validation"]
        if state is None or its != self._validation:
            got = "none" if its is None else f"one chosen under {its}"
            message = (
                f"must be there, chosen under {self._validation}, got {got}; train from the "
                f"beginning, which alone has all epochs under these settings of validation"
            )
            raise BadInput(Problem("checkpoint", "best", message))
        epoch = state["epoch"]
        self.epoch = None if epoch is None else BestEpoch(**epoch)
        self._model = dict(state["model"])

    def weights(self, last: Weights) -> Weights:
        """Return the best weights as a file has them.

        Args:
            last: those of the last epoch, which has been validated.
        """
        assert self.epoch is not None
        return Weights(
            trial=last.trial,
            model=self._model,
            image_shape=last.image_shape,
            num_classes=last.num_classes,
            best=self.epoch,
        )
