"""The tables of docs/attacks.md: `python -m tests.peers.tables --data FOLDER`.

The peers' numbers are from their committed answers, ours are measured now.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product

import torch

from tests.peers.bench import Bench, Bits, falling, pgd_of
from tests.peers.remake import APGD_STEPS, QUESTIONS
from trainer.attacks import PGD, Attack, Flow, RotationTranslation
from trainer.attacks.ascent import LOSSES, STEP_SHARES
from trainer.attacks.rigid import RotationTranslationGrid
from trainer.evaluation.intervals import wilson

DRAWS = 3
SPATIAL_STEPS = 20
RT_EPSILONS = {"mnist": 0.1, "cifar10": 0.05}
FEW = 100
"""Images of the tables that take longest, at most."""


def main() -> None:
    """Print all tables of a network, or of each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder of the real images")
    parser.add_argument("--network", choices=QUESTIONS, action="append", help="else all")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.network or QUESTIONS:
        bench = Bench(name, given.data)
        every = torch.arange(bench.answers.examples)
        print(f"\n## {name}: {per_cent(bench.natural(every))} natural")
        for table in (
            pixels(bench, every),
            other_norm(bench, every, "l2"),
            other_norm(bench, every, "l1"),
            flows(bench),
            motions(bench, every[:FEW], RT_EPSILONS[name]),
            options(bench, every, starts=5, num_steps=20),
            options(bench, every, starts=1, num_steps=APGD_STEPS),
        ):
            print()
            for line in table:
                print(line, flush=True)


def pixels(bench: Bench, every: torch.Tensor) -> Iterator[str]:
    """Robust accuracy in the L-infinity ball, starts x steps."""
    yield "| starts x steps | attack | robust accuracy |"
    yield "| --: | --- | --: |"
    bits = bench.answers.bits
    single = pgd_of(bench.answers.question("torchattacks x1"))
    for starts in (1, 5):
        attack = single.model_copy(update={"num_restarts": starts})
        rows = {
            "ours": bench.withstood(attack, every, draw=0),
            "ours, falling step": bench.withstood(falling(attack), every, draw=0),
            "ours, last iterate alone": bench.withstood_at_end(attack, every),
            "torchattacks": bits[f"torchattacks x{starts}"],
            "foolbox": bits[f"foolbox x{starts}"],
        }
        for label, row in rows.items():
            yield f"| {starts} x {attack.num_steps} | {label} | {per_cent(row)} |"
    longer = single.model_copy(update={"num_steps": APGD_STEPS})
    yield f"| 1 x {APGD_STEPS} | ours | {per_cent(bench.withstood(longer, every, draw=0))} |"
    for starts in (1, 5):
        attack = falling(longer).model_copy(update={"num_restarts": starts})
        ours = bench.withstood(attack, every, draw=0)
        yield f"| {starts} x {APGD_STEPS} | ours, falling step | {per_cent(ours)} |"
        yield f"| {starts} x {APGD_STEPS} | APGD-CE | {per_cent(bits[f'apgd_ce x{starts}'])} |"
    yield f"| | AutoAttack, standard | {per_cent(bits['autoattack'])} |"
    errors = [int((~bench.withstood(single, every, draw=draw)).sum()) for draw in range(DRAWS)]
    yield f"\nErrors that ours finds with one start, {DRAWS} draws of it: {errors}"


def other_norm(bench: Bench, every: torch.Tensor, norm: str) -> Iterator[str]:
    """Robust accuracy in the ball of another norm, starts x steps."""
    asked = [each for each in bench.answers.questions if each.get("norm") == norm]
    single = pgd_of(next(each for each in asked if each["attack"] == "pgd"))
    yield f"| starts x steps, {norm} at {single.epsilon:g} | attack | robust accuracy |"
    yield "| --: | --- | --: |"
    for starts in (1, 5):
        attack = single.model_copy(update={"num_restarts": starts})
        for loss in ("cross_entropy", "margin"):
            further_out = falling(attack).model_copy(update={"radius_decay": "stages"})
            ours_by_label = {
                "as given": attack,
                "falling step": falling(attack),
                "falling step, from three times the radius": further_out,
            }
            for label, ours in ours_by_label.items():
                bits = bench.withstood(ours.model_copy(update={"loss": loss}), every, draw=0)
                budget = f"{starts} x {attack.num_steps}"
                yield f"| {budget} | ours, {loss}, {label} | {per_cent(bits)} |"
    for question in asked:
        budget = f"{question.get('num_restarts', 1)} x {question['num_steps']}"
        label = question["label"]
        yield f"| {budget} | {label} | {per_cent(bench.answers.bits[label])} |"


def flows(bench: Bench) -> Iterator[str]:
    """Robust accuracy within the radius of stAdv's answers."""
    asked = [each for each in bench.answers.questions if each["attack"] == "stadv"]
    epsilon, every = asked[0]["epsilon"], torch.arange(asked[0]["examples"])
    yield f"| attack within {epsilon} | robust accuracy |"
    yield "| --- | --: |"
    for question in asked:
        yield f"| {question['label']} | {per_cent(bench.answers.bits[question['label']])} |"
    single = Flow(epsilon=epsilon, step_size=epsilon / 4, num_steps=SPATIAL_STEPS)
    longer = single.model_copy(update={"num_steps": asked[0]["num_steps"]})
    for loss in ("cross_entropy", "margin"):
        climbed = {
            f"1 x {single.num_steps}": single,
            f"5 x {single.num_steps}": single.model_copy(update={"num_restarts": 5}),
            f"1 x {longer.num_steps}": longer,
            f"1 x {longer.num_steps}, falling step": falling(longer),
        }
        for label, attack in climbed.items():
            ours = bench.withstood(attack.model_copy(update={"loss": loss}), every, draw=0)
            yield f"| ours, {loss}, {label} | {per_cent(ours)} |"


def motions(bench: Bench, some: torch.Tensor, epsilon: float) -> Iterator[str]:
    """Robust accuracy against affine maps: ascent, and the grid of rigid motions in its box."""
    ascent = RotationTranslation(epsilon=epsilon, step_size=epsilon / 4, num_steps=SPATIAL_STEPS)
    grid = RotationTranslationGrid(epsilon=epsilon)
    count = grid.num_rotations * grid.num_translations**2
    attacks: dict[str, Attack] = {
        f"ours, 1 x {SPATIAL_STEPS} steps": ascent,
        f"ours, 5 x {SPATIAL_STEPS} steps": ascent.model_copy(update={"num_restarts": 5}),
        f"grid of {count} motions": grid,
    }
    yield f"| attack within {epsilon} | robust accuracy |"
    yield "| --- | --: |"
    for label, attack in attacks.items():
        yield f"| {label} | {per_cent(bench.withstood(attack, some, draw=0))} |"


def options(bench: Bench, every: torch.Tensor, *, starts: int, num_steps: int) -> Iterator[str]:
    """Of the images that AutoAttack breaks, how many PGD does, by loss, step and its decay."""
    epsilon = bench.answers.question("autoattack")["epsilon"]
    broken = bench.natural(every) & ~bench.answers.bits["autoattack"]
    in_play = torch.from_numpy(broken.nonzero()[0][:FEW])
    yield f"{starts} x {num_steps} steps on {len(in_play)} images that AutoAttack breaks\n"
    heads = list(product(LOSSES, STEP_SHARES))
    yield f"| step / epsilon | {' | '.join(', '.join(head) for head in heads)} |"
    yield f"| --: |{' --: |' * len(heads)}"
    base = PGD(epsilon=epsilon, num_steps=num_steps, num_restarts=starts)
    for share in (2, 1, 0.5, 0.25, 0.1):
        found = []
        for loss, decay in heads:
            varied = {"step_size": share * epsilon, "loss": loss, "step_decay": decay}
            attack = base.model_copy(update=varied)
            found.append(int((~bench.withstood(attack, in_play, draw=0)).sum()))
        yield f"| {share:g} | {' | '.join(map(str, found))} |"


def per_cent(bits: Bits) -> str:
    """Share that withstands, and its 95 % interval over images."""
    share, low, high = (100 * value for value in wilson(int(bits.sum()), len(bits)))
    return f"{share:.1f} ({low:.1f}-{high:.1f})"


if __name__ == "__main__":
    main()
