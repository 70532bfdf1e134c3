"""The picture of what was found: a row an image, and two panels an attack.

The one module of the trainer that draws; matplotlib is imported when it does.
"""

from __future__ import annotations

import math
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.answers import NO_ANSWER
from trainer.explanation.explained import Explained
from trainer.terminal.table import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

DPI = 150
PANEL, GAP, GROUP_GAP = 1.25, 0.1, 0.28
"""Inches of a panel, between two, and between those of two attacks."""

ROW_GAP, LEFT, RIGHT, TOP, FOOT_LINE, FOOT = 0.34, 0.95, 0.15, 0.86, 0.17, 0.12
REACH_CHARACTERS = 50
LABEL_CHARACTERS = 18
"""Characters of a line above the two panels of an attack, and of its label above the first."""

INK, GREY, LINES, FRAME = "#222222", "#6b6b6b", "#c8c8c8", "#b5b5b5"
FOOLED, HELD = "#D55E00", "#0072B2"
"""Vermilion and blue of Okabe and Ito's palette, for any colour vision."""

SALIENCY_COLOURS, CHANGE_COLOURS = "magma", ("#5e4a9c", "#f7f7f7", "#e08214")
MOST_LINES, MOST_ARROWS = 32, 16
"""Most grid lines, and most arrows, along an axis."""

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 8.0,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in a name is a dollar
}


def picture(found: Explained, *, title: str) -> bytes:
    """Draw what was found, as PNG.

    Args:
        title: what is shown: the model, its data.
    """
    from matplotlib import rc_context  # noqa: PLC0415

    with rc_context(RC):
        file = BytesIO()
        compose(found, title=title).savefig(file, format="png", dpi=DPI, metadata={})
        return file.getvalue()


def compose(found: Explained, *, title: str) -> Figure:
    """Draw what was found: originals, their saliency, and of each attack its image and what it
    changed: the warped grid with the displacement of pixels, or the difference of intensities."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    change_colours = LinearSegmentedColormap.from_list("change", CHANGE_COLOURS)
    layout = _Layout(found, title)
    figure = Figure(figsize=(layout.width, layout.height), facecolor="white")
    figure.text(*layout.at(LEFT, 0.22), printable(title), weight="bold", va="center", size=9)
    for column, (head, below) in enumerate(layout.heads):
        x = layout.left(column)
        weight = "bold" if column % 2 == 0 or column == 1 else "normal"
        figure.text(*layout.at(x, TOP - 0.32), head, va="baseline", weight=weight)
        figure.text(*layout.at(x, TOP - 0.27), below, va="top", color=GREY, size=6.2)
    limits = _Limits(found)
    for row, index in enumerate(found.indices):
        x, y = layout.at(LEFT - 0.12, layout.top(row) + PANEL / 2)
        label = f"image {index}\nlabel {int(found.labels[row])}"
        figure.text(x, y, label, ha="right", va="center", linespacing=1.5)
        axes = [figure.add_axes(layout.box(row, column)) for column in range(len(layout.heads))]
        _draw_image(axes[0], found.images[row].numpy())
        _say(axes[0], int(found.predicted[row]), int(found.labels[row]))
        saliency = np.nan_to_num(found.saliency[row].numpy())
        _frame(axes[1])
        axes[1].imshow(
            saliency, cmap=SALIENCY_COLOURS, vmin=0, vmax=limits.saliency, interpolation="nearest"
        )
        for place, attacked in enumerate(found.attacks.values()):
            shown, change = axes[2 + 2 * place], axes[3 + 2 * place]
            _draw_image(shown, attacked.images[row].numpy())
            _say(shown, int(attacked.predicted[row]), int(found.labels[row]))
            if attacked.moved is not None:
                _draw_warp(change, attacked.moved[row].double().numpy())
            else:
                difference = (attacked.images[row] - found.images[row]).mean(0).numpy()
                _frame(change)
                change.imshow(
                    difference,
                    cmap=change_colours,
                    vmin=-limits.change,
                    vmax=limits.change,
                    interpolation="nearest",
                )
    for number, line in enumerate(layout.foot(limits)):
        y = layout.bottom + FOOT_LINE * (number + 0.5)
        figure.text(*layout.at(LEFT, y), line, va="center", color=GREY, size=7)
    return figure


class _Limits:
    """The ends of the scales, which all rows share."""

    def __init__(self, found: Explained) -> None:
        self.saliency = float(np.nan_to_num(found.saliency.numpy()).max()) or 1.0
        changes = [
            float((attacked.images - found.images).mean(1).abs().max())
            for attacked in found.attacks.values()
            if attacked.moved is None
        ]
        self.change = max([1e-6, *changes])


class _Layout:
    """Where everything is, in inches from the top left."""

    def __init__(self, found: Explained, title: str) -> None:
        self.found = found
        self.heads = [("original", ""), ("saliency", "")]
        for label, attacked in found.attacks.items():
            reach = "\n".join(wrap(printable(attacked.reach), REACH_CHARACTERS)[:2])
            name = printable(label)
            short = name if len(name) <= LABEL_CHARACTERS else f"{name[: LABEL_CHARACTERS - 1]}…"
            self.heads.append((short, reach))
            self.heads.append(("change" if attacked.moved is None else "warp", ""))
        right = self.left(len(self.heads) - 1) + PANEL + RIGHT
        self.width = max(right, LEFT + 0.075 * len(title) + RIGHT)
        self.bottom = self.top(len(found.indices)) - ROW_GAP + 0.28
        lines = len(list(self.foot(_Limits(found))))
        self.height = self.bottom + FOOT_LINE * lines + FOOT

    def left(self, column: int) -> float:
        return LEFT + column * (PANEL + GAP) + column // 2 * (GROUP_GAP - GAP)

    def top(self, row: int) -> float:
        return TOP + row * (PANEL + ROW_GAP)

    def at(self, x: float, y: float) -> tuple[float, float]:
        return x / self.width, 1 - y / self.height

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        x, y = self.at(self.left(column), self.top(row) + PANEL)
        return x, y, PANEL / self.width, PANEL / self.height

    def foot(self, limits: _Limits) -> list[str]:
        """Say what the panels mean and on which scales they are, in lines that fit."""
        how = self.found.how
        said = [
            f"Saliency: size of the mean gradient of the label's logit over {how.samples} copies "
            f"with noise of {how.noise:g}, summing to 1 in each map; all on one scale, black 0 to "
            f"pale {limits.saliency:.2g}."
        ]
        attacked = self.found.attacks.values()
        if any(each.moved is not None for each in attacked):
            said.append(
                f"Warp, in true scale: the grid is where pixels are read from, arrows go there "
                f"from the own place of {_of_pixels(_every(self.found.images[0], MOST_ARROWS))}."
            )
        if any(each.moved is None for each in attacked):
            channels = ", the mean of channels" if self.found.images.shape[1] > 1 else ""
            said.append(
                f"Change of intensity{channels}, all on one scale: purple -{limits.change:.2g}, "
                f"white 0, orange {limits.change:.2g}."
            )
        said.append("Below an image: the model's answer, blue where it is the label.")
        room = int((self.left(len(self.heads) - 1) + PANEL - LEFT) / 0.06)
        return wrap(" ".join(said), room)


def _frame(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=FRAME, linewidth=0.6)


def _draw_image(axes: Axes, image: Any) -> None:
    """Draw pixels in [0, 1], C H W, as they are: grey or in colour, none blurred with another."""
    _frame(axes)
    pixels = image[0] if len(image) != 3 else image.transpose(1, 2, 0)
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _say(axes: Axes, predicted: int, label: int) -> None:
    """Write the model's answer below an image."""
    is_right = predicted == label
    answer = "no answer" if predicted == NO_ANSWER else f"says {predicted}"
    axes.set_xlabel(
        f"{'✓' if is_right else '✗'} {answer}",
        color=HELD if is_right else FOOLED,
        weight="normal" if is_right else "bold",
        labelpad=3,
    )


def _draw_warp(axes: Axes, moved: Array) -> None:
    """Draw lines of pixels where they are read from, and an arrow from each pixel to there.

    Args:
        moved: 2 H W, pixels.
    """
    _frame(axes)
    height, width = moved.shape[1:]
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    x, y = columns + moved[0], rows + moved[1]
    every, thin = _every(moved, MOST_LINES), 0.8 if max(height, width) <= 16 else 0.5
    for line in range(0, height, every):
        axes.plot(x[line], y[line], color=LINES, linewidth=thin, zorder=1)
    for line in range(0, width, every):
        axes.plot(x[:, line], y[:, line], color=LINES, linewidth=thin, zorder=1)
    step = _every(moved, MOST_ARROWS)
    some = (slice(step // 2, None, step), slice(step // 2, None, step))
    axes.quiver(
        columns[some],
        rows[some],
        moved[0][some],
        moved[1][some],
        color=HELD,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.008 if max(height, width) <= 16 else 0.005,
        headwidth=4,
        headlength=4,
        headaxislength=3.5,
        minlength=0.3,
        zorder=2,
    )
    margin = 0.5
    axes.set_xlim(-margin, width - 1 + margin)
    axes.set_ylim(height - 1 + margin, -margin)
    axes.set_aspect("equal")


def _every(field: Any, most: int) -> int:
    """Return of how many pixels along an axis one is shown, so that there are at most so many."""
    height, width = field.shape[-2:]
    return max(1, math.ceil(max(int(height), int(width)) / most))


def _of_pixels(every: int) -> str:
    if every == 1:
        return "each pixel"
    return f"every {every}{'nd' if every == 2 else 'rd' if every == 3 else 'th'} pixel either way"
