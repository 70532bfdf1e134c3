"""The arithmetic of forward passes, and that nothing of it is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from tests.trainer.runs import CPU, MakeTrial, descent_of, run
from trainer.data import Dataset
from trainer.device.precision import Precision, arithmetic, slowness
from trainer.evaluation.suite import evaluate, read_suite
from trainer.input.document import Document
from trainer.warp import affine_points

BACKENDS: Any = torch.backends
PRECISIONS: tuple[Precision, ...] = ("float32", "tf32", "bfloat16")


def set_now() -> tuple[str, str, bool]:
    """What matrix products and convolutions on a GPU round to, and whether autocast is on."""
    cuda, cudnn = BACKENDS.cuda.matmul.fp32_precision, BACKENDS.cudnn.conv.fp32_precision
    return cuda, cudnn, torch.is_autocast_enabled("cpu")


def older() -> tuple[bool, bool, str]:
    """The same as PyTorch's older switches have it; it raises where the two disagree."""
    return (
        BACKENDS.cuda.matmul.allow_tf32,
        BACKENDS.cudnn.allow_tf32,
        torch.get_float32_matmul_precision(),
    )


def on_cpu() -> set[str]:
    return {each.fp32_precision for each in (BACKENDS.mkldnn.matmul, BACKENDS.mkldnn.conv)}


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("float32", ("ieee", "ieee", False)),
        ("tf32", ("tf32", "tf32", False)),
        ("bfloat16", ("ieee", "ieee", True)),
    ],
)
def test_each_precision_says_all_of_it(
    precision: Precision, expected: tuple[str, str, bool]
) -> None:
    before = set_now()
    with arithmetic(precision, CPU):
        assert set_now() == expected
    assert set_now() == before


def test_it_is_restored_after_an_error_and_nests() -> None:
    before = set_now()
    with pytest.raises(ZeroDivisionError), arithmetic("tf32", CPU):
        with arithmetic("float32", CPU):
            assert set_now() == ("ieee", "ieee", False)
        assert set_now() == ("tf32", "tf32", False)
        raise ZeroDivisionError
    assert set_now() == before


@pytest.fixture(params=["highest", "high", "medium"])
def said_outside(request: pytest.FixtureRequest) -> Iterator[str]:
    """What a script, or a network of one's own, may have asked PyTorch for."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    torch.set_float32_matmul_precision(before)


def test_older_switches_agree_within_and_are_as_before_after(said_outside: str) -> None:
    before = older()
    assert before[2] == said_outside
    with arithmetic("float32", CPU):
        assert older() == (False, False, "highest")
        assert on_cpu() == {"ieee"}
        assert BACKENDS.cudnn.rnn.fp32_precision != "tf32"
        with BACKENDS.cudnn.flags(enabled=False):  # reads the older ones
            pass
        with arithmetic("tf32", CPU):
            assert older() == (True, True, "high")
            assert on_cpu() == {"ieee"}
    assert older() == before


def test_what_a_network_sets_within_ends_with_the_block() -> None:
    with arithmetic("float32", CPU):
        with arithmetic("float32", CPU):
            torch.set_float32_matmul_precision("medium")
        assert older() == (False, False, "highest")
        assert on_cpu() == {"ieee"}


def test_points_of_a_warp_are_exact_in_any_precision() -> None:
    class Watch(TorchFunctionMode):
        def __torch_function__(
            self, function: Any, types: Any, arguments: Any = (), named: Any = None
        ) -> Any:
            if function is F.affine_grid:
                seen.append(set_now())
            return function(*arguments, **(named or {}))

    seen: list[tuple[str, str, bool]] = []
    for precision in PRECISIONS:
        with arithmetic(precision, CPU), Watch():
            affine_points(torch.zeros(1, 2, 3), 8, 8)
    assert seen == [("ieee", "ieee", False)] * 3


def test_bfloat16_around_float32_is_off() -> None:
    with arithmetic("bfloat16", CPU), arithmetic("float32", CPU):
        assert torch.ones(2, 2).mm(torch.ones(2, 2)).dtype == torch.float32


def test_evaluations_are_in_float32_whatever_is_set(digits: Dataset) -> None:
    class Watched(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.add(set_now())
            return images.flatten(1)[:, :10]

    seen: set[tuple[str, str, bool]] = set()
    suite = read_suite(
        Document.from_plain({"pgd": {"epsilon": 0.1, "ladder": [2]}, "examples": 8}, "test")
    )
    with arithmetic("bfloat16", CPU):
        evaluate(Watched(), suite, digits, progress=None)
    assert seen == {("ieee", "ieee", False)}


@pytest.mark.parametrize(
    ("precision", "forward", "backward"),
    [
        ("float32", ("ieee", "ieee", False), ("ieee", "ieee", False)),
        ("tf32", ("tf32", "tf32", False), ("tf32", "tf32", False)),
        ("bfloat16", ("ieee", "ieee", True), ("ieee", "ieee", False)),
    ],
)
def test_a_step_is_in_one_precision_backward_too(
    precision: str, forward: object, backward: object, small_trial: MakeTrial
) -> None:
    trial = small_trial(training={"precision": precision}, method={"method": "pgd"})
    descent = descent_of(trial, micro_batches=2)
    passes: set[object] = set()
    backs: set[object] = set()
    descent.model.register_forward_hook(lambda *_: passes.add(set_now()))
    for parameter in descent.model.parameters():
        parameter.register_hook(lambda gradient: backs.add(set_now()))
    descent.step(torch.arange(16), epoch=0, step=0)
    assert (passes, backs) == ({forward}, {backward})


def test_tf32_is_float32_where_there_is_no_gpu(small_trial: MakeTrial) -> None:
    one, _ = run(small_trial())
    other, _ = run(small_trial(training={"precision": "tf32"}))
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"architecture": "x86_64", "avx512_f": True, "avx512_bf16": False}, True),
        ({"architecture": "x86_64", "avx512_bf16": True}, False),
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": True}, False),
        ({"architecture": "aarch64"}, False),  # nothing is known of it
    ],
)
def test_bfloat16_without_instructions_is_slow(
    capabilities: dict[str, object], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    warning = slowness("bfloat16", CPU)
    assert (warning is not None) == expected
    assert warning is None or "1.6 to 1.9 times float32's time" in warning
    assert slowness("float32", CPU) is None
    assert slowness("bfloat16", torch.device("cuda")) is None


def test_what_this_cpu_has_is_known() -> None:
    """The names that are asked for are those that PyTorch gives."""
    capabilities = torch.cpu.get_capabilities()
    if capabilities["architecture"] == "x86_64":
        assert {"avx512_bf16", "amx_bf16"} <= set(capabilities)
