"""Training on one attack a mini-batch: any at random, or the more often the more it breaks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pydantic import Field

from trainer.attacks import Attack
from trainer.device.transfer import Fetched, sent
from trainer.methods.method import AttackNames, Mixed
from trainer.methods.weighting import Weighting
from trainer.passes import Passes

if TYPE_CHECKING:
    from torch import Tensor


class _OneAttack(Mixed):
    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    def adversaries(self) -> tuple[str, ...]:
        return self.attack_names

    def most_branches(self) -> int:
        """Count the one attack of a step, and the natural branch where it has weight."""
        return 1 + bool(self.natural_weight)

    def search_passes(self, attacks: Mapping[str, Attack]) -> Passes | None:
        """Count the dearest attack: which ones are chosen, only a run shows."""
        searches = [attack.search_passes() for attack in attacks.values()]
        known = [search for search in searches if search is not None]
        if len(known) < len(searches):
            return None
        return Passes(
            forward=max(search.forward for search in known),
            input_backward=max(search.input_backward for search in known),
            weight_backward=max(search.weight_backward for search in known),
        )


class RandomAttack(_OneAttack):
    """Training on one attack a mini-batch, each as likely as the others (Madaan, Shin and Hwang,
    2021: "SAT", stochastic adversarial training, there beside a generator of noise and a term of
    consistency, which this is without).

    A step descends `L_k`, k uniform over the attacks: the average's loss in expectation, at the
    cost of one attack. What an epoch's row has of a loss is its mean over the steps that chose it.
    """

    def weighting(self) -> Weighting:
        return OneAttackWeighting(self.natural_weight, len(self.attack_names))


class ErrorProportional(_OneAttack):
    """Training on one attack a mini-batch, chosen in proportion to the robust error of each so far
    (Croce and Hein, 2022: "E-AT", extreme norms adversarial training).

    `P(k) = e_k / sum_j e_j`, where e_k is the share of all the images that were trained on under
    attack k on which the model erred; until each attack has been chosen once, all are alike, as in
    the authors' code. Meant for a few epochs from a robust model's weights (`start`). The paper's
    attacks are the two extreme norms, here they are all that are named. The paper takes errors
    where the search ends, in evaluation mode; here they are those of the logits that are trained
    on, which costs no further pass, and with BatchNorm or dropout differs a little.
    """

    def weighting(self) -> Weighting:
        return ErrorProportionalWeighting(self.natural_weight, self.attack_names)


class OneAttackWeighting(Weighting):
    """Puts the weight of the adversarial losses on one of them, drawn for each step."""

    def __init__(self, natural_weight: float, count: int) -> None:
        """Choose among `count` attacks, behind the natural loss where it has weight."""
        self._natural = [natural_weight] if natural_weight else []
        self._rest = 1 - natural_weight
        self._count = count
        self._chosen = 0  # of the attacks, in the step under way

    def probabilities(self) -> list[float]:
        """Return how likely each attack is; they need not sum to 1."""
        return [1.0] * self._count

    def begin(self, seed: int) -> None:
        sums = list(accumulate(self.probabilities()))
        point = seed * 2.0**-63 * sums[-1]
        self._chosen = min(bisect_right(sums, point), self._count - 1)

    def place(self) -> int:
        """Return the place of the chosen attack among all losses."""
        return len(self._natural) + self._chosen

    def idle(self) -> Mapping[int, None]:
        first = len(self._natural)
        others = range(first, first + self._count)
        return {place: None for place in others if place != self.place()}

    def weigh(self, losses: Tensor) -> Tensor:
        chosen = [self._rest if attack == self._chosen else 0.0 for attack in range(self._count)]
        return sent(self._natural + chosen, like=losses)[:, None]


class ErrorProportionalWeighting(OneAttackWeighting):
    """Draws an attack in proportion to its share of errors over all steps that trained on it."""

    counts_errors = True

    def __init__(self, natural_weight: float, names: tuple[str, ...]) -> None:
        """Choose among the attacks of these labels."""
        super().__init__(natural_weight, len(names))
        self._names = names
        self._errors = [0.0] * len(names)
        self._images = [0] * len(names)
        self._pending: tuple[int, int, Fetched] | None = None  # attack, images, errors among them

    def probabilities(self) -> list[float]:
        self._read_pending()
        if not all(self._images) or not any(self._errors):
            return [0.5] * self._count
        return [errors / count for errors, count in zip(self._errors, self._images, strict=True)]

    def observe_errors(self, errors: Tensor) -> None:
        self._read_pending()
        row = errors[self.place()]
        self._pending = (self._chosen, len(row), Fetched(row.sum()[None]))

    def _read_pending(self) -> None:
        """Read the errors of the step before, which are not waited for before they are needed."""
        if self._pending is not None:
            attack, count, errors = self._pending
            self._errors[attack] += errors.read()[0]
            self._images[attack] += count
            self._pending = None

    def state(self) -> dict[str, Any]:
        self._read_pending()
        return {"errors": list(self._errors), "images": list(self._images)}

    def restore(self, state: dict[str, Any]) -> None:
        if len(state["errors"]) != self._count:
            raise ValueError(f"errors must be {self._count} numbers, got {state['errors']}")
        self._errors, self._images = list(state["errors"]), list(state["images"])

    def epoch_report(self) -> dict[str, float]:
        self._read_pending()
        return {
            f"training_error/{name}": errors / count
            for name, errors, count in zip(self._names, self._errors, self._images, strict=True)
            if count
        }
