"""Which objective stands on which axis of the front's picture, a choice of the user's:

- `score`, the default: the first objective is vertical, the second horizontal, and up and left are
  better. What is gained stands over what it costs, for every pair of objectives, and more robust
  is higher;
- `paper`: the sacrifice is vertical, as in Figure 7, and down and right are better.
"""

from __future__ import annotations

from typing import Literal

Placement = Literal["score", "paper"]
PLACEMENTS: tuple[Placement, ...] = ("score", "paper")
"""All placements of the objectives on the axes, the default first."""
