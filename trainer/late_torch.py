"""PyTorch, imported when something of it is first used.

Importing it takes two seconds. An attack is settings and tensor work in one class, and so are a
data set's source, an optimiser, a checkpoint; commands that only read a sweep's records know them
all and do none of their work. So a module that such a command imports has

    if TYPE_CHECKING:
        import torch
    else:
        from trainer import late_torch as torch

and says `torch.zeros` as ever. A class that derives from one of PyTorch's needs it at once, and
lives in a module that those commands do not import; `tests/test_imports.py` sees to it.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Return PyTorch's attribute of that name, importing PyTorch first."""
    import torch  # noqa: PLC0415  (what this module is for)

    return getattr(torch, name)
