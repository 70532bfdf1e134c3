"""The answer of a page: the four verdicts and no other word for them, in three sentences."""

from __future__ import annotations

import re
from dataclasses import replace

from orchestrator.page.answer import NONE_NAMED, answer, contrast_views
from tests.orchestrator.pareto.test_contrasts import PRIMARY, THREE, table_of
from tests.orchestrator.report.test_contrasts import comparison_of

TABLE = table_of(THREE, seeds=8, noise=0.002)


def test_verdicts_are_said_once_each_with_all_that_they_are_against() -> None:
    found = comparison_of(TABLE, *PRIMARY)
    verdicts, sizes, claim = answer(found)
    assert verdicts == (
        "pareto is equivalent to weighted; better than average and pgd (the best other on test "
        "images)."
    )
    mean = 100 * (found.contrasts.primary[1].difference.mean or 0.0)
    assert sizes.startswith("In union accuracy, the mean over sacrifices up to 15 points: ")
    assert re.search(rf"\{mean:+.1f} points \(95 %: \S+ to \S+\) against average", sizes)
    assert (
        claim == "No claim is made: the suite is no claim suite and the models are not confirmed."
    )
    assert answer(comparison_of(TABLE, ("average", "pareto")))[0] == "average is worse than pareto."


def test_it_is_a_claim_only_where_nothing_speaks_against_it() -> None:
    found = replace(comparison_of(TABLE, *PRIMARY, is_claim_suite=True), is_confirmed=True)
    assert answer(found)[-1].startswith("These verdicts are claims")
    assert answer(replace(found, is_exploratory=True))[-1].startswith("No claim is made: test")


def test_undecided_is_an_answer() -> None:
    few = comparison_of(table_of(THREE, seeds=2), ("pareto", "average"))
    assert answer(few)[0] == (
        "pareto is undecided against average: 2 paired seeds, and nothing is claimed of fewer "
        "than 5."
    )
    assert "(95 %" not in answer(few)[1], "of two seeds there is no interval"
    choosing = comparison_of(TABLE.assign(split="validation"), ("pareto", "average"))
    assert answer(choosing)[0] == (
        "Undecided so far: pareto against average; nothing is tested on validation images."
    )
    under_way = comparison_of(TABLE, ("pareto", "average"), is_complete=False)
    assert "nothing is tested until no trial is left to do" in answer(under_way)[0]
    assert answer(comparison_of(TABLE)) == (NONE_NAMED,)
    for found in (few, choosing, under_way):
        assert len(answer(found)) <= 3
        assert not re.search(r"better|worse|equivalent|significant", " ".join(answer(found)))


def test_contrasts_say_what_is_tested_and_what_is_not() -> None:
    found = comparison_of(TABLE, *PRIMARY)
    primary = [it for it in contrast_views(found) if it.is_primary]
    others = [it for it in contrast_views(found) if not it.is_primary]
    assert [it.verdict for it in primary] == ["equivalent", "better", "better"]
    assert {it.verdict for it in others} == {""}
    assert {it.p for it in others} == {""}
    record = found.record()["primary"][1]
    assert primary[1].mean == 100 * record["mean"]
    assert [primary[1].low, primary[1].high] == [100 * end for end in record["interval_95"]]
    choosing = comparison_of(TABLE.assign(split="validation"), ("pareto", "average"))
    (shown,) = (it for it in contrast_views(choosing) if it.is_primary)
    assert (shown.verdict, shown.p) == ("", "")
    assert shown.why == "nothing is tested on validation images"
