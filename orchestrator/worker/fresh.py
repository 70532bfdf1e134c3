"""Sets the state of a process that takes up a trial as if the trial were its first."""

from __future__ import annotations

import random

import numpy as np
import torch

from orchestrator.spec.policy import Resources


def fresh(resources: Resources) -> torch.device:
    """Set threads and random generators as for a first trial; return the device for its tensors."""
    torch.set_num_threads(resources.threads)
    random.seed(0)
    np.random.seed(0)
    if not resources.gpu:
        return torch.device("cpu")
    if resources.gpu < 1:
        torch.cuda.set_per_process_memory_fraction(resources.gpu)
    return torch.device("cuda")
