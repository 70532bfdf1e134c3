"""One step of training: a mini-batch, whole or in parts, to the model's next weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from trainer.config import Trial
from trainer.data import Split
from trainer.device.precision import arithmetic, products
from trainer.input.problems import BadInput, Problem
from trainer.methods.weighting import Weighting
from trainer.passes import counted
from trainer.randomness import derive_seed
from trainer.schedule import set_rate
from trainer.training.gradients import ObjectiveGradients
from trainer.training.last_steps import Step
from trainer.training.losses import has_batch_norm, objectives_of, weighed_losses


@dataclass(frozen=True, kw_only=True)
class Descent:
    """The trial's model, optimiser and method, which descend on its training images.

    Attributes:
        micro_batches: parts in which the attacks, the forward and the backward pass of a step
            are computed; the gradients add up.
        num_steps: steps of an epoch.
    """

    trial: Trial
    split: Split
    model: nn.Module
    optimiser: torch.optim.Optimizer
    weighting: Weighting
    micro_batches: int
    num_steps: int

    def step(self, indices: Tensor, *, epoch: int, step: int) -> Step:
        """Descend the mean loss over one batch (B indices, on the host); epoch and step are from 0.

        Nothing here waits for the device, but for what the method's weighting reads.
        """
        training = self.trial.training
        now = epoch + step / self.num_steps
        rate = training.optimiser.rate(now / training.epochs)
        set_rate(self.optimiser, rate)
        torch.manual_seed(derive_seed(self.trial.seed, "step", epoch, step))  # for dropout

        self.optimiser.zero_grad(set_to_none=True)
        self.weighting.begin(derive_seed(self.trial.seed, "method", epoch, step))
        left_out = frozenset(place for place, loss in self.weighting.idle().items() if loss is None)
        warmup = training.radius_scale * _warmup(training.epsilon_warmup, now)
        parts = indices.tensor_split(min(self.micro_batches, len(indices)))
        is_whole = len(parts) == 1
        names = self.trial.method.loss_names()
        objectives = objectives_of(self.weighting, len(names), is_whole=is_whole)
        gradients = ObjectiveGradients(self.model.parameters())
        losses_by_part, weights_by_part, errors_by_part = [], [], []
        with counted(self.model) as counter:
            for part in parts:
                share = len(part) / len(indices)
                with products(training.precision):
                    with arithmetic(training.precision, self.split.labels.device):
                        of_part = weighed_losses(
                            self.trial,
                            self.split,
                            self.model,
                            self.weighting,
                            part,
                            epoch=epoch,
                            warmup=warmup,
                            is_whole=is_whole,
                        )
                    if objectives is None:
                        (share * of_part.total.mean()).backward()
                    else:
                        gradients.add([share * total.mean() for total in of_part.totals])
                losses_by_part.append(of_part.losses)
                weights_by_part.append(share * of_part.weights.mean(dim=1))
                errors_by_part.append(of_part.errors)
        batch = torch.cat(losses_by_part, dim=1)
        weights = torch.stack(weights_by_part).sum(dim=0)
        if objectives is not None:
            is_put_off = self.weighting.by_batch and not is_whole
            weights = self._merge(gradients, objectives, batch, weights, is_put_off=is_put_off)
        gradient_norm = get_total_norm(
            [w.grad for w in self.model.parameters() if w.grad is not None]
        )
        self.optimiser.step()

        self.weighting.observe(batch)
        errors = [of_part for of_part in errors_by_part if of_part is not None]
        if errors:
            self.weighting.observe_errors(torch.cat(errors, dim=1))
        return Step(
            epoch=epoch + 1,
            step=step + 1,
            learning_rate=rate,
            gradient_norm=gradient_norm,
            losses=batch.mean(dim=1),
            weights=weights,
            left_out=left_out,
            passes=counter.passes,
        )

    def _merge(
        self,
        gradients: ObjectiveGradients,
        objectives: tuple[tuple[int, ...], ...],
        batch: Tensor,
        weights: Tensor,
        *,
        is_put_off: bool,
    ) -> Tensor:
        """Weigh the objectives' gradients into the model's; return what each loss weighs in it.

        Args:
            is_put_off: whether losses are still to be weighed, by the whole batch, which has come
                in parts.
        """
        with products("float32"):
            if not is_put_off:
                of_objectives = self.weighting.weigh_gradients(gradients.products())
            else:  # the gradients are of single losses, without weights
                of_objectives = self.weighting.weigh(batch).mean(dim=1)[None]
                if self.weighting.objectives is not None:
                    mixing = torch.zeros(len(self.weighting.objectives), len(batch)).to(batch)
                    for place, losses in enumerate(self.weighting.objectives):
                        mixing[place, list(losses)] = of_objectives[0, list(losses)]
                    mixed = mixing @ gradients.products() @ mixing.T
                    of_objectives = self.weighting.weigh_gradients(mixed) @ mixing
            mean = gradients.merge(of_objectives)
        weights = weights.clone()
        for place, losses in enumerate(objectives):
            weights[list(losses)] *= mean[place]
        return weights


def refuse_unfit_parts(model: nn.Module, micro_batches: int) -> None:
    """Check whether a model can be trained in so many parts of its batches.

    Raises:
        BadInput: there are none, or BatchNorm must see a batch whole.
    """
    message = None
    if micro_batches < 1:
        message = f"must be >= 1 (1 computes a batch whole), got {micro_batches}"
    elif micro_batches > 1 and has_batch_norm(model):
        message = (
            f"must be 1 for a model with BatchNorm, got {micro_batches}, since the statistics of a "
            f"batch's parts are not those of the whole; lower training.batch_size instead"
        )
    if message is not None:
        raise BadInput(Problem("micro_batches", "", message))


def _warmup(epochs: float, now: float) -> float:
    """Factor on the attacks' radii, from 0 at the start to 1 after `epochs`."""
    return 1.0 if now >= epochs else now / epochs
