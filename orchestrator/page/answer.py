"""The answer to which method is better, in at most three sentences and four verdicts alone."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.page.view import ContrastView
from orchestrator.pareto.contrasts import STRICT, Contrast, Difference
from orchestrator.pareto.verdicts import Verdict
from orchestrator.report.contrasts import Comparison, difference_text

PREPOSITION = {
    Verdict.BETTER: "better than",
    Verdict.WORSE: "worse than",
    Verdict.EQUIVALENT: "equivalent to",
    Verdict.UNDECIDED: "undecided against",
}

OF_A_TABLE = "A table names no contrast beforehand, so that between its methods all is undecided."
NONE_NAMED = "The sweep names no contrast, so that between its methods all is undecided."


def answer(found: Comparison) -> tuple[str, ...]:
    """Say which verdicts there are, how large the differences are, and whether these are claims."""
    primary = found.contrasts.primary
    if not primary and not found.contrasts.without_best_other:
        return (NONE_NAMED,)
    if not any(contrast.judgement is not None for contrast in primary):
        asked = _listed([*map(_pair, primary)]) or "the contrasts that were named"
        return (f"Undecided so far: {asked}; {found.untested}.", *_sizes(found))
    claim = (
        f"No claim is made: {_listed(found.doubts)}."
        if found.doubts
        else "These verdicts are claims: fresh seeds, a claim suite, no test number seen before."
    )
    return (f"{_verdicts(found)}{_why_undecided(found)}.", *_sizes(found), claim)


def _verdicts(found: Comparison) -> str:
    """Say each verdict of a method once, with all that it is against."""
    against: dict[tuple[str, Verdict], list[str]] = {}
    for contrast in found.contrasts.primary:
        first, second = contrast.difference.methods
        verdict = Verdict.UNDECIDED if contrast.judgement is None else contrast.judgement.verdict
        is_best = second == found.contrasts.best_other
        images = f"{found.contrasts.chosen_on or 'its'} images"
        best = f" (the best other on {images})" if is_best else ""
        against.setdefault((first, verdict), []).append(f"{second}{best}")
    for method in found.contrasts.without_best_other:
        others = against.setdefault((method, Verdict.UNDECIDED), [])
        others.append("the best other, which is not known")
    said, before = [], ""
    for (first, verdict), others in against.items():
        subject = "" if first == before else f"{first} is "
        said.append(f"{subject}{PREPOSITION[verdict]} {_listed(others)}")
        before = first
    return "; ".join(said)


def _why_undecided(found: Comparison) -> str:
    """Say why all contrasts are undecided, where one reason is that of all; else nothing."""
    first, *others = {it.judgement for it in found.contrasts.primary}
    is_one = not others and not found.contrasts.without_best_other
    if first is None or first.verdict is not Verdict.UNDECIDED or not is_one:
        return ""
    return f": {first.why}"


def _sizes(found: Comparison) -> Iterator[str]:
    """Yield in one sentence how large the differences of the primary contrasts are."""
    known = [it.difference for it in found.contrasts.primary if it.difference.mean is not None]
    if known:
        sizes = _listed([f"{_size(it)} against {it.methods[1]}" for it in known])
        sacrifice = f"{100 * found.contrasts.largest_sacrifice:g}"
        yield f"In union accuracy, the mean over sacrifices up to {sacrifice} points: {sizes}."


def _size(difference: Difference) -> str:
    assert difference.mean is not None
    interval = difference.interval(0.95)
    ends = (
        ""
        if interval is None
        else " (95 %: {:+.1f} to {:+.1f})".format(*(100 * end for end in interval))
    )
    return f"{100 * difference.mean:+.1f} points{ends}"


def _pair(contrast: Contrast) -> str:
    return " against ".join(contrast.difference.methods)


def _listed(words: list[str]) -> str:
    *most, last = words or [""]
    return f"{', '.join(most)} and {last}" if most else last


def contrast_views(found: Comparison) -> tuple[ContrastView, ...]:
    """Return the contrasts that were named beforehand, then all other pairs."""
    primary = [_view(it.difference, it, found) for it in found.contrasts.primary]
    return (*primary, *(_view(it, None, found) for it in found.contrasts.others))


def _view(difference: Difference, contrast: Contrast | None, found: Comparison) -> ContrastView:
    low, high = difference.interval(0.95) or (None, None)
    judgement = None if contrast is None else contrast.judgement
    p = ""
    if contrast is not None and contrast.p is not None and contrast.adjusted_p is not None:
        p = f"{contrast.p:.3g} ({contrast.adjusted_p:.3g} after Holm)"
    why = "not tested: not named beforehand"
    if contrast is not None:
        why = found.untested if judgement is None else judgement.why
    return ContrastView(
        front=difference.front if difference.front != STRICT else "strict",
        first=difference.methods[0],
        second=difference.methods[1],
        difference=difference_text(difference),
        mean=_points(difference.mean),
        low=_points(low),
        high=_points(high),
        p=p,
        is_primary=contrast is not None,
        verdict="" if judgement is None else str(judgement.verdict),
        why=why,
    )


def _points(value: float | None) -> float | None:
    return None if value is None else 100 * value
