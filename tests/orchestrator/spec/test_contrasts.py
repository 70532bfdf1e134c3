"""Which methods a sweep compares: named pairs, the default's, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.spec.contrasts import PrimaryContrasts
from orchestrator.spec.sweep_spec import SweepSpec
from trainer.input.problems import BadInput

FILE = """\
data: digits
methods:
  pgd: {}
  average: {}
  pareto: {vary: {rho: [0.3, 0.6]}}
"""


Contrasts = Callable[..., PrimaryContrasts]


@pytest.fixture
def contrasts_of(read: Callable[..., SweepSpec]) -> Contrasts:
    """What a sweep file with a section says: `contrasts_of("contrasts: {margin: 0.01}")`."""
    return lambda section="", *, file=FILE: read(file + section).contrasts


def test_the_default_names_controls_and_the_best_other(contrasts_of: Contrasts) -> None:
    found = contrasts_of()
    assert found.pairs == (("pareto", "average"), ("pareto", None))
    assert (found.margin, found.largest_sacrifice) == (0.005, 0.15)
    controls = FILE.replace("  pgd: {}\n", "")
    assert contrasts_of(file=controls).pairs == (("pareto", "average"),)
    without = FILE.replace("  pareto:", "  other: {method: pareto, rho: 0.5}\n#")
    assert contrasts_of(file=without).pairs == ()


def test_controls_of_a_method_are_not_the_best_other(contrasts_of: Contrasts) -> None:
    """What replays it, or is it under other settings, says nothing of other methods."""
    own = "seeds: [0, 1]\n" + FILE.replace(
        "  pgd: {}\n",
        "  means: {method: pareto, moments: means, rho: 0.3}\n"
        "  replayed: {method: replay, of: pareto}\n  mixed: {method: replay, of: average}\n",
    )
    found = contrasts_of(file=own)
    assert found.pairs == (("pareto", "average"),), "no other is left"
    with pytest.raises(
        BadInput, match=r"must leave a method for best_other, but all are named, or"
    ):
        contrasts_of("contrasts: {pairs: [[pareto, average], [pareto, best_other]]}", file=own)
    found = contrasts_of("contrasts: {pairs: [[pareto, best_other]]}", file=own)
    assert found.controls == {"pareto", "means", "replayed", "mixed"}
    other = contrasts_of("contrasts: {pairs: [[average, best_other]]}", file=own)
    assert other.controls == {"average", "replayed", "mixed"}, "two kinds of Pareto training differ"


def test_pairs_are_taken_as_they_are_named(contrasts_of: Contrasts) -> None:
    found = contrasts_of(
        "contrasts: {pairs: [[pgd, standard], [pgd, best_other]], margin: 1/100, "
        "largest_sacrifice: 0.1}",
    )
    assert found.pairs == (("pgd", "standard"), ("pgd", None))
    assert (found.margin, found.largest_sacrifice) == (0.01, 0.1)
    assert contrasts_of("contrasts: {pairs: []}").pairs == ()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("[[pareto, pdg]]", "'pdg'; there are standard, pgd, average, pareto, and best_other as"),
        ("[[best_other, pgd]]", "must name methods of the sweep, got 'best_other'"),
        ("[[pgd, pgd]]", "must each be of two different methods, got pgd and pgd"),
        ("[[pgd, average], [average, pgd]]", "must each stand once, got average and pgd again"),
        (
            "[[pgd, average], [pareto, average], [pgd, pareto], [pgd, standard]]",
            "must be at most 3 pairs, since each more makes the others harder to show, got 4",
        ),
        ("[[pgd, average], [pareto, best_other]]", "must leave a method for best_other"),
        ("[[pgd]]", ""),
        ("[pgd, average]", ""),
    ],
)
def test_bad_pairs_are_refused(contrasts_of: Contrasts, pairs: str, message: str) -> None:
    with pytest.raises(BadInput) as refused:
        contrasts_of(f"contrasts: {{pairs: {pairs}}}")
    assert "sweep.yaml:6: contrasts.pairs" in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "section", ["{margin: 0}", "{largest_sacrifice: 0}", "{largest_sacrifice: 1.5}", "{pair: []}"]
)
def test_bad_numbers_and_keys_are_refused(contrasts_of: Contrasts, section: str) -> None:
    with pytest.raises(BadInput, match=r"contrasts\."):
        contrasts_of(f"contrasts: {section}")


def test_a_margin_in_points_is_refused(contrasts_of: Contrasts) -> None:
    with pytest.raises(BadInput, match=r"must be <= 0\.1, got 0\.5 .*half a point is 0\.005"):
        contrasts_of("contrasts: {margin: 0.5}")


def test_they_change_no_trial(read: Callable[..., SweepSpec]) -> None:
    sections = ("", "contrasts: {pairs: [[pareto, pgd]], margin: 0.01}")
    ids = [[cell.id for cell in read(FILE + section).cells] for section in sections]
    assert ids[0] == ids[1]
