"""MSD: one perturbation, moved at each step by whichever attack's step raises the loss most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from trainer.attacks import PGD, Attack, Integrated, frozen
from trainer.attacks.ascent import LOSSES, STEP_SHARES, AscentAttack, Parameters
from trainer.attacks.attack import gradients_of
from trainer.methods.method import AttackNames, Mixed
from trainer.passes import Passes

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch

MSD = "msd"
"""Name of the branch of the images that are found so."""

Parts = list[Parameters]
"""Parameters of each attack's part of a perturbation."""


class MultiSteepest(Mixed):
    """Training on perturbations by multi steepest descent (Maini, Wong and Kolter, 2020: "MSD",
    Algorithm 1).

    At each step every attack proposes the perturbation that its own steepest step leads to, and
    the one under which an example's loss is largest is kept for that example. It starts from no
    perturbation, and takes as many steps as the attack that has most; each attack has its own step
    size and the decay of its steps.

    Attacks on pixels have one difference delta in common: a candidate is delta after the attack's
    step, projected onto the attack's ball, which is the paper's. Where spatial attacks are among
    them there is no such common perturbation: it is then composed, a part w_k for each attack
    (differences of pixels first, then the warps in their order). A candidate moves one part by its
    attack's own step and shrinks the others, by one factor, to where the relative sizes
    `|w_k| / epsilon_k` sum to at most 1: so the union of the attacks' sets is contained, and
    nothing is composed at full strength. Random starts and iterates other than the last have no
    part in it.
    """

    attack_names: AttackNames = Field(("pgd", "flow", "rt"), description="labels of attacks")

    def adversaries(self) -> tuple[str, ...]:
        return (MSD,)

    def attacks(self) -> tuple[str, ...]:
        return self.attack_names

    def unfit(self, attacks: Mapping[str, Attack]) -> str:
        """Say of an attack that it takes no steps, or more than one run of them; or that they climb
        different losses."""
        its = {name: attacks[name] for name in self.attack_names if name in attacks}
        for name, attack in its.items():
            if not isinstance(attack, AscentAttack):
                return f"must train with attacks that climb by steps, got {name}, which does not"
            if attack.num_restarts > 1 or attack.keep != "last":
                return (
                    f"must train with attacks of num_restarts: 1 and keep: last, since msd is one "
                    f"run of all of them, got {name} with {attack.num_restarts} and {attack.keep}"
                )
            if isinstance(attack, PGD) and attack.radius_decay != "none":
                return (
                    f"must train with attacks of radius_decay: none, since msd's one run stays in "
                    f"the balls of all of them, got {name} with {attack.radius_decay}"
                )
            if isinstance(attack, Integrated) and attack.warps != "clean":
                return f"must train with attacks that warp the clean image, got {name}"
        losses = {attack.loss for attack in its.values() if isinstance(attack, AscentAttack)}
        if len(losses) > 1:
            return f"must train with attacks that climb one loss, got {', '.join(sorted(losses))}"
        return super().unfit(attacks)

    def search(  # noqa: PLR0917  (as an attack's, with what is searched for in front)
        self,
        branch: str,
        attacks: Mapping[str, Attack],
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        keys: Tensor,
    ) -> Tensor:
        del branch, keys
        its = [attacks[name] for name in self.attack_names]
        steps = [attack for attack in its if isinstance(attack, AscentAttack)]
        with frozen(model):
            return steepest(steps, model, images, labels)

    def search_passes(self, attacks: Mapping[str, Attack]) -> Passes | None:
        """Count a gradient and one look at each candidate a step."""
        steps = max(it.num_steps for it in attacks.values() if isinstance(it, AscentAttack))
        return Passes(forward=1 + len(attacks), input_backward=1) * steps


def steepest(
    attacks: Sequence[AscentAttack], model: nn.Module, images: Tensor, labels: Tensor
) -> Tensor:
    """Return images under the perturbation that multi steepest descent finds, B C H W in [0, 1].

    Args:
        attacks: whose steps are taken; all climb the loss of the first.
        model: frozen, gives logits B K.
        images: B C H W in [0, 1].
        labels: B, int64.
    """
    is_common = all(isinstance(attack, PGD) for attack in attacks)
    space = _Common(attacks, images) if is_common else _Composed(attacks, images)
    loss_of: Callable[[Tensor, Tensor], Tensor] = LOSSES[attacks[0].loss]
    num_steps = max(attack.num_steps for attack in attacks)
    every = torch.arange(len(images), device=images.device)
    parts = space.start()
    for step in range(num_steps):
        parts = [tuple(w.detach().requires_grad_() for w in part) for part in parts]
        flat = tuple(w for part in parts for w in part)
        with torch.enable_grad():
            loss = loss_of(model(space.apply(parts)), labels).sum()
        gradients = iter(gradients_of(loss, flat))
        of_parts: Parts = [tuple(next(gradients) for _ in part) for part in parts]
        with torch.no_grad():
            candidates = [
                space.stepped(place, parts, of_parts, share=_share(attack, step, num_steps))
                for place, attack in enumerate(attacks)
            ]
            losses = [loss_of(model(space.apply(candidate)), labels) for candidate in candidates]
            best = torch.stack(losses).argmax(dim=0)
            parts = [
                tuple(torch.stack(rows)[best, every] for rows in zip(*proposed, strict=True))
                for proposed in zip(*candidates, strict=True)
            ]
    return space.apply(parts).detach().clamp(0, 1)


def _share(attack: AscentAttack, step: int, num_steps: int) -> float:
    return STEP_SHARES[attack.step_decay](step / num_steps)


class _Common:
    """One difference of pixels that all attacks move."""

    def __init__(self, attacks: Sequence[AscentAttack], images: Tensor) -> None:
        self._attacks = attacks
        self._images = images

    def start(self) -> Parts:
        return [(torch.zeros_like(self._images),)]

    def apply(self, parts: Parts) -> Tensor:
        return self._images + parts[0][0]

    def stepped(self, place: int, parts: Parts, gradients: Parts, *, share: float) -> Parts:
        attack = self._attacks[place]
        return [attack.stepped(self._images, parts[0], gradients[0], share=share)]


class _Composed:
    """A part for each attack, whose relative sizes sum to at most 1."""

    def __init__(self, attacks: Sequence[AscentAttack], images: Tensor) -> None:
        self._attacks = attacks
        self._images = images
        self._order = sorted(range(len(attacks)), key=lambda k: not isinstance(attacks[k], PGD))

    def start(self) -> Parts:
        count = len(self._images)
        return [
            tuple(self._images.new_zeros(count, *c.shape) for c in it.components(self._images))
            for it in self._attacks
        ]

    def apply(self, parts: Parts) -> Tensor:
        images = self._images
        for place in self._order:
            images = self._attacks[place].apply(images, parts[place])
        return images

    def stepped(self, place: int, parts: Parts, gradients: Parts, *, share: float) -> Parts:
        """Move one part by its attack's step, and shrink the others to what it leaves them."""
        attack = self._attacks[place]
        moved = attack.stepped(self._images, parts[place], gradients[place], share=share)
        others = torch.stack(
            [it.sizes(self._images, part) for it, part in zip(self._attacks, parts, strict=True)]
        )
        others[place] = 0
        room = 1 - attack.sizes(self._images, moved)
        factor = (room / others.sum(dim=0).clamp(min=torch.finfo(room.dtype).tiny)).clamp(0, 1)
        shrunk: Parts = [tuple(_times(w, factor) for w in part) for part in parts]
        shrunk[place] = moved
        return shrunk


def _times(w: Tensor, factor: Tensor) -> Tensor:
    return w * factor.view(-1, *[1] * (w.dim() - 1))
