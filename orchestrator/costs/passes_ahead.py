"""Passes of the work to come, from settings alone: see `trainer.passes`."""

from __future__ import annotations

import math

from trainer.attacks import Attack
from trainer.config import Trial
from trainer.evaluation.suite import Suite
from trainer.passes import Passes


def most_passes_of_training(trial: Trial, examples: int) -> Passes | None:
    """Passes of the steps of a whole training on `examples` images: exact, unless a method lets
    attacks rest, which takes fewer. None where an attack does not say what it takes."""
    searches = [_of_search(attack) for attack in trial.attacks.values()]
    if any(search is None for search in searches):
        return None
    branches = len(trial.method.branches())
    picks = trial.method.weighting().picks
    step = sum((search for search in searches if search is not None), Passes())
    if picks is not None and picks < branches:
        step += Passes(forward=branches)
        branches = picks
    step += Passes(forward=branches, weight_backward=branches)
    size = min(trial.training.batch_size, examples)
    return step * (trial.training.epochs * (examples // size) * size)


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


def _of_search(attack: Attack) -> Passes | None:
    return attack.search_passes() if _is_meant(attack, "search_passes", "search") else None


def _of_correct(attack: Attack, ladder: tuple[int, ...]) -> Passes | None:
    if not _is_meant(attack, "withstood_passes", "withstood"):
        return None
    if not _is_meant(attack, "search_passes", "search") and _maker(attack, "withstood") is Attack:
        return None
    return attack.withstood_passes(ladder)


def _is_meant(attack: Attack, said: str, done: str) -> bool:
    """Whether the class that says the passes (`said`) also does the work (`done`) or extends the
    one that does; a subclass may do it otherwise."""
    return issubclass(_maker(attack, said), _maker(attack, done))


def _maker(attack: Attack, name: str) -> type:
    return next(cls for cls in type(attack).__mro__ if name in vars(cls))
