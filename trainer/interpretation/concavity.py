"""How far a loss landscape is from a hill: curvature of random sections, and where runs end.

Of a concave loss every section is concave, and ascent comes to one value from wherever it starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.attacks import frozen
from trainer.attacks.ascent import LOSSES, AscentAttack, Parameters
from trainer.device.precision import arithmetic
from trainer.interpretation.directions import corner, directions
from trainer.interpretation.landscape import losses_along
from trainer.randomness import example_keys

_STENCIL = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Curvature:
    """Second differences of the loss of B examples in S sections of two random directions."""

    hessians: Tensor
    """B S 2 2: by the coordinates a and b, whose unit is a root mean square of one radius."""

    def negative_definite(self) -> Tensor:
        """Return the share of sections that are strictly concave at their point, B."""
        return self._share(self.hessians, sign=-1)

    def positive_definite(self) -> Tensor:
        """Return the share of sections that are strictly convex at their point, B."""
        return self._share(self.hessians, sign=1)

    @staticmethod
    def _share(hessians: Tensor, *, sign: int) -> Tensor:
        determinant = hessians[..., 0, 0] * hessians[..., 1, 1] - hessians[..., 0, 1].square()
        return ((sign * hessians[..., 0, 0] > 0) & (determinant > 0)).double().mean(1)


def curvature(
    attack: AscentAttack,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    keys: Tensor,
    *,
    sections: int,
    step: float,
    batch_size: int,
) -> Curvature:
    """Measure the curvature of the attack's loss by w at random points, along random directions.

    A point is drawn as the attack draws its starts, uniformly from its set, and for each of them
    two directions (`trainer.interpretation.directions`, as long as the radii). The Hessian is that
    of second differences over `step`, exact for a quadratic loss: derivatives would miss the kinks
    of bilinear sampling and of ReLU, which at the scale of a step of the attack are curvature.
    It takes nine forward passes a section.

    Args:
        model: as for `trainer.interpretation.landscape`.
        images: likewise.
        labels: likewise.
        keys: B, int64: equal keys give equal sections.
        sections: points and pairs of directions an image.
        step: of the differences, in lengths of a direction: a share of the radius.
        batch_size: images of one pass, at most.
    """
    a, b = (step * images.new_tensor(column) for column in zip(*_STENCIL, strict=True))
    like, found = corner(attack, images), []
    drawn = attack.model_copy(update={"random_start": True})
    for section in range(sections):
        losses, _ = losses_along(
            attack,
            model,
            images,
            labels,
            around=drawn.start(images, keys, section),
            pair=directions(like, example_keys(section, keys), stream=0),
            a=a,
            b=b,
            batch_size=batch_size,
        )
        found.append(_hessian(losses.double(), step))
    return Curvature(hessians=torch.stack(found, dim=1))


def _hessian(losses: Tensor, step: float) -> Tensor:
    """Return second differences, B 2 2, of losses at the stencil's points, B 9."""
    centre, right, left, up, down, both, neither, one, other = losses.unbind(1)
    along_a, along_b = right - 2 * centre + left, up - 2 * centre + down
    mixed = (both + neither - one - other) / 4
    second = torch.stack([along_a, mixed, mixed, along_b], dim=1) / step**2
    return second.reshape(-1, 2, 2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ends:
    """Where runs of an attack from many starts came to, for B examples."""

    losses: Tensor
    """B S: the attack's loss at the end of each run."""

    distance: Tensor
    """B: root mean square, over runs and entries, of the ends' distance from their mean, in radii:
    0 where all end at one place, at most 1."""

    def spread(self) -> Tensor:
        """Return the standard deviation of the losses over runs, B."""
        return self.losses.double().std(1, correction=0)

    def range(self) -> Tensor:
        """Return the largest less the smallest loss, B."""
        losses = self.losses.double()
        return losses.amax(1) - losses.amin(1)


def ends(
    attack: AscentAttack,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    keys: Tensor,
    *,
    starts: int,
    batch_size: int,
) -> Ends:
    """Run the attack from many random starts, each by itself, to its last iterate.

    Args:
        model: as for `trainer.interpretation.landscape`.
        images: likewise.
        labels: likewise.
        keys: B, int64: equal keys give equal starts.
        starts: runs an image; the paper has 100.
        batch_size: images of one pass, at most.
    """
    run = attack.model_copy(update={"random_start": True, "num_restarts": 1, "keep": "last"})
    count = len(images)
    radii = [component.radius for component in attack.components(images)]
    losses: list[Tensor] = []
    found: list[Parameters] = []
    places = torch.arange(count * starts, device=images.device)
    with frozen(model), arithmetic("float32", images.device):
        for some in places.split(batch_size):
            example, start = some % count, some // count
            chosen, answers = images[example], labels[example]
            own = example_keys(0, keys[example] + start)
            end = run.solution(model, chosen, answers, own)
            with torch.no_grad():
                losses.append(LOSSES[attack.loss](model(end.images), answers))
            found.append(end.parameters)
    by_run = torch.cat(losses).unflatten(0, (starts, count)).mT
    return Ends(losses=by_run, distance=_distance(found, radii, (starts, count)))


def _distance(found: list[Parameters], radii: list[float], runs: tuple[int, int]) -> Tensor:
    """Return `Ends.distance` of the parameters of S x B runs, B for each start."""
    entries = [
        (torch.cat(parts) / (radius or 1)).unflatten(0, runs).flatten(2).double()
        for parts, radius in zip(zip(*found, strict=True), radii, strict=True)
    ]
    every = torch.cat(entries, dim=2)  # S B entries
    return every.var(0, correction=0).mean(1).sqrt()
