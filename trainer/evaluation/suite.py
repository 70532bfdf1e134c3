"""Evaluation: a model and a suite of attacks at a ladder of strengths give outcomes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, SerializeAsAny, Strict

from trainer.answers import NotFiniteError, correct
from trainer.attacks import ATTACKS, Attack, frozen
from trainer.attacks.ascent import AscentAttack
from trainer.config import described
from trainer.data import Dataset, Split
from trainer.device.precision import arithmetic
from trainer.evaluation.claims import lacking_for_claims
from trainer.evaluation.origin import Origin, examples_id, model_id
from trainer.evaluation.outcomes import Outcomes
from trainer.input.document import Document
from trainer.input.kinds import kind_of, named_class, read_kind
from trainer.input.problems import label_problem
from trainer.input.settings import Count, Provenance, Settings, content_id
from trainer.randomness import derive_seed, example_keys

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    from trainer import late_torch as torch

SplitName = Literal["test", "validation"]
"""Splits that a suite may be run on."""

SEMANTICS = 1
"""Version of evaluation as a whole: raised when the same suite comes to mean other outcomes."""


def _rising(ladder: tuple[int, ...]) -> tuple[int, ...]:
    if any(b <= a for a, b in pairwise(ladder)):
        raise ValueError(f"must rise from rung to rung, got {list(ladder)}")
    return ladder


class _Ladder(Settings):
    ladder: Annotated[
        tuple[Count, ...],
        Strict(False),
        Field(min_length=1, description="numbers of steps; one run of the last gives all"),
        AfterValidator(_rising),
    ]


class _Mark(Settings):
    unseen: bool = Field(description="whether it stands beside the score and the union")


class Rungs(Settings):
    """One attack of a suite, at rising strengths: numbers of steps of one size, for most."""

    attack: SerializeAsAny[Attack]
    ladder: Annotated[tuple[Count, ...], Strict(False)]  # empty: the attack has one strength
    unseen: bool = False  # True: it stands beside the score and the union, and is in neither

    @classmethod
    def whole(cls, attack: Attack) -> Rungs:
        """Return the attack at its own strength alone."""
        ladder = () if attack.rung is None else (getattr(attack, attack.rung),)
        return cls(attack=attack, ladder=ladder)

    def __len__(self) -> int:
        return max(1, len(self.ladder))


class _SuiteOptions(Settings):
    split: SplitName = Field("test", description="images evaluated on")
    examples: Count | None = Field(
        None, description="of the split, evenly spread over it; left out, all"
    )
    batch_size: Annotated[Count, Provenance()] = Field(256, description="images at a time")
    claim: Annotated[bool, Provenance()] = Field(
        False, description="whether the attacks are strong enough for claims about methods"
    )
    unequal: Annotated[Annotated[str, Field(min_length=1)] | None, Provenance()] = Field(
        None, description="why attacks differ in starts or longest runs, in words"
    )


_SAID_WHERE_SO = {"claim", "unequal"}
"""Options that a record leaves out at their default, as those of before they came do."""


class Suite(_SuiteOptions):
    """Attacks by category, and the images that they are tried on. Radii are the suite's own:
    nothing is inherited from training."""

    categories: dict[str, Rungs]

    @property
    def seen(self) -> tuple[str, ...]:
        """Labels of the categories of which score and union are made."""
        return tuple(label for label, rungs in self.categories.items() if not rungs.unseen)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Labels of the categories that stand beside these: nobody trained on their attacks."""
        return tuple(label for label, rungs in self.categories.items() if rungs.unseen)

    def content(self) -> dict[str, Any]:
        """Return all that determines the outcomes, and what is made of them."""
        categories = {
            label: {**described(ATTACKS, rungs.attack), "ladder": list(rungs.ladder)}
            | ({"unseen": True} if rungs.unseen else {})
            for label, rungs in self.categories.items()
        }
        return super().content() | {"semantics": SEMANTICS, "categories": categories}

    @property
    def id(self) -> str:
        """Name of the suite in the store: `e` and 16 hexadecimal digits."""
        return content_id("e", self.content())

    def on(self, split: SplitName) -> Suite:
        """Return the same attacks on the images of a split."""
        return self.model_copy(update={"split": split})

    def oddities(self, image_shape: tuple[int, int, int] | None) -> tuple[str, ...]:
        """Warn of unusual radii of the suite's attacks on images C H W, and of attacks that are
        unequal without a reason, a line each."""
        of_radii = (
            f"evaluation.{label}.{radius_warning}"
            for label, rungs in self.categories.items()
            if (radius_warning := rungs.attack.radius_warning(image_shape))
        )
        return (*of_radii, *([] if self.unequal else self._inequalities()))

    def efforts(self) -> dict[str, dict[str, int]]:
        """Return how hard each category that climbs is attacked: its starts, and the steps of its
        longest run. Attacks without steps, such as grids, have no such effort."""
        starts, steps = {}, {}
        for label, rungs in self.categories.items():
            if isinstance(rungs.attack, AscentAttack) and not rungs.unseen:
                starts[label], steps[label] = rungs.attack.num_restarts, rungs.attack.num_steps
        return {"starts": starts, "steps of the longest run": steps}

    def without_reason_of(self, preset: Document) -> Suite:
        """Return the suite without the preset's reason for unequal attacks, where it attacks with
        other efforts than the preset does: a reason holds for what it was written about.

        Args:
            preset: the section `evaluation` of a data set's preset.
        """
        if self.unequal is None or "unequal" not in preset:
            return self
        if self.unequal != preset.section("unequal").value:
            return self
        is_same = self.efforts() == read_suite(preset).efforts()
        return self if is_same else self.model_copy(update={"unequal": None})

    def _inequalities(self) -> Iterator[str]:
        for what, by_label in self.efforts().items():
            if len(set(by_label.values())) > 1:
                each = ", ".join(f"{label} {count}" for label, count in by_label.items())
                yield (
                    f"evaluation attacks its categories unequally, {what}: {each}; the less an "
                    f"attack tries, the more robust its category looks: give each as many, or say "
                    f"why in evaluation.unequal"
                )

    def record(self) -> dict[str, Any]:
        """Return everything, in the form that `read_suite` takes."""
        own = self.model_dump(mode="json", exclude={"categories"})
        own = {key: value for key, value in own.items() if key not in _SAID_WHERE_SO or value}
        for label, rungs in self.categories.items():
            attack = rungs.attack
            settings = attack.model_dump(mode="json", exclude={attack.rung or ""})
            ladder = {"ladder": list(rungs.ladder)} if rungs.ladder else {}
            unseen = {"unseen": True} if rungs.unseen else {}
            own[label] = {"attack": kind_of(ATTACKS, attack), **settings, **ladder, **unseen}
        return own


def read_suite(document: Document) -> Suite:
    """Read a suite: `split`, `examples`, `batch_size`, `claim`, `unequal`; every other key is a
    category. `claim` takes attacks that lack nothing (`trainer.evaluation.claims`).

    A category names its attack's kind under `attack` where its label does not. A step size that
    is left out is a quarter of the radius: one size for all rungs, that few steps cross the set.

    Raises:
        BadInput: what is wrong, where.
    """
    sections = {
        key: section for key, section in document.items() if key not in _SuiteOptions.model_fields
    }
    options = document.without(*sections).read_as(_SuiteOptions)
    categories = {
        label: _read_rungs(section, label)
        for label, section in sections.items()
        if section.value is not None  # null takes a preset's category away
    }
    if not categories:
        raise document.fail("", "must name at least one attack, such as pgd: {epsilon: 8/255}")
    if all(rungs.unseen for rungs in categories.values()):
        raise document.fail(
            "",
            "must name at least one attack that is not unseen: score and union are made of those",
        )
    suite = Suite(categories=categories, **options.model_dump())
    attacks = {label: categories[label].attack for label in suite.seen}
    if suite.claim and (lacking := list(lacking_for_claims(attacks))):
        raise document.fail(
            "claim",
            f"must be false unless the attacks are strong enough for claims, got true; missing: "
            f"{'; '.join(lacking)}; or leave claim out",
        )
    return suite


def _read_rungs(document: Document, label: str) -> Rungs:
    if problem := label_problem(label):
        raise document.fail("", problem)
    if not isinstance(document.value, dict):
        known = list(_SuiteOptions.model_fields)
        near = difflib.get_close_matches(label, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise document.fail("", f"must be an attack's settings, or one of {', '.join(known)}{hint}")
    unseen = "unseen" in document and document.only("unseen").read_as(_Mark).unseen
    if unseen or "unseen" in document:
        rungs = _read_rungs(document.without("unseen"), label)
        return rungs.model_copy(update={"unseen": unseen})
    rung = named_class(document, ATTACKS, Attack, label).rung
    if rung is None:
        if "ladder" in document:
            raise document.fail("ladder", "must be left out: the attack has a single strength")
        return Rungs.whole(read_kind(document, ATTACKS, Attack, label))
    if rung in document:
        raise document.fail(rung, f"must not be in an evaluation: `ladder` has the {_noun(rung)}")
    ladder = document.only("ladder").read_as(_Ladder).ladder
    longest = Document.from_plain({rung: ladder[-1]}, document.where("ladder"))
    attack = read_kind(document.without("ladder").merged_over(longest), ATTACKS, Attack, label)
    if isinstance(attack, AscentAttack):
        outside = [rung for rung in ladder if attack.in_stage(rung / ladder[-1]) != attack]
        if outside:
            raise document.fail(
                "ladder",
                f"must leave out {', '.join(map(str, outside))}, when a run of {ladder[-1]} is "
                f"outside the attack's own set (radius_decay), got {list(ladder)}",
            )
    return Rungs(attack=_with_quarter_steps(attack), ladder=ladder)


def _noun(rung: str) -> str:
    return rung.removeprefix("num_")


def _with_quarter_steps(attack: Attack) -> Attack:
    steps = {}
    for name in type(attack).model_fields:
        if name.endswith("step_size") and getattr(attack, name) is None:
            epsilon = getattr(attack, name.removesuffix("step_size") + "epsilon", None)
            steps[name] = epsilon / 4 if epsilon else None
    return attack.model_copy(update=steps)


def examples_of(suite: Suite, split: Split) -> Tensor:
    """Choose the indices (N) of the examples of `split` that the suite is run on, in rising order.

    They are spread over the whole, since a split may be sorted by class.
    """
    count = len(split) if suite.examples is None else min(suite.examples, len(split))
    return torch.arange(count, device=split.labels.device) * len(split) // count


def constant_accuracy(suite: Suite, dataset: Dataset) -> float:
    """Compute the accuracy of the best constant classifier on the suite's examples: the share of
    their most frequent class. No attack moves its answer, so that it is its robust accuracy too."""
    split: Split = getattr(dataset, suite.split)
    return share_of_largest_class(split.labels[examples_of(suite, split)])


def share_of_largest_class(labels: Tensor) -> float:
    """Compute the accuracy of the best constant classifier on images with these labels (N)."""
    return int(labels.bincount().max()) / len(labels)


def origin_of(
    state: Mapping[str, Tensor], suite: Suite, dataset: Dataset, fingerprint: str
) -> Origin:
    """Name what the outcomes of a model with this state are of.

    Args:
        fingerprint: the data set's.
    """
    split: Split = getattr(dataset, suite.split)
    rows = split.rows[examples_of(suite, split).to(split.rows.device)]
    examples = examples_id(fingerprint, suite.split, rows)
    return Origin(model=model_id(state), suite=suite.id, examples=examples)


def evaluate(
    model: nn.Module,
    suite: Suite,
    dataset: Dataset,
    *,
    progress: Callable[[int, int], None] | None,
) -> Outcomes:
    """Evaluate `model` (on the data set's device) under every attack of the suite.

    An attack's random starts derive from its label and the example's index, so bits depend
    neither on the batch size nor on which other examples or attacks there are.

    Args:
        progress: is called with examples done and examples in all, after each batch.

    Raises:
        NotFiniteError: the model's logits are NaN or infinite on clean images.
    """
    split: Split = getattr(dataset, suite.split)
    examples = examples_of(suite, split)
    count = len(examples)
    natural = torch.zeros(count, dtype=torch.bool)
    robust = {
        label: torch.zeros(len(rungs), count, dtype=torch.bool)
        for label, rungs in suite.categories.items()
    }
    for start in range(0, count, suite.batch_size):
        batch = slice(start, min(start + suite.batch_size, count))
        with arithmetic("float32", split.labels.device):
            found = _evaluate_batch(model, suite, split, examples[batch])
            natural[batch] = found.natural
            for label, bits in found.robust.items():
                robust[label][:, batch] = bits
        if progress is not None:
            progress(batch.stop, count)
    return Outcomes(
        natural=natural.numpy(),
        robust={label: bits.numpy() for label, bits in robust.items()},
        ladders={label: rungs.ladder for label, rungs in suite.categories.items()},
        unseen=suite.unseen,
    )


class _Found(NamedTuple):
    """The outcomes of a batch of B examples, on the host."""

    natural: Tensor  # B
    robust: dict[str, Tensor]  # by category, L B


def _evaluate_batch(model: nn.Module, suite: Suite, split: Split, indices: Tensor) -> _Found:
    """Evaluate the examples at `indices` (B) under the suite's attacks."""
    images, labels = split.images_at(indices), split.labels[indices]
    with frozen(model), torch.no_grad():
        logits = model(images)
        broken = int((~logits.isfinite().all(1)).sum())
        if broken:
            raise NotFiniteError(
                f"logits must be finite on clean images, got NaN or infinite ones for {broken} of "
                f"{len(images)} images of a batch; look for an overflow, or for NaN among the "
                f"network's buffers"
            )
        natural = correct(logits, labels)
    alive = natural.nonzero().squeeze(1)  # what errs on the clean image is broken already
    images, labels, indices = images[alive], labels[alive], indices[alive]
    robust = {}
    for label, rungs in suite.categories.items():
        bits = natural.new_zeros(len(rungs), len(natural))
        if len(alive):
            keys = example_keys(derive_seed("evaluation", label), indices)
            bits[:, alive] = rungs.attack.correct(model, images, labels, keys, rungs.ladder)
        robust[label] = bits.cpu()
    return _Found(natural.cpu(), robust)
