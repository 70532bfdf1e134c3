"""AutoAttack: the ensemble by which robust accuracies are published, from its own package."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, Strict, model_validator

from trainer.answers import NotFiniteError
from trainer.attacks.attack import Attack, frozen
from trainer.attacks.pixel import PGD
from trainer.attacks.threat import Threat
from trainer.attacks.units import pixel_warning
from trainer.input.settings import Share
from trainer.randomness import derive_seed

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch

PACKAGE = "pyautoattack"
EXTRA = "pareto-robustness-sweep[autoattack]"
MOST_TARGETS = 9
"""Most target classes that the ensemble tries for an example: the likeliest but its own."""

Member = Literal["apgd-ce", "apgd-t", "fab-t", "square"]


def _each_once(members: tuple[Member, ...]) -> tuple[Member, ...]:
    if len(set(members)) < len(members):
        raise ValueError(f"must name each attack once, got {list(members)}")
    return members


class AutoAttack(Attack):
    """The standard ensemble of Croce and Hein (2020) in the L-infinity ball, within [0, 1].

    Its members, each run on what the ones before left right: APGD on cross entropy, targeted
    APGD on the DLR loss, targeted FAB (100 steps each, the latter two at each of 9 target
    classes), and Square, which needs no gradient (5000 queries). An example that withstands them
    costs some 7,900 forward passes, 1,900 of them with a gradient. None of this can be set, so
    that the number compares with published ones. Fewer than 10 classes are fewer targets.

    The ensemble is `pyautoattack`'s (0.2.0), an optional extra. Unlike the other attacks', its
    bits depend on the batch: it draws the random numbers of all examples at once, here from a
    seed that derives from the batch's keys. So the same evaluation repeats bit for bit, another
    batch size gives other bits, equal within noise. What it warns of (vanishing gradients, a
    randomised model) is logged as information, under this module's name.
    """

    rung: ClassVar[str | None] = None

    epsilon: Share = Field(description="radius in pixels of [0, 1]; for 8-bit input write 8/255")
    attacks: Annotated[
        tuple[Member, ...], Strict(False), Field(min_length=1), AfterValidator(_each_once)
    ] = Field(
        ("apgd-ce", "apgd-t", "fab-t", "square"), description="members of the ensemble, in order"
    )

    @model_validator(mode="after")
    def _package_is_there(self) -> Self:
        if importlib.util.find_spec(PACKAGE) is None:
            raise ValueError(
                f"attack autoattack must have the package {PACKAGE}, which is not installed; "
                f"pip install '{EXTRA}', on every machine that runs trials"
            )
        return self

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return adversarial images of what the ensemble breaks, the clean ones of the rest.

        Raises:
            ValueError: `apgd-t` against fewer than 4 classes: its loss compares 4 logits.
            NotFiniteError: the model answers some image with NaN or infinite logits.
        """
        with frozen(model), _global_state_restored():
            with torch.no_grad():
                num_classes = model(images[:1]).shape[1]
            ensemble = self._ensemble(model, images, keys, num_classes)
            adversarial: Tensor
            adversarial, _ = ensemble.run_standard_evaluation(
                images.contiguous(), labels, batch_size=len(images)
            )
        return adversarial

    def slopes(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        """Return the slopes of cross entropy by the pixels, along which APGD's first step goes."""
        first = PGD(epsilon=self.epsilon, num_steps=1)
        return first.slopes(model, images, labels, keys)

    def threat(self) -> Threat:
        """Return PGD's, whose ball is the same."""
        return PGD(epsilon=self.epsilon, num_steps=1).threat()

    def radius_warning(self, image_shape: tuple[int, int, int] | None) -> str:
        """Warn of an unusual radius, as PGD does."""
        del image_shape
        return pixel_warning(self.epsilon)

    def reach(self, image_shape: tuple[int, int, int]) -> str:
        """Say the radius as PGD does, whose ball is the same."""
        return PGD(epsilon=self.epsilon, num_steps=1).reach(image_shape)

    def _ensemble(self, model: nn.Module, images: Tensor, keys: Tensor, num_classes: int) -> Any:
        if "apgd-t" in self.attacks and num_classes < 4:
            others = [member for member in get_args(Member) if member != "apgd-t"]
            raise ValueError(
                f"autoattack.attacks must leave out apgd-t where there are fewer than 4 classes, "
                f"got {num_classes}; write attacks: [{', '.join(others)}]"
            )

        def logits(batch: Tensor) -> Tensor:
            own: Tensor = model(batch).to(torch.float32, copy=True)  # Square writes into them
            if not own.isfinite().all() and batch.isfinite().all():
                raise NotFiniteError(
                    "autoattack must be given a model whose logits are finite on every image that "
                    "it tries, and got NaN or infinite ones, which it may take for class 0; "
                    "use pgd, which counts them as errors"
                )
            return own

        ensemble = importlib.import_module(PACKAGE).AutoAttack(
            logits,
            norm="Linf",
            eps=self.epsilon,
            version="standard",
            seed=derive_seed("autoattack", *keys.tolist()),
            device=images.device,
        )
        ensemble.attacks_to_run = list(self.attacks)
        ensemble.verbose = False
        for member in (ensemble.apgd_targeted, ensemble.fab):
            member.n_target_classes = min(MOST_TARGETS, num_classes - 1)
        for member in (ensemble, ensemble.apgd, ensemble.apgd_targeted):
            member.logger = _AtMostInformation(logging.getLogger(__name__))
        return ensemble


@contextmanager
def _global_state_restored() -> Iterator[None]:
    """Restore what the package changes: it seeds torch's generators, and ends tracing."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    trace = sys.gettrace()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        sys.settrace(trace)


class _AtMostInformation(logging.LoggerAdapter[logging.Logger]):
    """Lowers messages to information: the package repeats on every batch what is worth one line."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        super().log(min(level, logging.INFO), msg, *args, **kwargs)
