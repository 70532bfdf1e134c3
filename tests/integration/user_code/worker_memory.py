"""Prints what a worker's environment says of memory: `python -m worker_memory [HOST:PORT]`."""

import json
import os
import sys

import ray

from orchestrator.execution.cluster import connected
from orchestrator.policy import Resources
from trainer.allocator import ENVIRONMENT


@ray.remote
def told() -> dict[str, str | None]:
    """Of the worker that it runs in."""
    return {name: os.environ.get(name) for name in ENVIRONMENT}


if __name__ == "__main__":
    with connected(sys.argv[1] if sys.argv[1:] else None, Resources()):
        print(json.dumps(ray.get(told.remote())))
