"""What is found of a model: the attacks of an evaluation, the same of an image in any company."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from trainer.answers import NotFiniteError
from trainer.attacks import frozen
from trainer.data import Dataset
from trainer.evaluation.suite import Suite, read_suite
from trainer.explanation.explained import Explained, explain
from trainer.input.document import Document
from trainer.interpretation.saliency import NoGradientError, SmoothGrad
from trainer.randomness import derive_seed, example_keys

SUITE = read_suite(
    Document.from_plain(
        {
            "unequal": "short runs are quick",
            "pgd": {"epsilon": 0.2, "ladder": [1, 4]},
            "flow": {"epsilon": 0.15, "ladder": [4]},
            "rt": {"epsilon": 0.2, "num_restarts": 2, "ladder": [3]},
        },
        "test",
    )
)
INDICES = (3, 0, 200, 17)


def found_of(
    model: nn.Module,
    dataset: Dataset,
    indices: tuple[int, ...] = INDICES,
    suite: Suite = SUITE,
    *,
    seed: int = 0,
    done: Callable[[], None] = lambda: None,
) -> Explained:
    how = SmoothGrad(samples=4, noise=0.2)
    return explain(model, dataset.test, indices, suite, how=how, seed=seed, done=done)


def test_attacks_are_those_of_an_evaluation(trained: nn.Module, digits: Dataset) -> None:
    calls: list[int] = []
    found = found_of(trained, digits, done=lambda: calls.append(1))
    assert len(calls) == 4  # saliency and three attacks
    places = torch.tensor(INDICES)
    assert torch.equal(found.labels, digits.test.labels[places])
    assert torch.equal(found.images, digits.test.images_at(places))
    for label, rungs in SUITE.categories.items():
        attack = rungs.attack.model_copy(update={"keep": "best"})
        keys = example_keys(derive_seed("evaluation", label), places)
        expected = attack.perturb(trained, found.images, found.labels, keys)
        attacked = found.attacks[label]
        assert torch.equal(attacked.images, expected)
        with frozen(trained), torch.no_grad():
            assert torch.equal(attacked.predicted, trained(expected).argmax(1))
        assert (attacked.moved is None) == (attacked.field is None) == (label == "pgd")
    right = found.predicted == found.labels
    fooled = found.fooled("pgd")
    assert torch.equal(fooled, right & (found.attacks["pgd"].predicted != found.labels))


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 3])
def test_an_image_is_explained_the_same_in_any_company(
    batch_size: int, trained: nn.Module, digits: Dataset
) -> None:
    whole = found_of(trained, digits)
    small = SUITE.model_copy(update={"batch_size": batch_size})
    alone = found_of(trained, digits, (200,), small)
    torch.testing.assert_close(alone.saliency[0], whole.saliency[2], rtol=1e-3, atol=1e-6)
    for label, attacked in alone.attacks.items():
        images = whole.attacks[label].images[2]
        # A step by sign may turn where a gradient is within a rounding of 0.
        assert ((attacked.images[0] - images).abs() < 1e-4).float().mean() > 0.9
        assert attacked.predicted[0] == whole.attacks[label].predicted[2]


def test_the_seed_is_of_the_noise_alone(trained: nn.Module, digits: Dataset) -> None:
    one, other = (found_of(trained, digits, seed=seed) for seed in (0, 1))
    assert not torch.equal(one.saliency, other.saliency)
    assert torch.equal(one.attacks["flow"].images, other.attacks["flow"].images)


def test_the_record_has_every_number(trained: nn.Module, digits: Dataset) -> None:
    found = found_of(trained, digits)
    record = found.record()
    assert record["saliency"] == {
        "samples": 4,
        "noise": 0.2,
        "seed": 0,
        "reduction": "max_abs",
        "normalisation": "sum",
    }
    assert [image["index"] for image in record["images"]] == list(INDICES)
    for row, image in enumerate(record["images"]):
        assert image["predicted"] == int(found.predicted[row])
        assert 0 < image["saliency"]["gini"] < 1
        assert image["attacks"]["pgd"]["field"] is None
        field = found.attacks["rt"].field
        assert field is not None
        assert image["attacks"]["rt"]["field"]["curl"] == float(field.curl[row])
        assert image["attacks"]["rt"]["field"]["folded"] == 0


class Constant(nn.Module):
    """Logits that depend on no pixel, by a graph with zeros or by none."""

    def __init__(self, *, detached: bool, value: float = 0.0) -> None:
        super().__init__()
        self.detached, self.value = detached, value

    def forward(self, images: Tensor) -> Tensor:
        flat = images.detach() if self.detached else images
        return 0 * flat.flatten(1)[:, :10] + self.value


@pytest.mark.parametrize(
    ("detached", "message"), [(True, "detached or rounded"), (False, "it is constant there")]
)
def test_a_network_without_gradients_is_refused(
    detached: bool, message: str, digits: Dataset
) -> None:
    with pytest.raises(NoGradientError, match=message):
        found_of(Constant(detached=detached), digits)


def test_a_network_that_answers_nan_is_refused(digits: Dataset) -> None:
    with pytest.raises(NotFiniteError, match="for 4 of 4 images"):
        found_of(Constant(detached=False, value=float("nan")), digits)
