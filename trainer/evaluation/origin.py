"""Where outcomes come from: which model, which suite of attacks, which images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.input.settings import content_id

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    from trainer import late_torch as torch


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Names by content: of two evaluations, equal origins mean equal bits.

    Attributes:
        model: `model_id` of its state.
        suite: the suite's id.
        examples: `examples_id` of the images that the suite was run on.
    """

    model: str
    suite: str
    examples: str

    def check_comparable(self, other: Origin) -> None:
        """Check that the other's outcomes are of the same images under the same attacks.

        Raises:
            ValueError: they are not.
        """
        for name in ("suite", "examples"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(
                    f"{name} must be the same in outcomes that are compared, "
                    f"got {mine} and {theirs}; {SAME_FOR_BOTH}"
                )


SAME_FOR_BOTH = "evaluate both models under one suite on the same images"
"""Remedy for a comparison of outcomes that are of unlike things."""


def model_id(state: Mapping[str, Tensor]) -> str:
    """Name a model by its tensors, on any device: `w` and 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, tensor in state.items():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name}:{values.dtype}:{list(values.shape)}:".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return f"w{digest.hexdigest()[:16]}"


def examples_id(fingerprint: str, split: str, rows: Tensor) -> str:
    """Name images by what they are, whatever the cut was: `x` and 16 hexadecimal digits.

    Args:
        fingerprint: that of the data set's content.
        split: `test` or `validation`.
        rows: N, where among the data set's images of that kind they lie (`Split.rows`).
    """
    content = {"fingerprint": fingerprint, "split": split, "rows": rows.tolist()}
    return content_id("x", content)
