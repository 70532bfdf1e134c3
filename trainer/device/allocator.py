"""Settings of the C library's allocator that keep memory which tensors free.

glibc gives a large tensor's memory back to the kernel when it is freed and asks for it again, page
by page, at the next step. Other C libraries have no such knob, or need none.
"""

from __future__ import annotations

import ctypes
import platform
from typing import NamedTuple


class _Option(NamedTuple):
    number: int  # for mallopt, of <malloc.h>
    value: int


_OPTIONS = {
    "MALLOC_MMAP_MAX_": _Option(-4, 0),  # no mapping of its own for any tensor
    "MALLOC_TRIM_THRESHOLD_": _Option(-1, 2**31 - 1),  # bytes free at the top that are kept: all
    "MALLOC_TOP_PAD_": _Option(-2, 64 * 2**20),  # bytes by which the heap grows beyond need
    "MALLOC_ARENA_MAX": _Option(-8, 1),  # a second thread's heap could hold no large tensor
}
"""Options of glibc's allocator, by the environment variable that sets each at a process's start."""

ENVIRONMENT = {name: str(option.value) for name, option in _OPTIONS.items()}
"""Variables for processes yet to be started, their threads included; only glibc reads them."""


def keep_freed_memory() -> bool:
    """Keep freed memory, so that large tensors of this process's main thread are not mapped afresh.

    It is of the whole process, so for processes of the project's own alone. A thread that is there
    by now may have a heap of its own, in which large tensors are mapped as ever.

    Returns:
        Whether the C library has taken it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(option.number, option.value) == 1 for option in _OPTIONS.values())
