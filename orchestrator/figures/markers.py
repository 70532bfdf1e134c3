"""Shapes of marks beyond those that Matplotlib names: few of its filled ones differ when small."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.path import Path

Marker = str | tuple[int, Literal[0, 1], int] | Path
"""A shape as Matplotlib names it; (corners, 1 for a star, degrees turned); or an outline."""


def _outline(corners: Sequence[tuple[float, float]]) -> Path:
    return Path([*corners, corners[0]], closed=True)


_ARC = np.linspace(0.0, np.pi, 13)

BAR = _outline([(-1.0, -0.36), (1.0, -0.36), (1.0, 0.36), (-1.0, 0.36)])
POLE = _outline([(-0.36, -1.0), (0.36, -1.0), (0.36, 1.0), (-0.36, 1.0)])
HOURGLASS = _outline([(-0.8, -1), (0.8, -1), (0.16, 0), (0.8, 1), (-0.8, 1), (-0.16, 0)])
BOW_TIE = _outline([(-1, -0.8), (0, -0.16), (1, -0.8), (1, 0.8), (0, 0.16), (-1, 0.8)])
HALF_DISC = _outline([(float(np.cos(it)), float(1.2 * np.sin(it) - 0.6)) for it in _ARC])
CHEVRON = _outline([(-1, -0.9), (0, -0.2), (1, -0.9), (1, 0.2), (0, 0.9), (-1, 0.2)])
