"""Sizes of a trial's images and network, known before either is there."""

from __future__ import annotations

from collections.abc import Iterable

from trainer.config import Trial
from trainer.data.published import IMAGES
from trainer.input.settings import content_id

BYTES_OF_TENSOR = 400
"""Bytes of a tensor's name, shape and padding in a file of weights: measured, rounded up."""


def bytes_of_weights(trial: Trial) -> int | None:
    """Bytes of a trial's network in a file; None where its images are not known without reading
    them, or the network cannot be made without numbers in it."""
    images = IMAGES.get(trial.data.name)
    if images is None:
        return None
    # Here alone, since with networks comes PyTorch: a start leaves what it found in its manifest.
    import torch  # noqa: PLC0415

    from trainer.models import build  # noqa: PLC0415

    half = (0.5,) * images.shape[0]
    try:
        with torch.device("meta"):  # shapes alone
            model = build(
                trial.model,
                image_shape=images.shape,
                num_classes=images.classes,
                mean=half,
                std=half,
            )
    except Exception:  # a network of the user's own may do anything when it is made
        return None
    tensors = model.state_dict().values()
    return sum(int(tensor.nbytes) + BYTES_OF_TENSOR for tensor in tensors)


def network_id(trial: Trial) -> str:
    """Name a network by `n` and 16 hexadecimal digits: equal where tensors have equal sizes."""
    return content_id("n", {"data": trial.data.name, "model": trial.model.content()})


def bytes_by_network(trials: Iterable[Trial]) -> dict[str, int | None]:
    """Bytes of trials' networks in a file, by `network_id`: see `bytes_of_weights`."""
    several = {(trial.data, trial.model): trial for trial in trials}  # of many trials few differ
    networks = {network_id(trial): trial for trial in several.values()}
    return {name: bytes_of_weights(trial) for name, trial in networks.items()}
