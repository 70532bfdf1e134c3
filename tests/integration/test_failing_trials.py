"""Trials that fail by themselves: each fails alone, is recorded with its reason, and the front is
drawn from the rest and says what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.in_process import nothing_to_run, swept
from tests.integration.running import Place, assert_nothing_left
from tests.integration.stored import attempts, record, runs, table, times_of

pytestmark = pytest.mark.integration

SPEC = """\
data: {name: digits, train_examples: 256}
training: {epochs: 2, batch_size: 64}
validation: {examples: 32}
methods: METHODS
evaluation:
  examples: 48
  pgd: {attack: ATTACK, epsilon: 0.2, ladder: [1, 2]}
  flow: null
  rt: null
"""
ANYWHERE = ("diverging", "raising", "hoarding", "exiting", "missing")
"""Faults that end alike whichever back end runs the trial."""

FAULTS = (*ANYWHERE, "hanging", "dawdling", "dying")
METHODS = {fault: f"{fault}: {{method: 'faulty:{fault.title()}'}}" for fault in FAULTS}
METHODS["dawdling"] = METHODS["dawdling"].replace("'}", "', seconds: 8}")
RETRIED = {"hoarding", "hanging", "dying"}
LIMITS = ("--set", "limits={silent_minutes: 0.5, hours: 0.0125}", "--set", "retries=1")
"""30 s without a step, 45 s in all: of the healthy trials none takes so long, be it on a machine
that is slow and busy; the dawdling one takes 64."""


def write_spec(folder: Path, methods: str, attack: str = "pgd", name: str = "short") -> Path:
    spec = folder / f"{name}.yaml"
    spec.write_text(SPEC.replace("METHODS", methods).replace("ATTACK", attack))
    return spec


def in_process(folder: Path) -> dict[str, tuple[str, int]]:
    """What is said of each fault that ends alike anywhere, and after how many tries, without
    Ray."""
    methods = ", ".join(METHODS[fault] for fault in ANYWHERE)
    spec, storage = write_spec(folder, f"{{{methods}}}", name="here"), folder / "alone"
    finished = swept(spec, "--storage", storage, *LIMITS, "--set", "tracking=none", FAULTY="yes")
    assert finished.code == 1, finished
    trials = table(storage, "here").set_index("method")
    return {
        fault: (
            trials["failure"][fault],
            len(attempts(storage / "trials" / trials["trial_id"][fault])),
        )
        for fault in ANYWHERE
    }


def test_every_kind_of_failure_is_told_and_rerun_on_request(place: Place, tmp_path: Path) -> None:
    """On Ray, with a queue that grows; what can end so in one process ends alike there."""
    methods = ", ".join(METHODS.values())
    spec, storage = write_spec(tmp_path, f"{{pgd: {{}}, {methods}}}"), tmp_path / "runs"
    growing = place.start("growing", spec, "--storage", storage, *LIMITS, FAULTY="yes")
    finished = growing.finished()
    assert finished.code == 1, finished
    assert "Traceback" not in finished.stderr
    trials = table(storage, "short").set_index("method")
    assert trials["status"].to_dict() == {
        "standard": "done",
        "pgd": "done",
        **dict.fromkeys(FAULTS, "failed"),
    }
    said = trials["failure"]
    assert said["diverging"].startswith("diverged: DivergedError: losses and weights of epoch 1")
    assert said["raising"] == "exception: LookupError: no such weight"
    assert said["hoarding"].startswith("out_of_memory: RuntimeError: ")
    assert said["exiting"].startswith("exception: SystemExit: no such option; the trial's own code")
    assert said["missing"].startswith("data: MissingData: data.root must hold the files")
    assert said["hanging"].startswith("hung: no step for ")
    assert said["dawdling"].startswith("time_limit: TimeLimitError: must end within 0.0125 h")
    assert said["dying"].startswith("worker_lost: its worker died 2 times")
    assert said[["standard", "pgd"]].isna().all()

    folders = {fault: storage / "trials" / trials["trial_id"][fault] for fault in FAULTS}
    begun = {fault: attempts(folder) for fault, folder in folders.items()}
    tries = {fault: len(begun[fault]) for fault in FAULTS if fault != "dying"}
    assert tries == {fault: 1 + (fault in RETRIED) for fault in tries}
    details = record(begun["raising"][0] / "ended.json")["failure"]["details"]
    assert "faulty.py" in details
    last_steps = (begun["diverging"][0] / "last_steps.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in last_steps] == [1, 2, 3, 4]

    assert set(table(storage, "short", "front.csv")["method"]) <= {"standard", "pgd"}
    counts = {"diverged": 1, "exception": 2, "out of memory": 1, "data": 1}
    counts |= {"hung": 1, "time limit": 1, "worker lost": 1}
    missing = "8 of 10 trials missing: " + ", ".join(f"{n} {kind}" for kind, n in counts.items())
    assert missing in " ".join(finished.stdout.split())
    assert sum(status == "FAILED" for _, status in runs(storage, "short")) == 8
    assert_nothing_left(place)

    assert in_process(tmp_path) == {fault: (said[fault], tries[fault]) for fault in ANYWHERE}

    times = times_of(storage / "trials")
    finished = place.swept(spec, "--storage", storage, "--retry-failed")
    assert finished.code == 0, finished
    trials = table(storage, "short")
    assert set(trials["status"]) == {"done"}
    assert trials["failure"].isna().all()
    assert set(runs(storage, "short").values()) == {1}
    changed = times.items() - times_of(storage / "trials").items()
    assert not [name for name, _ in changed if "/checkpoints/" not in name]


def test_failing_evaluation_keeps_the_weights_and_leaves_scores_empty(tmp_path: Path) -> None:
    spec, storage = write_spec(tmp_path, "{standard: {}}", "faulty:Refusing"), tmp_path / "runs"
    finished = swept(spec, "--storage", storage, FAULTY="yes")
    assert finished.code == 1, finished
    (trial,) = table(storage, "short").to_dict("records")
    assert trial["failure"] == "exception: LookupError: no such rung"
    assert trial["robustness_score"] != trial["robustness_score"]
    assert table(storage, "short", "front.csv").empty

    times = times_of(storage / "trials")
    finished = nothing_to_run(spec, "--storage", storage, FAULTY="yes")
    assert finished.code == 1, finished
    assert times_of(storage / "trials") == times

    finished = swept(spec, "--storage", storage, "--retry-failed")
    assert finished.code == 0, finished
    (trial,) = table(storage, "short").to_dict("records")
    assert trial["status"] == "done"
    assert trial["failure"] != trial["failure"]
    assert trial["robustness_score"] == 0
    assert times.items() <= times_of(storage / "trials").items()
