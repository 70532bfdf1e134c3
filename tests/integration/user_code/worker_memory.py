"""Prints what a worker does with memory: `python -m worker_memory [HOST:PORT]`."""

import json
import os
import resource
import sys
import threading

import ray
import torch

from orchestrator.execution.cluster import connected
from orchestrator.spec.policy import Resources
from trainer.device.allocator import ENVIRONMENT


def faults() -> int:
    """Of pages, by ten tensors of 64 MiB, one after another."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@ray.remote
def told() -> dict[str, object]:
    """Of the worker that it runs in: its environment, and faults in a thread, where trials run: the
    fewest of ten times, since Ray's own threads now and then take a piece of what was free."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.extend(faults() for _ in range(10)))
    thread.start()
    thread.join()
    environment = {name: os.environ.get(name) for name in ENVIRONMENT}
    return {"environment": environment, "faults": min(found)}


if __name__ == "__main__":
    with connected(sys.argv[1] if sys.argv[1:] else None, Resources()):
        print(json.dumps(ray.get(told.remote())))
