"""What the front's picture shows, choices of the user's. Which objective stands on which axis:

- `score`, the default: the first objective is vertical, the second horizontal, and up and left are
  better. What is gained stands over what it costs, for every pair of objectives, and more robust
  is higher;
- `paper`: the sacrifice is vertical, as in Figure 7, and down and right are better.

And what the front is of:

- `cells`, the default: means over seeds;
- `trials`: single ones, of which the luckiest lead.
"""

from __future__ import annotations

from typing import Literal

Placement = Literal["score", "paper"]
PLACEMENTS: tuple[Placement, ...] = ("score", "paper")
"""All placements of the objectives on the axes, the default first."""

FrontOf = Literal["cells", "trials"]
FRONTS: tuple[FrontOf, ...] = ("cells", "trials")
"""All that a front may be of, the default first."""
