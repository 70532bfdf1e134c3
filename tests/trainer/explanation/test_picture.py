"""The picture: each thing in its place and scale, no text over another."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from matplotlib.text import Text

from trainer.explanation.explained import Attacked, Explained
from trainer.explanation.picture import FOOLED, HELD, RC, compose, picture
from trainer.interpretation.fields import field_statistics
from trainer.interpretation.saliency import SmoothGrad

REACHES = {
    "pgd": "8/255",
    "flow": "0.1 (1.4 px, zeros)",
    "a label that is longer than its panel": "0.2 (12 deg, 2.8 px, with shear and scale) + "
    "0.1 (1.4 px, zeros), again at each step",
}


def found_of(*, channels: int, side: int, rows: int = 2) -> Explained:
    """Made up: the first image withstands everything, the last is misread even when clean."""
    images, labels = torch.rand(rows, channels, side, side), torch.arange(rows)
    moved = torch.rand(rows, 2, side, side) - 0.5
    predicted = labels.clone()
    predicted[-1] = -1
    attacked = {}
    for label, reach in REACHES.items():
        is_warp = label != "pgd"
        attacked[label] = Attacked(
            reach=reach,
            images=(images + 0.03 * torch.randn_like(images)).clamp(0, 1),
            predicted=torch.where(labels == 0, 0, 8),
            moved=moved if is_warp else None,
            field=field_statistics(moved) if is_warp else None,
        )
    saliency = torch.rand(rows, side, side)
    return Explained(
        indices=tuple(range(100, 100 + rows)),
        images=images,
        labels=labels,
        predicted=predicted,
        saliency=saliency / saliency.sum((1, 2), keepdim=True),
        how=SmoothGrad(),
        seed=0,
        attacks=attacked,
    )


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 32)])
def test_no_text_covers_another_and_none_leaves_the_picture(channels: int, side: int) -> None:
    with rc_context(RC):
        figure = compose(found_of(channels=channels, side=side), title="models/weights.pt on data")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # labels of axes lie where they are once they are drawn
    renderer = canvas.get_renderer()
    boxes = {text: text.get_window_extent(renderer) for text in texts(figure)}
    for (one, its), (other, theirs) in combinations(boxes.items(), 2):
        assert not its.overlaps(theirs), (one.get_text(), other.get_text())
    width, height = figure.bbox.size
    for text, box in boxes.items():
        assert box.x0 >= 0, text.get_text()
        assert box.y0 >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert box.y1 <= height, text.get_text()


@pytest.mark.slow
def test_scales_are_shared_and_stated() -> None:
    found = found_of(channels=3, side=8)
    figure = compose(found, title="it")
    first, second = figure.axes[:8], figure.axes[8:]
    assert len(second) == 8
    for row, axes in enumerate((first, second)):
        np.testing.assert_array_equal(
            axes[0].images[0].get_array(), found.images[row].permute(1, 2, 0).numpy()
        )
        assert all(ax.images[0].get_interpolation() == "nearest" for ax in axes[:4])
        top = float(found.saliency.max())
        assert axes[1].images[0].get_clim() == (0, pytest.approx(top))
        low, high = axes[3].images[0].get_clim()
        assert -low == high
        (arrows,) = (it for it in axes[5].collections if isinstance(it, Quiver))
        moved = found.attacks["flow"].moved
        assert moved is not None
        np.testing.assert_allclose(arrows.U, moved[row, 0].numpy().ravel())
        np.testing.assert_allclose(arrows.V, moved[row, 1].numpy().ravel())
        assert axes[5].get_ylim() == (7.5, -0.5)  # down is down
    foot = " ".join(text.get_text() for text in figure.texts)
    assert f"black 0 to pale {top:.2g}" in foot.replace("\n", " ")
    assert "size of the mean gradient" in foot.replace("\n", " "), "and not the mean of sizes"
    assert "from the own place of each pixel." in foot
    assert f"orange {high:.2g}" in foot


@pytest.mark.slow
def test_answers_are_told_by_sign_and_colour() -> None:
    figure = compose(found_of(channels=1, side=32), title="it")
    labels = [ax.xaxis.label for ax in figure.axes]
    said = [(label.get_text(), label.get_color()) for label in labels if label.get_text()]
    assert said[:4] == [("✓ says 0", HELD)] * 4
    assert said[4:] == [("✗ no answer", FOOLED), *[("✗ says 8", FOOLED)] * 3]
    foot = " ".join(text.get_text() for text in figure.texts)
    assert "every 2nd pixel either way" in foot


@pytest.mark.slow
def test_the_same_is_drawn_the_same() -> None:
    found = found_of(channels=1, side=8)
    one = picture(found, title="a $dollar$ is one")
    assert one.startswith(b"\x89PNG")
    assert picture(found, title="a $dollar$ is one") == one
