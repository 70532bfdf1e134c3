"""Passes of the work to come, from settings alone: see `trainer.passes`."""

from __future__ import annotations

import math

from trainer.attacks import Attack
from trainer.config import Trial
from trainer.evaluation.suite import Suite
from trainer.input.own_code import own_code
from trainer.methods import Method
from trainer.models.settings import WITHOUT_BATCH_NORM
from trainer.passes import Passes


def most_passes_of_training(trial: Trial, examples: int) -> Passes | None:
    """Passes of the steps of a whole training on `examples` images: exact, unless a method lets
    attacks rest, draws one of several that differ in cost, or weighs gradients of a network of
    one's own that has no BatchNorm, which takes fewer. None where an attack, or a method of one's
    own that searches otherwise, does not say what it takes."""
    method = trial.method
    searching: tuple[Attack | Method, ...] = (*trial.attacks.values(), method)
    if not all(_is_meant(it, "search_passes", "search") for it in searching):
        return None
    step, branches = method.search_passes(trial.attacks), method.most_branches()
    is_mean = trial.replay is not None and trial.replay.mean
    if is_mean and branches < len(method.branches()):  # a mean weighs all that steps chose among
        step, branches = Method.search_passes(method, trial.attacks), len(method.branches())
    if step is None:
        return None
    with own_code(f"the code of {type(method).__qualname__}"):
        weighting = method.weighting()
    if weighting.picks is not None and weighting.picks < branches:
        step += Passes(forward=branches)
        branches = weighting.picks
    is_joint = trial.training.batch_norm == "joint" and trial.model.name not in WITHOUT_BATCH_NORM
    times = len(weighting.objectives) if is_joint and weighting.objectives else 1
    step += Passes(forward=branches, weight_backward=times * branches)
    size = min(trial.training.batch_size, examples)
    return step * (trial.training.epochs * (examples // size) * size)


def within_cap(trial: Trial, *, examples: int | None, before: int) -> Trial:
    """Return a trial of as many epochs as fit under its `training.max_passes`, if it has one.

    Where its passes hang on results (attacks that rest), epochs are counted at the most that they
    can take, and the trial stays below its cap.

    Args:
        examples: images of an epoch; None where their number is not known.
        before: passes that its parents took, the most that they can.

    Raises:
        ValueError: not one epoch fits, or its passes are not known beforehand.
    """
    cap = trial.training.max_passes
    if cap is None:
        return trial
    whole = None if examples is None else most_passes_of_training(trial, examples)
    if whole is None:
        what = "the number of training images is" if examples is None else "an attack's passes are"
        remedy = "data.train_examples" if examples is None else "training.epochs"
        raise ValueError(
            f"must be left out where {what} not known beforehand, got {cap}; set {remedy}"
        )
    epoch = whole.total // trial.training.epochs
    fit = (cap - before) // epoch
    if fit < 1:
        parents = f" after the {before} of its parents" if before else ""
        raise ValueError(f"must be at least {before + epoch}, one epoch{parents}, got {cap}")
    epochs = min(fit, trial.training.epochs)
    training = trial.training.model_copy(update={"epochs": epochs, "max_passes": None})
    return trial.model_copy(update={"training": training})


def most_passes_of_evaluation(suite: Suite, examples: int) -> Passes | None:
    """Most passes that a suite takes, as if every image withstood every attack. None where an
    attack does not say what it takes."""
    total = Passes(forward=examples)
    batches = math.ceil(examples / suite.batch_size)
    for rungs in suite.categories.values():
        found = _of_correct(rungs.attack, rungs.ladder)
        if found is None:
            return None
        look = Passes(forward=1)  # of each batch one image, which shows how many classes there are
        total += found * examples + look * batches
    return total


def _of_correct(attack: Attack, ladder: tuple[int, ...]) -> Passes | None:
    if not _is_meant(attack, "withstood_passes", "withstood"):
        return None
    if not _is_meant(attack, "search_passes", "search") and _maker(attack, "withstood") is Attack:
        return None
    return attack.withstood_passes(ladder)


def _is_meant(it: Attack | Method, said: str, done: str) -> bool:
    """Whether the class that says the passes (`said`) also does the work (`done`) or extends the
    one that does; a subclass may do it otherwise."""
    return issubclass(_maker(it, said), _maker(it, done))


def _maker(it: Attack | Method, name: str) -> type:
    return next(cls for cls in type(it).__mro__ if name in vars(cls))
