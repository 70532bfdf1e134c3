"""Tests of the mathematics under the kernels of other CPUs.

OpenBLAS, oneDNN and PyTorch choose kernels by what the CPU offers, and these round differently: a
test that passes under one choice alone asserts an accident. Kernels that this CPU cannot run are
left out by the libraries themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
MODULES = (
    "methods/test_alpha",
    "methods/test_alpha_optimum",
    "methods/test_methods",
    "training/test_course",
)
"""Of tests/trainer: small problems whose answers are compared with exact ones, and trainings whose
course is compared with a stored one."""

KERNELS = {
    "oldest": ("Prescott", "SSE41", "default", "1"),
    "avx2": ("Haswell", "AVX2", "avx2", "2"),
    "avx512": ("SkylakeX", "AVX512_CORE", "avx512", "2"),
}
VARIABLES = ("OPENBLAS_CORETYPE", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS")


@pytest.mark.parametrize("kernels", KERNELS)
def test_mathematics_holds(kernels: str) -> None:
    environment = os.environ | dict(zip(VARIABLES, KERNELS[kernels], strict=True))
    modules = [f"tests/trainer/{module}.py" for module in MODULES]
    few = ["-m", "not long", "-k", "not 1000 and not 400"]  # problems of a kind are enough here
    command = [sys.executable, "-m", "pytest", "-q", *few, *modules]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
