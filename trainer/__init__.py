"""One trial in PyTorch alone: data, models, attacks, training methods, evaluation.

`trainer.load` brings a model home that a sweep has left; everything else is in the rooms below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from torch import nn

__all__ = ["load"]


def load(folder: str | PathLike[str], *, trust_code: bool = False) -> nn.Module:
    """Load the trained network in a folder, on the CPU, in evaluation mode: from images (B C H W,
    pixels in [0, 1]) to logits (B K).

    The folder is one that `python -m orchestrator.pick SPEC --copy FOLDER` wrote, or any with
    a `weights.pt`; neither its data set nor its sweep is needed. The network's attribute `card` is
    its `trainer.card.Card`, or None where there is none beside the weights.

    Args:
        folder: where `weights.pt` is.
        trust_code: whether code that the file names by dotted path, as for a network of your own,
            may be imported and run.

    Raises:
        BadInput: the file disagrees with its checksum or its card, names code that is not trusted,
            or has a tensor that does not fit or is not finite.
        ValueError: the file is no trained model.
        OSError: it cannot be read.
    """
    # Here alone, so that importing this package costs nothing.
    from trainer.trained import load_folder  # noqa: PLC0415

    return load_folder(folder, trust_code=trust_code)
