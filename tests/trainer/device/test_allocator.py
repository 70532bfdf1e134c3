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
    torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def measured():
    print(min(faults() for _ in range(20)))

if "told" in sys.argv:
    assert keep_freed_memory() and keep_freed_memory()
if "thread" in sys.argv:
    thread = threading.Thread(target=measured)
    thread.start()
    thread.join()
else:
    measured()
"""
"""Prints the fewest page faults of twenty large tensors, one after another: the first one maps the
memory, and now and then the kernel takes pages away to see which processor asks for them again."""

MAPPED_AFRESH = 32
"""Page faults of 64 MiB that are mapped afresh, at the least: in huge pages of 2 MiB."""


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
    assert faults() >= MAPPED_AFRESH
    assert faults("told") < MAPPED_AFRESH


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_nor_in_a_thread_of_a_process_that_was_started_so() -> None:
    """Ray Tune runs a trial in a thread of its worker."""
    assert faults("thread") >= MAPPED_AFRESH
    assert faults("thread", **ENVIRONMENT) < MAPPED_AFRESH


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str | None) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert not keep_freed_memory()
