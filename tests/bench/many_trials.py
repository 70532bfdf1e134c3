"""Plan and status of a sweep of 10,000 trials: `python -m tests.bench.many_trials`.

The commands themselves, as processes, imports included: the plan with nothing begun; with all
done, as a start looks at each trial, and `status`, which trusts the manifest. The store has the
files that real trials leave, their weights but a few bytes, written without waiting for the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np

from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.store import LocalFiles, Store
from orchestrator.store.leases.records import About
from orchestrator.store.records.version import enter
from orchestrator.store.trials.records import Evaluated, Trained
from trainer.evaluation.outcomes import Outcomes
from trainer.weights.checkpoint import Weights

SPEC = """\
data: digits
training: {epochs: 1}
methods: {pareto: {vary: {rho: RHOS}}}
seeds: SEEDS
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null, examples: 16}
tracking: none
"""
SEEDS = 10


def finish_all(spec: SweepSpec) -> None:
    """Leave every trial as done as its sweep's start would."""
    store = Store(LocalFiles(Path(spec.storage)))
    enter(store.files)
    bits = np.ones(16, dtype=bool)
    outcomes = Outcomes(
        natural=bits,
        robust={"pgd": np.stack([bits, bits])},
        ladders={"pgd": (1, 2)},
    )
    facts = Evaluated(seconds=1.0, accuracies=outcomes.accuracies(), examples=16)
    for planned in make_plan(spec, store).trials:
        stored = store.trial(planned.id)
        stored.describe(planned.trial)
        attempt = stored.begin(planned.trial, 1, lasts=60.0, about=About())
        assert attempt is not None
        attempt.keep_row({"epoch": 1, "seconds": 1.0, "time": time.time()})
        trained = Trained(epochs=1, seconds=1.0, collapsed=False, degraded=False)
        attempt.publish(Weights(trial={}, model={}), trained, keeps_last=True)
        attempt.keep_outcomes(spec.suite.id, outcomes, facts)
        attempt.end("done")
    write_manifest(store.files, spec.folder, make_plan(spec, store))


def seconds(*words: str) -> float:
    """Of a command."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Print a line a command, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cells = arguments.trials // SEEDS - 1  # beside the reference
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.yaml"
        rhos = [round((at + 1) / (cells + 1), 9) for at in range(cells)]
        path.write_text(SPEC.replace("RHOS", str(rhos)).replace("SEEDS", str(list(range(SEEDS)))))
        spec = read_spec(str(path), [f"storage={folder}/runs"], {})
        place = (str(path), "--storage", spec.storage, "--json")
        told = {"trials": (cells + 1) * SEEDS}
        told["plan, nothing begun"] = seconds("orchestrator.sweep", *place, "--dry-run")
        with patch.object(os, "fsync", lambda file: None):
            finish_all(spec)
        began = time.perf_counter()
        plan = make_plan(spec, Store(LocalFiles(Path(spec.storage))))
        told["plan, all done, each looked at"] = time.perf_counter() - began
        assert set(plan.counts()) == {"done"}
        told["plan, all done, by the manifest"] = seconds("orchestrator.sweep", *place, "--dry-run")
        told["status, all done"] = seconds("orchestrator.status", *place)
    if arguments.json:
        print(json.dumps(told, indent=2))
        return
    print(f"{told.pop('trials')} trials on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for what, took in told.items():
        print(f"{what:34}{took:6.1f} s")


if __name__ == "__main__":
    main()
