"""The data of trials, loaded once for all trials of a worker process that share them."""

from __future__ import annotations

import socket
from functools import lru_cache

import torch

from trainer.data import Dataset, DataSettings, MissingData, fingerprint, load


@lru_cache(maxsize=1)
def loaded(settings: DataSettings, expected: str, device: torch.device) -> Dataset:
    """Load the data, if they are the very ones that were planned on.

    Raises:
        MissingData: they are others.
    """
    found = fingerprint(settings)
    if found != expected:
        raise MissingData(
            f"the files of {settings.name!r} under {settings.root_folder} on "
            f"{socket.gethostname()} must be those that the sweep was planned on "
            f"(fingerprint {expected[:12]}), got {found[:12]}; put the same files on every machine"
        )
    return load(settings, device)
