"""The comparison's recordings, and the page that is rendered from them."""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orchestrator.results.trials_table import trials_table, validation_table
from orchestrator.store.trials.records import Evaluation, Halves, OnImages, Result
from tests.bench.comparison.exporting import exported
from tests.bench.comparison.page import PAGE, recorded, recordings, rendered
from tests.bench.comparison.picks import picks
from tests.bench.comparison.recording import Measured, RecordedTrial, Recording
from tests.bench.comparison.replanned import replanned
from tests.orchestrator.finished import do_sweep, read_sweep
from trainer.evaluation.outcomes import Outcomes
from trainer.weights.checkpoint import DamagedError

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
STEERS = np.array([True, False, False])


def outcomes(rows: list[list[int]]) -> Outcomes:
    """Three images under one attack of two rungs."""
    bits = np.array(rows, dtype=bool)
    return Outcomes(natural=bits[0], robust={"pgd": bits[1:]}, ladders={"pgd": (1, 5)})


def recording() -> Recording:
    """One trial that is done, and one that is not."""
    found = outcomes([[1, 1, 0], [1, 1, 0], [1, 0, 0]])
    halves = Halves(
        steering=OnImages(examples=1, accuracies=found.among(STEERS).accuracies()),
        picking=OnImages(examples=2, accuracies=found.among(~STEERS).accuracies()),
    )
    facts = {"attempt": 1, "bytes": 9, "at": "2026-01-01", "seconds": 2.5, "examples": 3}
    record = Evaluation(**facts, accuracies=found.accuracies())  # type: ignore[arg-type]
    done = RecordedTrial(
        id="t1",
        method="pgd",
        settings={"natural_weight": 0.5, "weights": {"natural": 0.5}},
        seed=1,
        status="done",
        result=Result(attempt=1, bytes=9, epochs=2, seconds=3.5),
        on_suite=Measured(record=record, outcomes=found),
        on_validation=Measured(record=record.model_copy(update={"halves": halves}), outcomes=found),
    )
    missing = RecordedTrial(
        id="t2",
        method="pgd",
        settings={"natural_weight": 0.5, "weights": None},
        seed=2,
        status="pending",
        result=None,
        on_suite=None,
        on_validation=None,
    )
    return Recording(
        spec="data: digits\n",
        commit="abc",
        fingerprint="f",
        steers=STEERS,
        trials=(done, missing),
    )


def test_a_recording_reads_as_it_was_written_and_says_what_is_missing() -> None:
    written = recording()
    data = written.to_bytes()
    read = Recording.from_bytes(data)
    assert read.to_bytes() == data
    assert json.loads(lzma.decompress(data))["missing"] == {"pending": 1} == read.missing
    before, after = written.trials[0], read.trials[0]
    assert (after.settings, after.result) == (before.settings, before.result)
    for old, new in (
        (before.on_suite, after.on_suite),
        (before.on_validation, after.on_validation),
    ):
        assert old is not None
        assert new is not None
        assert new.record == old.record  # with accuracies that follow from the bits
        np.testing.assert_array_equal(new.outcomes.robust["pgd"], old.outcomes.robust["pgd"])


@pytest.mark.parametrize("damage", ["cut", "version", "bits"])
def test_what_is_no_recording_is_refused(damage: str) -> None:
    data = recording().to_bytes()
    plain = json.loads(lzma.decompress(data))
    if damage == "version":
        plain["version"] = 2
    else:
        plain["steers"]["bits"] = ""
    changed = data[:-20] if damage == "cut" else lzma.compress(json.dumps(plain).encode())
    with pytest.raises(DamagedError):
        Recording.from_bytes(changed)


def test_the_two_cells_are_kept_that_do_best_together() -> None:
    """The best cell alone, 0.5 at 0.05, and one that adds more beside it than the second best."""
    table = pd.DataFrame(
        [
            ("a", 0.50, 0.05, 1.0),
            ("a", 0.49, 0.05, 2.0),
            ("a", 0.30, 0.00, 3.0),
            ("b", 0.10, 0.00, 1.0),
        ],
        columns=["method", "union_accuracy", "sacrificed_accuracy", "knob"],
    ).assign(trial_id=[f"t{at}" for at in range(4)], seed=0, status="done", on_front=False)
    table = table[
        [*(name for name in table if name not in {"on_front", "knob"}), "on_front", "knob"]
    ]
    first, second = picks(table, keep=2, largest_sacrifice=0.1)
    assert [it["knob"] for it in first.settings] == [1.0, 3.0]
    assert first.height == pytest.approx((0.5 * 0.05 + 0.3 * 0.05) / 0.1)
    assert first.of_all == pytest.approx(first.height)
    assert (second.method, len(second.settings)) == ("b", 1)


@pytest.mark.slow
def test_a_recording_gives_the_tables_of_its_sweep(tmp_path: Path) -> None:
    """Of a sweep that was trained; what names places of the machine is not in it."""
    spec = read_sweep(tmp_path)
    plan = do_sweep(spec)
    data = exported(spec, commit="abc").to_bytes()
    assert str(tmp_path).encode() not in lzma.decompress(data)
    found = replanned(Recording.from_bytes(data))
    assert found.is_complete
    for shown, own in (
        (found.table, trials_table(spec, plan, "suite")),
        (found.validation, validation_table(spec, plan, "suite")),
    ):
        pd.testing.assert_frame_equal(shown, own)


@pytest.mark.parametrize(
    "name",
    [
        "confirmation",
        *(pytest.param(it, marks=pytest.mark.slow) for it in recordings() if it != "confirmation"),
    ],
)
def test_the_page_says_what_its_recordings_say(name: str) -> None:
    """All words and marks are equal, and all numbers but for what a CPU rounds."""
    shown = PAGE.read_text()
    assert f"<!-- {name}: " in shown
    again = rendered(shown, {name: recorded(name)})
    assert NUMBER.split(again) == NUMBER.split(shown)
    for new, old in zip(NUMBER.findall(again), NUMBER.findall(shown), strict=True):
        places = len(old.partition(".")[2])
        assert float(new) == pytest.approx(float(old), abs=1.01 * 10**-places if places else 0)
