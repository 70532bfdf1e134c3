"""The loop: a trial and its data to a trained model, told to a reporter epoch by epoch."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from trainer.attacks.ascent import cross_entropy
from trainer.checkpoint import Checkpoint
from trainer.config import Trial
from trainer.data import Dataset, Split
from trainer.evaluation import Rungs, Suite, evaluate, examples_of
from trainer.methods import NATURAL, Weighting
from trainer.models import build
from trainer.randomness import derive_seed, example_keys
from trainer.schedule import set_rate

EpochRow = dict[str, float]
"""One epoch's facts by name: `epoch` (from 1), `time` (Unix seconds), `seconds`,
`examples_per_second`, `learning_rate`, `loss/BRANCH`, `weight/BRANCH`, `validation/...`, and
what the method reports (`r_asked`, `r_in_effect`, `clipped_share`, `unsolved_share`)."""


class DivergedError(ArithmeticError):
    """A loss or a weight became NaN or infinite."""


class Reporter(Protocol):
    """What the loop tells while it runs."""

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        """An epoch is over; `checkpoint()` is the state that goes on from here.

        The next epoch writes into its tensors: take its bytes before returning.
        """


def new_model(trial: Trial, dataset: Dataset, device: torch.device) -> nn.Module:
    """The trial's model as its seed initialises it."""
    torch.manual_seed(derive_seed(trial.seed, "init"))
    model = build(
        trial.model,
        image_shape=dataset.image_shape,
        num_classes=dataset.num_classes,
        mean=dataset.mean,
        std=dataset.std,
    )
    return model.to(device)


def train(
    trial: Trial,
    dataset: Dataset,
    *,
    device: torch.device,
    reporter: Reporter,
    resume: Checkpoint | None,
) -> nn.Module:
    """Train to the trial's last epoch, from the beginning or from a checkpoint.

    A run that stopped after any epoch and went on ends bit for bit as one that never did (on
    one machine, on the CPU, with equal thread counts): every random number is derived from
    seed, epoch and step.

    Raises:
        DivergedError: a loss or a weight is NaN or infinite; the last checkpoint before it is
            good.
    """
    model = new_model(trial, dataset, device)
    run = _Run(
        trial=trial,
        split=dataset.train,
        model=model,
        optimiser=trial.training.optimiser.build(model.parameters()),
        weighting=trial.method.weighting(),
    )
    epochs_done = 0
    if resume is not None:
        run.restore(resume)
        epochs_done = resume.epochs_done
    for epoch in range(epochs_done, trial.training.epochs):
        row = run.train_epoch(epoch)
        done = epoch + 1
        if done % trial.validation.every == 0 or done == trial.training.epochs:
            row |= _validate(trial, dataset, model)
        reporter.epoch_done({"epoch": done, **row}, functools.partial(run.checkpoint, done))
    return model


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A trial in training: what changes from step to step."""

    trial: Trial
    split: Split
    model: nn.Module
    optimiser: torch.optim.Optimizer
    weighting: Weighting

    def checkpoint(self, epochs_done: int) -> Checkpoint:
        return Checkpoint(
            epochs_done=epochs_done,
            model=self.model.state_dict(),
            optimiser=self.optimiser.state_dict(),
            weighting=self.weighting.state(),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        self.model.load_state_dict(checkpoint.model)
        self.optimiser.load_state_dict(checkpoint.optimiser)
        self.weighting.restore(checkpoint.weighting)

    def train_epoch(self, epoch: int) -> EpochRow:
        started = time.perf_counter()
        training, branches = self.trial.training, self.trial.method.branches()
        self.model.train()
        loss_sums = torch.zeros(len(branches), device=self.split.labels.device)
        weight_sums = torch.zeros_like(loss_sums)
        num_steps = max(1, len(self.split) // training.batch_size)
        rate = math.nan
        for step, indices in enumerate(self._batches(epoch, num_steps)):
            now = epoch + step / num_steps
            rate = training.optimiser.rate(now / training.epochs)
            set_rate(self.optimiser, rate)
            torch.manual_seed(derive_seed(self.trial.seed, "step", epoch, step))  # for dropout

            losses = self._losses(indices, epoch, _warmup(training.epsilon_warmup, now))
            weights = self.weighting.weigh(losses.detach())
            self.optimiser.zero_grad(set_to_none=True)
            (weights * losses).sum(dim=0).mean().backward()
            self.optimiser.step()

            loss_sums += losses.detach().mean(dim=1)
            weight_sums += weights.mean(dim=1)

        losses_by_branch = dict(zip(branches, (loss_sums / num_steps).tolist(), strict=True))
        self._refuse_divergence(epoch, losses_by_branch)
        weights_by_branch = dict(zip(branches, (weight_sums / num_steps).tolist(), strict=True))
        seconds = time.perf_counter() - started
        return {
            **{f"loss/{branch}": loss for branch, loss in losses_by_branch.items()},
            **{f"weight/{branch}": weight for branch, weight in weights_by_branch.items()},
            **self.weighting.epoch_report(),
            "learning_rate": rate,
            "time": time.time(),
            "seconds": seconds,
            "examples_per_second": num_steps * min(training.batch_size, len(self.split)) / seconds,
        }

    def _refuse_divergence(self, epoch: int, losses_by_branch: EpochRow) -> None:
        weights_are_finite = all(weight.isfinite().all() for weight in self.model.parameters())
        if not (weights_are_finite and all(map(math.isfinite, losses_by_branch.values()))):
            weights = "finite weights" if weights_are_finite else "weights that are not"
            raise DivergedError(
                f"losses and weights of epoch {epoch + 1} must be finite, got {losses_by_branch} "
                f"and {weights}; lower training.optimiser.learning_rate, or warm the attacks up "
                f"with training.epsilon_warmup"
            )

    def _batches(self, epoch: int, num_steps: int) -> Iterator[Tensor]:
        """Indices of each step's examples, in the epoch's own order; a last part batch is left
        to other epochs."""
        seed = derive_seed(self.trial.seed, "order", epoch)
        order = torch.randperm(len(self.split), generator=torch.Generator().manual_seed(seed))
        order = order.to(self.split.labels.device)
        size = self.trial.training.batch_size
        for step in range(num_steps):
            yield order[step * size : (step + 1) * size]

    def _losses(self, indices: Tensor, epoch: int, warmup: float) -> Tensor:
        """The loss of each example (B) under each branch (K) of the method: K B."""
        trial, training = self.trial, self.trial.training
        seed = derive_seed(trial.seed, "augmentation", epoch)
        images = self.split.augmented(indices, example_keys(seed, indices))
        labels = self.split.labels[indices]
        with _precision(training.precision, images.device):
            inputs = []
            for branch in trial.method.branches():
                if branch == NATURAL:
                    inputs.append(images)
                    continue
                keys = example_keys(derive_seed(trial.seed, "attack", branch, epoch), indices)
                attack = trial.attacks[branch].scaled(warmup)
                inputs.append(attack.perturb(self.model, images, labels, keys))
            return branch_losses(self.model, inputs, labels, joint=training.batch_norm == "joint")


def branch_losses(model: nn.Module, inputs: list[Tensor], labels: Tensor, *, joint: bool) -> Tensor:
    """Cross entropy of each example under each branch's images, K B, float32.

    `joint` runs one forward pass over all branches, so that BatchNorm sees their mixture;
    otherwise each has its own pass and its own statistics, and the running ones move K times.
    """
    if joint:
        logits = model(torch.cat(inputs)).chunk(len(inputs))
    else:
        logits = [model(images) for images in inputs]
    return torch.stack([cross_entropy(branch, labels) for branch in logits])


def _warmup(epochs: float, now: float) -> float:
    """Factor on the attacks' radii, from 0 at the start to 1 after `epochs`."""
    return 1.0 if now >= epochs else now / epochs


def _precision(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _validate(trial: Trial, dataset: Dataset, model: nn.Module) -> EpochRow:
    """Natural and robust accuracy on held-out images, and whether the model has collapsed:
    it is right, if at all, on one class alone."""
    suite = Suite(
        categories={
            label: Rungs(attack=attack, ladder=(attack.num_steps,))
            for label, attack in trial.validation_attacks.items()
        },
        split="validation",
        examples=trial.validation.examples,
        batch_size=trial.training.batch_size,
    )
    outcomes = evaluate(model, suite, dataset, progress=None)
    labels = dataset.validation.labels[examples_of(suite, dataset.validation)].cpu()
    classes = labels[torch.from_numpy(outcomes.natural)].unique()
    return {
        "validation/natural_accuracy": outcomes.natural_accuracy(),
        "validation/union_accuracy": outcomes.union_accuracy(),
        **{
            f"validation/robust_accuracy_{label}": outcomes.worst_accuracy(label)
            for label in outcomes.robust
        },
        "validation/collapsed": float(len(classes) <= 1),
    }
