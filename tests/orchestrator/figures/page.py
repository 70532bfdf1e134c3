"""What a reader of a page sees of a picture's texts: none covers another or is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def texts_in(figure: Figure) -> list[Text]:
    """All texts of a figure that are drawn: ticks beyond an axis's limits are not."""
    FigureCanvasAgg(figure).draw()
    hidden = set(_hidden_ticks(figure))
    found = [it for it in figure.findobj(Text) if it.get_text().strip() and it.get_visible()]
    return [it for it in found if it not in hidden]


def overlaps_in(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other by more than a pixel, and texts beyond the page."""
    boxes = [(it.get_text(), it.get_window_extent()) for it in texts_in(figure)]
    found = [
        (first, second)
        for (first, a), (second, b) in combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]
    page = figure.bbox
    beyond = [
        (text, "the page")
        for text, it in boxes
        if it.x0 < page.x0 - 1 or it.x1 > page.x1 + 1 or it.y0 < page.y0 or it.y1 > page.y1
    ]
    return found + beyond


def _hidden_ticks(figure: Figure) -> Iterator[Text]:
    for axes in figure.axes:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            for tick in axis.get_major_ticks():
                if not min(limits) <= tick.get_loc() <= max(limits):
                    yield from (tick.label1, tick.label2)
