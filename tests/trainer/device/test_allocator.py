"""What is freed stays with the process, where its C library can be told so."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from trainer.device.allocator import ENVIRONMENT, keep_freed_memory

FAULTS = """\
import resource, sys, threading, torch
from trainer.device.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def measured():
    faults()
    print(faults())

if "told" in sys.argv:
    assert keep_freed_memory() and keep_freed_memory()
if "thread" in sys.argv:
    thread = threading.Thread(target=measured)
    thread.start()
    thread.join()
else:
    measured()
"""
"""Page faults of ten large tensors, one after another."""


def faults(*how: str, **environment: str) -> int:
    command = [sys.executable, "-c", FAULTS, *how]
    clean = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=clean | environment
    )
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_large_tensors_are_not_mapped_afresh() -> None:
    assert faults() > 1000
    assert faults("told") < 1000


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_nor_in_a_thread_of_a_process_that_was_started_so() -> None:
    """Ray Tune runs a trial in a thread of its worker."""
    assert faults("thread") > 1000
    assert faults("thread", **ENVIRONMENT) < 1000


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str | None) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert not keep_freed_memory()
