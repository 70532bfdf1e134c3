"""The training loop: from a trial and its data to a trained model, reported step by step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Protocol

import torch
from torch import Tensor, nn
from torch._functorch import config as functorch

from trainer.answers import NotFiniteError
from trainer.config import Trial
from trainer.data import Dataset, Split
from trainer.input.problems import BadInput, Problem
from trainer.methods import Weighting
from trainer.methods.replayed import ReplayedWeighting
from trainer.models import build, placed
from trainer.passes import CoursePasses, counted
from trainer.randomness import derive_seed
from trainer.training.average import WeightAverage, refuse_dropped_average
from trainer.training.best import BestState
from trainer.training.epoch_sums import EpochSums
from trainer.training.last_steps import LastSteps, StepLog
from trainer.training.step import Descent, refuse_unfit_parts
from trainer.training.step_weights import StepWeights
from trainer.training.validation import validated
from trainer.weights.checkpoint import Checkpoint, Weights

EpochRow = dict[str, float]
"""One epoch's facts by name: `epoch` (from 1), `time` (Unix seconds), `seconds`,
`examples_per_second`, `learning_rate`, `loss/NAME` (its mean over the steps that computed it,
if any did), `weight/NAME`, `validation/...` (on the half of the held-out images that steers: see
`trainer.data.steering_part`), and what the method reports (for `pareto` `r_asked`,
`r_in_effect`, `clipped_share`, `worst_weighs_least_share`: of its steps, in how many the attack of
the largest mean loss weighed least); and, from the first epoch to the end of this one,
`passes/KIND` of all steps and apart from them `validation/passes/KIND`."""

_LOOK_EVERY = 50
"""Steps between two looks for divergence: each look waits for the device, and the step in which it
began must still be among the last ones when it is found."""


class DivergedError(ArithmeticError):
    """A loss, a weight, a buffer or a logit became NaN or infinite; `last_steps` shows how."""

    def __init__(self, message: str, last_steps: LastSteps) -> None:
        super().__init__(message, last_steps)  # both, so that it survives pickling
        self.last_steps = last_steps

    def __str__(self) -> str:
        return str(self.args[0])


class Reporter(Protocol):
    """Receives what the loop reports while it runs.

    `checkpoint()` is the state that goes on from here, or a DivergedError where that is not
    finite. The next step writes into its tensors: take its bytes before returning.
    """

    def step_done(self, checkpoint: Callable[[], Checkpoint]) -> None:
        """A step within an epoch is over (every step but the epoch's last). What it raises ends
        the training."""

    def epoch_done(self, row: EpochRow, checkpoint: Callable[[], Checkpoint]) -> None:
        """An epoch is over."""


def new_model(trial: Trial, dataset: Dataset, device: torch.device) -> nn.Module:
    """Make the trial's model as its seed initialises it, laid out as its training settings say."""
    torch.manual_seed(derive_seed(trial.seed, "init"))
    model = build(
        trial.model,
        image_shape=dataset.image_shape,
        num_classes=dataset.num_classes,
        mean=dataset.mean,
        std=dataset.std,
    )
    asked = trial.training.memory_format
    return placed(model, trial.model, device=device, memory_format=asked)


def compiled(model: nn.Module, *, goes_back_again: bool) -> nn.Module:
    """Compile the model's passes of training; the compiled model shares its weights.

    `goes_back_again` lets a step keep graphs while it goes back through others.

    Evaluations call the model itself, so that bits are the same wherever it is evaluated.
    (`model.compile()` would compile the parts of a Sequential one by one, and not all of them.)
    """
    torch.compiler.reset()  # of other trials of this process: there is a limit to what is kept
    functorch.donated_buffer = not goes_back_again
    passes = torch.compile(model)
    assert isinstance(passes, nn.Module)
    return passes


def train(
    trial: Trial,
    dataset: Dataset,
    *,
    device: torch.device,
    reporter: Reporter,
    resume: Checkpoint | None,
    micro_batches: int,
    start: Weights | None = None,
    schedule: Tensor | None = None,
    step_weights: StepWeights | None = None,
    best: BestState | None = None,
) -> nn.Module:
    """Train to the trial's last epoch, from the beginning or from a checkpoint.

    A run that stopped after any step and went on ends bit for bit as one that never did (on
    one machine, on the CPU, with equal thread counts and memory format, not compiled): every
    random number is derived from seed, epoch and step.

    Args:
        resume: a checkpoint of the trial, from which it goes on.
        start: weights of another trial, of the same network, from which it begins where there is no
            checkpoint: the optimiser, the schedule and the count of passes begin anew.
        schedule: weights of another trial's losses, steps K, which a trial that replays it has
            where there is no checkpoint.
        step_weights: where the weights of this training's own steps are kept.
        best: where the state is kept that does best in validation, for which `trial` must have
            attacks of validation; None: only the last state is wanted.
        micro_batches: parts in which each step's attacks, forward and backward passes are
            computed, for want of memory; 1 computes it whole. The step descends the mean loss
            over the whole batch all the same, so that the parts differ from it by rounding
            alone (and by dropout's masks). Validation is in batches of a part's size.

    Raises:
        BadInput: a checkpoint of another trial, weights of another network, none where the trial
            starts from some, a schedule that is missing or of other steps, parts of batches that
            BatchNorm must see whole, or a checkpoint that lacks the best state so far.
        DivergedError: a loss, a weight, a buffer (BatchNorm's running statistics) or a logit on
            clean validation images is NaN or infinite; every checkpoint so far is finite.
    """
    assert trial.training.max_passes is None, "see trainer.training.passes_ahead.within_cap"
    assert best is None or trial.validation_attacks, "the best epoch is known by worst cases alone"
    model = new_model(trial, dataset, device)
    refuse_unfit_parts(model, micro_batches)
    if resume is None:
        _load_start(trial, start, model)
        _refuse_unfit_schedule(trial, schedule, len(dataset.train))
    run = _Run(
        trial,
        dataset.train,
        model,
        _weighting(trial, schedule),
        micro_batches=micro_batches,
        step_weights=step_weights or StepWeights(),
        best=best,
    )
    if resume is not None:
        run.restore(resume)
    while run.epochs_done < trial.training.epochs:
        row = run.train_epoch(reporter)
        done = run.epochs_done
        if done % trial.validation.every == 0 or done == trial.training.epochs:
            row |= run.validate(dataset)
        row |= run.passes.columns()
        reporter.epoch_done({"epoch": done, **row}, run.checkpoint)
    run.finish()
    return model


def _load_start(trial: Trial, start: Weights | None, model: nn.Module) -> None:
    """Load the weights from which a trial starts, where it does not do so from its seed's."""
    if start is not None:
        whose = "the start" if trial.start is None else trial.start.trial
        start.load_into(model, where=f"weights of {whose}")
    elif trial.start is not None:
        message = f"must be at hand, which are those of {trial.start.trial}"
        raise BadInput(Problem("weights to start from", "", message))


def _weighting(trial: Trial, schedule: Tensor | None) -> Weighting:
    if trial.replay is None:
        return trial.method.weighting()
    K = len(trial.method.loss_names())
    return ReplayedWeighting(schedule, K=K, mean=trial.replay.mean)


def _num_steps(trial: Trial, examples: int) -> int:
    """Steps of an epoch."""
    return max(1, examples // trial.training.batch_size)


def _refuse_unfit_schedule(trial: Trial, schedule: Tensor | None, examples: int) -> None:
    if trial.replay is None:
        return
    K, steps = len(trial.method.loss_names()), trial.training.epochs * _num_steps(trial, examples)
    found = None if schedule is None else tuple(schedule.shape)
    if found != (steps, K):
        got = "none" if found is None else f"those of {found[0]} steps and {found[1]} losses"
        message = f"must be those of {trial.replay.trial}, {steps} steps and {K} losses, got {got}"
        raise BadInput(Problem("weights of losses to replay", "", message))


class _Run:
    """A trial in training: where it is, and all that changes from step to step."""

    def __init__(
        self,
        trial: Trial,
        split: Split,
        model: nn.Module,
        weighting: Weighting,
        *,
        micro_batches: int,
        step_weights: StepWeights,
        best: BestState | None,
    ) -> None:
        self._model = model
        self._masks = {name for name, buffer in model.named_buffers() if buffer.isinf().any()}
        self._descent = Descent(
            trial=trial,
            split=split,
            model=compiled(model, goes_back_again=weighting.by_batch)
            if trial.training.compile
            else model,
            optimiser=trial.training.optimiser.build(model.parameters()),
            weighting=weighting,
            micro_batches=micro_batches,
            num_steps=_num_steps(trial, len(split)),
        )
        ema = trial.training.ema
        self._average = None if ema is None else WeightAverage(model, ema)
        self._losses = trial.method.loss_names()
        self._log = StepLog()
        self._step_weights = step_weights
        self._best = best
        self._sums: EpochSums | None = None  # of the epoch under way, where one is
        self._steps_done = 0  # of that epoch
        self.passes = CoursePasses()
        self.epochs_done = 0

    def checkpoint(self) -> Checkpoint:
        if self._sums is not None:  # at an epoch's end this has just been done
            self._refuse_divergence(self._sums)
        descent = self._descent
        return Checkpoint(
            epochs_done=self.epochs_done,
            steps_done=self._steps_done,
            model=self._model.state_dict(),
            optimiser=descent.optimiser.state_dict(),
            weighting=descent.weighting.state(),
            epoch={} if self._sums is None else self._sums.state(),
            passes=self.passes.state(),
            step_weights=self._step_weights.schedule(),
            average=None if self._average is None else self._average.state(),
            best=None if self._best is None else self._best.state(),
        )

    def finish(self) -> None:
        """Leave the model with the weights that training ends with."""
        if self._average is not None:
            self._average.write()

    def restore(self, checkpoint: Checkpoint) -> None:
        descent = self._descent
        _refuse_unfit_position(checkpoint, descent.trial.training.epochs, descent.num_steps)
        if self._average is None:
            refuse_dropped_average(checkpoint.average)
        checkpoint.load_into(self._model, descent.optimiser, descent.weighting)
        if self._average is not None:
            self._average.restore(checkpoint.average)
        if self._best is not None:
            self._best.restore(checkpoint.best)
        self.epochs_done, self._steps_done = checkpoint.position
        self.passes.restore(checkpoint.passes)
        self._step_weights.restore(checkpoint.step_weights)
        if self._steps_done:
            self._sums = self._new_sums()
            self._sums.restore(checkpoint.epoch, steps=self._steps_done)

    def _new_sums(self) -> EpochSums:
        return EpochSums(len(self._losses), self._descent.split.labels.device)

    def train_epoch(self, reporter: Reporter) -> EpochRow:
        """Train what is left of the epoch under way, or a whole epoch."""
        sums = self._sums = self._sums or self._new_sums()
        trial, split = self._descent.trial, self._descent.split
        size, num_steps = trial.training.batch_size, self._descent.num_steps
        self._descent.model.train()
        order = _order(trial.seed, self.epochs_done, split)
        rate = math.nan
        for step in range(self._steps_done, num_steps):
            indices = order[step * size : (step + 1) * size]
            done = self._descent.step(indices, epoch=self.epochs_done, step=step)
            sums.add(done)
            self._log.add(done)
            self._step_weights.add(done)
            self.passes.add("training", done.passes)
            rate = done.learning_rate
            self._steps_done = step + 1
            if self._average is not None:
                self._average.update(self.epochs_done * num_steps + self._steps_done)
            is_last = self._steps_done == num_steps
            if is_last or self._steps_done % _LOOK_EVERY == 0:
                self._refuse_divergence(sums)
            if not is_last:
                reporter.step_done(self.checkpoint)

        losses = {self._losses[place]: mean for place, mean in sums.mean_losses().items()}
        weights = (sums.weights / num_steps).tolist()
        seconds = sums.seconds
        self._step_weights.schedule()  # an epoch's, fetched together
        self.epochs_done, self._steps_done, self._sums = self.epochs_done + 1, 0, None
        return {
            **{f"loss/{name}": mean for name, mean in losses.items()},
            **{f"weight/{name}": mean for name, mean in zip(self._losses, weights, strict=True)},
            **self._descent.weighting.epoch_report(),
            "learning_rate": rate,
            "time": time.time(),
            "seconds": seconds,
            "examples_per_second": num_steps * min(size, len(split)) / seconds,
        }

    def _refuse_divergence(self, sums: EpochSums) -> None:
        state = (*self._model.named_parameters(), *self._model.named_buffers())
        sound = {name: self._is_sound(name, tensor) for name, tensor in state}
        if not (torch.stack([*sound.values()]).all() & sums.losses.isfinite().all()):
            losses = {self._losses[place]: mean for place, mean in sums.mean_losses().items()}
            unsound = [name for name, is_sound in sound.items() if not is_sound]
            weights = f"weights that are not ({unsound[0]})" if unsound else "finite weights"
            raise DivergedError(
                f"losses and weights of epoch {self.epochs_done + 1} must be finite, got {losses} "
                f"and {weights} by step {self._steps_done}; lower "
                f"training.optimiser.learning_rate, or warm the attacks up with "
                f"training.epsilon_warmup",
                self._log.read(self._losses),
            )

    def validate(self, dataset: Dataset) -> EpochRow:
        """Measure on held-out images at the end of an epoch, and return the facts for its row."""
        descent = self._descent
        try:
            average = nullcontext() if self._average is None else self._average.in_the_model()
            with average, counted(self._model) as counter:
                row = validated(descent.trial, dataset, self._model, descent.micro_batches)
                if self._best is not None:  # while the average is in the model
                    self._best.see(row, epoch=self.epochs_done, model=self._model)
        except NotFiniteError as error:
            message = f"validation after epoch {self.epochs_done}: {error}"
            raise DivergedError(message, self._log.read(self._losses)) from error
        self.passes.add("validation", counter.passes)
        return row

    def _is_sound(self, name: str, tensor: Tensor) -> Tensor:
        """Whether all of a tensor is finite; a buffer that was infinite from the beginning is a
        mask, and need only not be NaN."""
        return ~tensor.isnan().any() if name in self._masks else tensor.isfinite().all()


def _order(seed: int, epoch: int, split: Split) -> Tensor:
    """Shuffle the indices of an epoch's examples, on the host; what does not fill a last batch is
    left to other epochs."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    return torch.randperm(len(split), generator=generator)


def _refuse_unfit_position(checkpoint: Checkpoint, epochs: int, num_steps: int) -> None:
    message = None
    if checkpoint.position > (epochs, 0):
        message = (
            f"must be no further than training.epochs = {epochs}, got {checkpoint.epochs_done} "
            f"epochs and {checkpoint.steps_done} steps; raise training.epochs"
        )
    elif checkpoint.steps_done >= num_steps:
        message = (
            f"must be within an epoch of {num_steps} steps, got {checkpoint.steps_done} steps; "
            f"go on with the data and the training.batch_size that it was made with"
        )
    if message is not None:
        raise BadInput(Problem("checkpoint", "", message))
