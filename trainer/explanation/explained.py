"""What is found of a model on some images: answers, saliency, what each attack does and reaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.answers import NotFiniteError, answers
from trainer.attacks import Attack, frozen
from trainer.attacks.ascent import AscentAttack
from trainer.data import Split
from trainer.device.precision import arithmetic
from trainer.evaluation.suite import Suite
from trainer.interpretation.fields import (
    FieldStatistics,
    field_statistics,
    short_waves_of_noise,
)
from trainer.interpretation.saliency import MapForm, NoGradientError, SmoothGrad, smoothgrad
from trainer.interpretation.sparseness import gini, skewness
from trainer.randomness import derive_seed, example_keys

FORM = MapForm()
"""Form of the maps that are shown: the largest size of the channels, over the map's sum."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attacked:
    """What one attack made of B images, on the host."""

    reach: str  # its radius in words; empty where it has none
    images: Tensor  # B C H W
    predicted: Tensor  # B, int64
    moved: Tensor | None  # B 2 H W, pixels; None where it is no warp
    field: FieldStatistics | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """What was found of a model on B images of a split, on the host."""

    indices: tuple[int, ...]
    images: Tensor  # B C H W in [0, 1]
    labels: Tensor  # B, int64
    predicted: Tensor  # B, int64: `trainer.answers` of the clean images
    saliency: Tensor  # B H W: SmoothGrad in the form of `FORM`
    how: SmoothGrad
    seed: int
    attacks: dict[str, Attacked]

    def fooled(self, label: str) -> Tensor:
        """Return whether the model errs on each image under an attack and not without, B, bool."""
        is_right = self.predicted == self.labels
        return is_right & (self.attacks[label].predicted != self.labels)

    def record(self) -> dict[str, Any]:
        """Return everything that is a number, as JSON has it."""
        height, width = self.images.shape[-2:]
        measured = {"gini": gini(self.saliency), "skewness": skewness(self.saliency)}
        return {
            "saliency": {**asdict(self.how), "seed": self.seed, **asdict(FORM)},
            "attacks": {label: attacked.reach for label, attacked in self.attacks.items()},
            "short_waves_of_noise": short_waves_of_noise(height, width),
            "images": [
                {
                    "index": index,
                    "label": int(self.labels[row]),
                    "predicted": int(self.predicted[row]),
                    "saliency": {name: float(values[row]) for name, values in measured.items()},
                    "attacks": {label: self._under(label, row) for label in self.attacks},
                }
                for row, index in enumerate(self.indices)
            ],
        }

    def _under(self, label: str, row: int) -> dict[str, Any]:
        attacked = self.attacks[label]
        return {
            "predicted": int(attacked.predicted[row]),
            "fooled": bool(self.fooled(label)[row]),
            "field": None if attacked.field is None else attacked.field.record(row),
        }


def explain(
    model: nn.Module,
    split: Split,
    indices: tuple[int, ...],
    suite: Suite,
    *,
    how: SmoothGrad,
    seed: int,
    done: Callable[[], None],
) -> Explained:
    """Find what a model looks at on some images, and what each attack of a suite makes of them.

    Noise derives from the seed and an image's number in the split; attacks begin where those of an
    evaluation do. So what is found of an image depends on no other.

    Args:
        split: on the model's device.
        indices: B, of images in the split.
        suite: whose attacks are run, each at its last rung; climbing ones give their best iterate.
        seed: of SmoothGrad's noise.
        done: is called after the saliency and after each attack.

    Raises:
        NoGradientError: logits have no gradient at any of the images.
        NotFiniteError: the model's logits are NaN or infinite on clean images.
    """
    device = split.labels.device
    places = torch.tensor(indices, device=device)
    images, labels = split.images_at(places), split.labels[places]
    with arithmetic("float32", device):
        logits = _logits(model, images, suite.batch_size)
        if broken := int((~logits.isfinite().all(1)).sum()):
            raise NotFiniteError(
                f"logits must be finite on clean images, got NaN or infinite ones for {broken} of "
                f"{len(images)} images; look for an overflow, or for NaN among the network's "
                f"buffers"
            )
        keys = example_keys(derive_seed("saliency", seed), places)
        gradients = smoothgrad(model, images, labels, keys, how=how, batch_size=suite.batch_size)
        if not gradients.any():
            raise NoGradientError(
                f"the network must have logits that change with its images, and at none of these "
                f"{len(images)} does the logit of the label have a gradient other than 0: it is "
                f"constant there, and there is nothing to explain"
            )
        done()
        attacks = {}
        for label, rungs in suite.categories.items():
            keys = example_keys(derive_seed("evaluation", label), places)
            attacks[label] = _attacked(
                rungs.attack, model, (images, labels, keys), suite.batch_size
            )
            done()
    return Explained(
        indices=indices,
        images=images.cpu(),
        labels=labels.cpu(),
        predicted=answers(logits).cpu(),
        saliency=FORM.maps(gradients).cpu(),
        how=how,
        seed=seed,
        attacks=attacks,
    )


def _attacked(
    attack: Attack, model: nn.Module, batch: tuple[Tensor, Tensor, Tensor], batch_size: int
) -> Attacked:
    if isinstance(attack, AscentAttack):
        attack = attack.model_copy(update={"keep": "best"})
    parts = zip(*(tensor.split(batch_size) for tensor in batch), strict=True)
    found = [attack.perturbation(model, *part) for part in parts]
    adversarial = torch.cat([each.images for each in found])
    _, channels, height, width = adversarial.shape
    displacements = [moved for each in found if (moved := each.displacement()) is not None]
    moved = torch.cat(displacements).cpu() if displacements else None
    return Attacked(
        reach=attack.reach((channels, height, width)),
        images=adversarial.cpu(),
        predicted=answers(_logits(model, adversarial, batch_size)).cpu(),
        moved=moved,
        field=None if moved is None else field_statistics(moved),
    )


def _logits(model: nn.Module, images: Tensor, batch_size: int) -> Tensor:
    with frozen(model), torch.no_grad():
        return torch.cat([model(some) for some in images.split(batch_size)])
