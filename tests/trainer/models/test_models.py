"""Models: what they compute, how many weights they have, and what settings they take."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

import trainer.device.torchvision_operators
from trainer.input.settings import Settings
from trainer.models import MODELS, ModelSettings, build
from trainer.models.preact_resnet import PreActBlock
from trainer.models.settings import OPTIONS, WITHOUT_BATCH_NORM
from trainer.models.wide_resnet import wide_resnet, wide_resnet28_10
from trainer.training.losses import has_batch_norm


class Sweep(Settings):
    """Stands for whatever has a model in it."""

    model: ModelSettings


def read(model: object) -> ModelSettings:
    return Sweep.model_validate({"model": model}).model


def make(
    model: object, image_shape: tuple[int, int, int], num_classes: int = 10, *, seed: int = 0
) -> nn.Module:
    channels = image_shape[0]
    torch.manual_seed(seed)
    return build(
        read(model),
        image_shape=image_shape,
        num_classes=num_classes,
        mean=(0.4, 0.5, 0.6)[:channels],
        std=(0.2, 0.3, 0.25)[:channels],
    )


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


# Settings


def test_registries_name_the_same_models() -> None:
    assert set(MODELS) == set(OPTIONS)


@pytest.mark.parametrize("name", MODELS)
def test_who_has_batch_norm_is_known_before_it_is_built(name: str) -> None:
    with torch.device("meta"):
        model = make(name, (3, 64, 64))
    assert has_batch_norm(model) == (name not in WITHOUT_BATCH_NORM)


def test_a_name_alone_is_a_model_with_its_defaults() -> None:
    assert read("cnn") == read({"name": "cnn"}) == ModelSettings(name="cnn")
    assert read("cnn") == read({"name": "cnn", "channels": [32, 64], "hidden": 1024})
    assert read("cnn").content() == {"name": "cnn"}
    assert read("cnn").options == {"channels": (32, 64), "kernel_size": 5, "hidden": 1024}


def test_content_has_what_is_not_the_default() -> None:
    small = read({"name": "cnn", "channels": [8], "kernel_size": 5})
    assert small.content() == {"name": "cnn", "channels": [8]}
    assert small != read("cnn")


@pytest.mark.parametrize(
    "model", ["resnet18", {"name": "cnn", "channels": [4, 8, 16]}, {"name": "a.b:c", "width": [2]}]
)
def test_settings_survive_a_round_trip(model: object) -> None:
    settings = read(model)
    assert ModelSettings.model_validate(settings.model_dump(mode="json")) == settings
    assert ModelSettings.model_validate_json(settings.model_dump_json()).content() == (
        settings.content()
    )


@pytest.mark.parametrize(
    ("model", "location", "pieces"),
    [
        ("resnet81", (), ["'resnet81'", "did you mean 'resnet18'", "cnn, preact_resnet18"]),
        ({"name": "cnn", "hiden": 3}, (), ["'hiden'", "did you mean 'hidden'", "kernel_size"]),
        ({"name": "resnet18", "hidden": 3}, (), ["resnet18", "'hidden'", "it has none"]),
        ({"name": "cnn", "hidden": "wide"}, ("hidden",), ["valid integer"]),
        ({"name": "cnn", "hidden": 0}, ("hidden",), ["greater than or equal to 1"]),
        ({"name": "cnn", "kernel_size": 4}, ("kernel_size",), ["must be odd", "got 4"]),
        ({"name": "cnn", "channels": []}, ("channels",), ["at least 1"]),
        ({"name": "cnn", "channels": [8, 0]}, ("channels", 1), ["greater than or equal to 1"]),
        ({"channels": [8]}, ("name",), ["required"]),
        (18, (), ["dictionary"]),
    ],
)
def test_bad_settings_are_refused_where_they_stand(
    model: object, location: tuple[str | int, ...], pieces: list[str]
) -> None:
    with pytest.raises(ValidationError) as caught:
        read(model)
    (error,) = caught.value.errors()
    assert error["loc"] == ("model", *location)
    for piece in pieces:
        assert piece in error["msg"]


# Building


def test_body_sees_normalised_images() -> None:
    model = make("cnn", (3, 16, 16)).eval()
    mean = torch.tensor([0.4, 0.5, 0.6])[:, None, None]
    std = torch.tensor([0.2, 0.3, 0.25])[:, None, None]
    images = torch.rand(4, 3, 16, 16)
    images[0] = mean
    normalised = (images - mean) / std
    assert torch.equal(normalised[0], torch.zeros(3, 16, 16))
    body = list(model.children())[1]
    assert torch.equal(model(images), body(normalised))


def test_constants_of_normalisation_are_saved_and_not_trained() -> None:
    model = make("cnn", (3, 16, 16))
    assert torch.equal(model.state_dict()["0.mean"].flatten(), torch.tensor([0.4, 0.5, 0.6]))
    assert torch.equal(model.state_dict()["0.std"].flatten(), torch.tensor([0.2, 0.3, 0.25]))
    assert all(not name.startswith("0.") for name, _ in model.named_parameters())


SHAPES: list[tuple[object, tuple[int, int, int]]] = [
    ("cnn", (1, 28, 28)),
    ({"name": "cnn", "channels": [4, 8, 6], "kernel_size": 3, "hidden": 5}, (3, 13, 9)),
    ("preact_resnet18", (3, 32, 32)),
    ("preact_resnet18", (1, 28, 28)),
    ("resnet18", (3, 64, 64)),
    ("resnet50", (3, 64, 64)),
]


@pytest.mark.parametrize(("model", "shape"), SHAPES)
def test_images_become_logits_and_the_gradient_comes_back(
    model: object, shape: tuple[int, int, int]
) -> None:
    network = make(model, shape, num_classes=7).eval()
    images = torch.rand(2, *shape, requires_grad=True)
    logits = network(images)
    assert logits.shape == (2, 7)
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), images)
    assert gradient.isfinite().all()
    assert (gradient.flatten(1).abs().amax(1) > 0).all()


@pytest.mark.parametrize("model", ["cnn", "preact_resnet18"])
def test_weights_follow_the_global_seed(model: str) -> None:
    first, again, other = (make(model, (3, 32, 32), seed=seed) for seed in (3, 3, 4))
    for (name, weight), twin in zip(first.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(weight, twin), name
    assert not torch.equal(
        torch.cat([weight.flatten() for weight in first.parameters()]),
        torch.cat([weight.flatten() for weight in other.parameters()]),
    )


# Parameters, counted by hand


def test_parameters_of_the_default_cnn() -> None:
    convolutions = (1 * 32 * 25 + 32) + (32 * 64 * 25 + 64)
    linear = (64 * 7 * 7 * 1024 + 1024) + (1024 * 10 + 10)
    assert count_parameters(make("cnn", (1, 28, 28))) == convolutions + linear == 3_274_634


def test_parameters_of_a_cnn_with_odd_sizes() -> None:
    # 13x9 is halved to 6x4, 3x2 and 1x1, each time rounded down.
    model = {"name": "cnn", "channels": [4, 8, 6], "kernel_size": 3, "hidden": 5}
    convolutions = (3 * 4 * 9 + 4) + (4 * 8 * 9 + 8) + (8 * 6 * 9 + 6)
    linear = (6 * 1 * 1 * 5 + 5) + (5 * 7 + 7)
    assert count_parameters(make(model, (3, 13, 9), 7)) == convolutions + linear


def test_parameters_of_preact_resnet18() -> None:
    def same(width: int) -> int:
        """Two norms (scale and shift) and two 3x3 convolutions."""
        return 2 * (2 * width) + 2 * (9 * width**2)

    def wider(width: int) -> int:
        """From half the width: the first norm and convolution are smaller, one 1x1 is added."""
        half = width // 2
        return (2 * half + 9 * half * width) + (2 * width + 9 * width**2) + half * width

    stem = 3 * 64 * 9
    groups = 2 * same(64) + sum(wider(width) + same(width) for width in (128, 256, 512))
    head = 2 * 512 + (512 * 10 + 10)
    assert stem + groups + head == 11_172_170
    assert count_parameters(make("preact_resnet18", (3, 32, 32))) == 11_172_170


def test_parameters_of_wide_resnet28_10_are_the_published_36_5_million() -> None:
    with torch.device("meta"):  # counted, not made
        model = wide_resnet28_10(image_shape=(3, 32, 32), num_classes=10)
    stem, blocks = 3 * 16 * 9, 0
    for inputs, width in ((16, 160), (160, 320), (320, 640)):
        first = (2 * inputs + 9 * inputs * width) + (2 * width + 9 * width**2) + inputs * width
        blocks += first + 3 * (2 * (2 * width) + 2 * (9 * width**2))
    head = 2 * 640 + (640 * 10 + 10)
    assert count_parameters(model) == stem + blocks + head == 36_479_194


@pytest.mark.parametrize(("depth", "width"), [(10, 1), (16, 2)])
def test_a_wide_resnet_has_the_depth_and_widths_of_its_name(depth: int, width: int) -> None:
    torch.manual_seed(0)
    model = wide_resnet(image_shape=(1, 12, 12), num_classes=7, depth=depth, width=width).eval()
    sizes: list[tuple[int, ...]] = []
    for block in model.modules():
        if isinstance(block, PreActBlock):
            block.register_forward_hook(lambda _, __, y: sizes.append(tuple(y.shape[1:])))
    assert model(torch.rand(2, 1, 12, 12)).shape == (2, 7)
    groups = [(16 * width, 12, 12), (32 * width, 6, 6), (64 * width, 3, 3)]
    assert sizes == [size for size in groups for _ in range((depth - 4) // 6)]
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    counted = [layer for layer in convolutions if layer.kernel_size == (3, 3)]
    # The paper's depth counts the stem, two a block and the projections of the three groups.
    assert len(counted) + 3 == depth
    for layer in convolutions:
        deviation = (2 / (layer.out_channels * layer.kernel_size[0] ** 2)) ** 0.5
        assert float(layer.weight.detach().std()) == pytest.approx(deviation, rel=0.25)


@pytest.mark.parametrize(
    ("name", "published", "features"),
    [("resnet18", 11_689_512, 512), ("resnet50", 25_557_032, 2048)],
)
def test_parameters_of_imagenet_resnets(name: str, published: int, features: int) -> None:
    """The published count is of 1000 classes; each class has `features` weights and a bias."""
    expected = published - (1000 - 257) * (features + 1)
    assert count_parameters(make(name, (3, 224, 224), 257)) == expected


# The pre-activation block


def test_block_without_branch_is_the_identity() -> None:
    block = PreActBlock(8, 8, stride=1)
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 8, 6, 6)
    assert torch.equal(block(x), x)


def test_block_adds_its_branch_to_its_input() -> None:
    torch.manual_seed(0)
    block = PreActBlock(8, 8, stride=1).eval()
    x = torch.randn(2, 8, 6, 6)
    inner = block.conv1(block.norm1(x).clamp(min=0))
    branch = block.conv2(block.norm2(inner).clamp(min=0))
    assert torch.allclose(block(x) - x, branch, atol=1e-6)
    assert branch.abs().max() > 0.1


def test_block_that_changes_size_projects_the_activated_input() -> None:
    torch.manual_seed(0)
    block = PreActBlock(4, 8, stride=2).eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 4, 6, 6)
    activated = (x / (1 + block.norm1.eps) ** 0.5).clamp(min=0)
    assert block.projection is not None
    weight = block.projection.weight[:, :, 0, 0]
    expected = torch.einsum("oc,bchw->bohw", weight, activated[:, :, ::2, ::2])
    assert torch.allclose(block(x), expected, atol=1e-6)


def test_preact_resnet_halves_the_size_three_times() -> None:
    body = list(make("preact_resnet18", (3, 32, 32)).eval().children())[1]
    sizes: list[tuple[int, ...]] = []
    for layer in body.children():
        if isinstance(layer, PreActBlock):
            layer.register_forward_hook(lambda _, __, y: sizes.append(tuple(y.shape[1:])))
    body(torch.zeros(1, 3, 32, 32))
    assert sizes[::2] == sizes[1::2] == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]


# A user's own model, and models that do not fit


def linear_model(*, image_shape: tuple[int, int, int], num_classes: int, scale: float) -> nn.Module:
    channels, height, width = image_shape
    linear = nn.Linear(channels * height * width, num_classes, bias=False)
    nn.init.constant_(linear.weight, scale)
    return nn.Sequential(nn.Flatten(), linear)


def own(**options: Any) -> dict[str, Any]:
    return {"name": f"{__name__}:linear_model", **options}


def test_a_users_own_model_gets_its_own_options() -> None:
    assert read(own(scale=0.5)).content() == own(scale=0.5)
    model = make(own(scale=0.5), (1, 2, 2), num_classes=3)
    images = torch.full((1, 1, 2, 2), 0.8)  # (0.8 - 0.4) / 0.2 = 2 after normalisation
    assert torch.allclose(model(images), torch.full((1, 3), 4 * 2 * 0.5))


@pytest.mark.parametrize(
    ("model", "shape", "pieces"),
    [
        (own(scael=1.0), (1, 2, 2), ["linear_model", "scale", "signature"]),
        ({"name": "no_such_module:model"}, (1, 2, 2), ["model.name", "no_such_module"]),
        ("cnn", (1, 3, 8), ["model.channels", "at most 1", "3x8", "got 2"]),
        ("resnet18", (1, 64, 64), ["resnet18", "3 channels", "got 1", "preact_resnet18"]),
    ],
)
def test_models_that_do_not_fit(
    model: object, shape: tuple[int, int, int], pieces: list[str]
) -> None:
    with pytest.raises(ValueError, match="model") as caught:
        make(model, shape)
    for piece in pieces:
        assert piece in str(caught.value)


# torchvision


def test_torchvision_that_is_not_installed_is_still_an_import_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ImportError):
        importlib.reload(trainer.device.torchvision_operators)


def test_torchvision_operators_are_declared_once() -> None:
    operator = torch.ops.torchvision.nms.default
    importlib.reload(trainer.device.torchvision_operators)
    assert torch.ops.torchvision.nms.default is operator
    assert [str(argument.type) for argument in operator._schema.arguments] == (
        ["Tensor", "Tensor", "float"]
    )
