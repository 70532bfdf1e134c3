"""One network with its images, our attacks run on it, and what the peers left of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.peers.reference import Answers, Network, Question
from trainer.attacks import PGD, Attack, Flow
from trainer.attacks.ascent import AscentAttack
from trainer.evaluation.suite import Rungs, Suite, evaluate
from trainer.randomness import derive_seed, example_keys

Bits = NDArray[np.bool_]
_Sized = TypeVar("_Sized", PGD, Flow)


class Bench:
    """Where attacks meet: images are named by their place among the test images."""

    def __init__(self, name: str, root: str) -> None:
        """Network, answers, and as many test images as the answers are about.

        Raises:
            ValueError: the answers are of another network or of other images.
            MissingData: `root` has no such images.
        """
        network = Network.read(name)
        self.answers = Answers.read(network)
        self.dataset = network.first_images(root, self.answers.examples)
        self.answers.check_images(self.dataset)
        self.model = network.model(root, self.dataset)

    def withstood(self, attack: Attack, indices: Tensor, *, draw: int) -> Bits:
        """What an evaluation finds: whether an image withstands every iterate of every start, N.

        Further starts are tried on what the first one leaves, which takes none of them away.

        Args:
            indices: N, int64.
            draw: tells apart the random starts of repeated runs.
        """
        if not (isinstance(attack, AscentAttack) and attack.num_restarts > 1):
            return self._evaluated(attack, indices, f"draw {draw}")
        first = attack.model_copy(update={"num_restarts": 1})
        others = attack.model_copy(update={"num_restarts": attack.num_restarts - 1})
        alive = self._evaluated(first, indices, f"draw {draw}")
        left = indices[torch.from_numpy(alive)]
        alive[alive] = self._evaluated(others, left, f"other starts of draw {draw}")
        return alive

    def withstood_at_end(self, attack: Attack, indices: Tensor) -> Bits:
        """Whether an image withstands the one that the attack returns, as most libraries count."""
        keys = example_keys(derive_seed("evaluation", "draw 0"), indices)  # as an evaluation's
        images, labels = self.dataset.test.images_at(indices), self.dataset.test.labels[indices]
        adversarial = attack.perturb(self.model, images, labels, keys)
        with torch.no_grad():
            right: Bits = (self.model(adversarial).argmax(1) == labels).numpy()
        bits: Bits = right & self.natural(indices)
        return bits

    def natural(self, indices: Tensor) -> Bits:
        """Whether the network is right on the clean image, N."""
        images, labels = self.dataset.test.images_at(indices), self.dataset.test.labels[indices]
        with torch.no_grad():
            right: Bits = (self.model(images).argmax(1) == labels).numpy()
        return right

    def _evaluated(self, attack: Attack, indices: Tensor, label: str) -> Bits:
        dataset = replace(self.dataset, test=self.dataset.test.select(indices))
        suite = Suite(categories={label: Rungs.whole(attack)})
        outcomes = evaluate(self.model, suite, dataset, progress=None)
        bits: Bits = outcomes.robust[label][-1]
        return bits


def pgd_of(question: Question) -> PGD:
    """Ours, at the budget that a peer's PGD was given."""
    budget = ("norm", "epsilon", "step_size", "num_steps", "num_restarts")
    return PGD.model_validate({field: question[field] for field in budget if field in question})


def falling(attack: _Sized) -> _Sized:
    """The same, its step falling from the whole radius to 0: it crosses the set and settles."""
    return attack.model_copy(update={"step_size": attack.epsilon, "step_decay": "cosine"})
