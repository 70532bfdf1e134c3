"""Models: from a name in the sweep file to a network on pixels in [0, 1].

To add your own, name a function as `package.module:function`: it takes the keyword arguments
`image_shape` (C, H, W), `num_classes` and its own options, and returns a module from
normalised images (B C H W) to logits (B num_classes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.models.settings import ModelSettings

if TYPE_CHECKING:
    from trainer.models.network import MODELS, Normalisation, build, placed

__all__ = ["MODELS", "ModelSettings", "Normalisation", "build", "placed"]


def __getattr__(name: str) -> Any:
    """Return a network when it is asked for: networks bring PyTorch, and reading a sweep's records
    needs the settings alone."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from trainer.models import network  # noqa: PLC0415  (see above)

    return getattr(network, name)
