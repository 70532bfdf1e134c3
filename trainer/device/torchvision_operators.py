"""The only import of torchvision: `from trainer.device.torchvision_operators import torchvision`.

PyPI's torchvision links its compiled operators against CUDA. Beside a CPU build of PyTorch
they do not load, and then `import torchvision` itself fails, since it attaches Python code to
operators that nobody has declared (`operator torchvision::nms does not exist`). This project
needs the data sets and the models, none of which uses those operators: it is enough to
declare them. Where the compiled library loads, nothing is declared.
"""

from __future__ import annotations

import importlib.util
from contextlib import suppress
from pathlib import Path

import torch

__all__ = ["torchvision"]

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
"""Operators that torchvision's import refers to by name, as its compiled library has them."""


def _declare_missing_operators() -> None:
    """Declare operators that torchvision's library, once tried, has not; calling them raises."""
    torchvision_package = importlib.util.find_spec("torchvision")
    if torchvision_package is None:
        return  # not installed: the import below says so
    for folder in torchvision_package.submodule_search_locations or ():
        for library in Path(folder).glob("_C*"):
            with suppress(OSError):
                torch.ops.load_library(library)
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", schema)


_declare_missing_operators()

import torchvision  # noqa: E402  (the declarations must come first)
