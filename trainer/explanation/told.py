"""What was found of a model, as a table for people."""

from __future__ import annotations

from rich.console import Console
from torch import Tensor

from trainer.answers import NO_ANSWER
from trainer.explanation.explained import Explained
from trainer.interpretation.fields import short_waves_of_noise
from trainer.interpretation.sparseness import gini, median
from trainer.terminal.console import print_table, print_titled
from trainer.terminal.table import Column


def print_explained(console: Console, found: Explained, *, caption: str) -> None:
    """Print each image's answers and the sparseness of its saliency, then how many images each
    attack fools and what its fields of displacement are like."""
    rows = range(len(found.indices))
    sparseness = gini(found.saliency)
    columns = [
        _numbers("image", [str(index) for index in found.indices], importance=3),
        _numbers("label", [str(int(found.labels[row])) for row in rows], importance=3),
        _numbers("clean", _answers(found.predicted), importance=2),
        *(
            _numbers(label, _answers(attacked.predicted), importance=2)
            for label, attacked in found.attacks.items()
        ),
        _numbers("gini", [f"{float(sparseness[row]):.3f}" for row in rows], importance=1),
    ]
    print_table(console, columns, more="--json")
    console.print()
    height, width = found.images.shape[-2:]
    lines = [("shown", caption)]
    for label, attacked in found.attacks.items():
        fooled, right = int(found.fooled(label).sum()), int((found.predicted == found.labels).sum())
        said = f"fools {fooled} of {right} that are right when clean"
        if (field := attacked.field) is not None:
            said += (
                f"; median size {median(field.size).value:.2f} px, short waves "
                f"{median(field.short_waves).value:.2f} (of noise "
                f"{short_waves_of_noise(height, width):.2f}), independence "
                f"{median(field.independence).value:.2f}, folded {median(field.folded).value:.2f}"
            )
        lines.append((label, said))
    print_titled(console, lines)


def _numbers(name: str, cells: list[str], *, importance: int) -> Column:
    return Column(name=name, cells=cells, importance=importance, is_number=True, stays=True)


def _answers(predicted: Tensor) -> list[str]:
    return ["none" if answer == NO_ANSWER else str(int(answer)) for answer in predicted]
