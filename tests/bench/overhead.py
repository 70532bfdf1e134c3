"""What orchestration costs a trial, beside bare Ray Tune: `python -m tests.bench.overhead`.

Three kinds of round, one after another and again, in one Ray on one machine:

    bare     Ray Tune with reused actors over functions that report once and do nothing else
    work     the same over functions that train and evaluate an almost empty trial
    ours     the sweep's own runner over as many almost empty trials: leases, checkpoints,
             weights, bits, all in a store on the local disk

Orchestration's own part is `ours - (work - bare)`, and is compared with `bare`. Machines are
noisy: the ratio of medians counts, and its spread over the rounds stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from ray import tune
from ray.tune import RunConfig, TuneConfig, Tuner

from orchestrator.execution.backend import Workload
from orchestrator.execution.cluster import connected
from orchestrator.execution.tuning import RayTune
from orchestrator.plan.plan import make_plan
from orchestrator.spec.policy import Resources
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from orchestrator.store import LocalFiles, Store
from orchestrator.store.records.version import enter
from trainer.config import read_trial
from trainer.data import Dataset, DataSettings, load
from trainer.evaluation.suite import evaluate, read_suite
from trainer.input.document import Document
from trainer.training.loop import train

SPEC = """\
data: {name: digits, train_examples: 8, test_examples: 8}
training: {epochs: 1, batch_size: 8}
validation: {examples: 1, attacks: {pgd: {num_steps: 1}, flow: null, rt: null}}
methods: {standard: {}}
seeds: SEEDS
evaluation: {pgd: {epsilon: 0.2, ladder: [1]}, flow: null, rt: null, examples: 1}
tracking: none
"""


class _Silent:
    """Listens to nothing and keeps nothing."""

    def step_done(self, checkpoint: Any) -> None: ...
    def started(self, trial_id: str) -> None: ...
    def let_go(self, trial_id: str) -> None: ...
    def ended(self, trial_id: str) -> None: ...
    def epoch_done(self, *told: Any) -> None: ...


@lru_cache(maxsize=1)
def _loaded(settings: DataSettings) -> Dataset:
    """Once for all trials of a worker, as in a sweep."""
    return load(settings, torch.device("cpu"))


def do_nothing(config: dict[str, Any]) -> None:
    """A trial of bare Ray Tune."""
    tune.report({"number": config["number"]})


def do_work(config: dict[str, Any]) -> None:
    """The trial itself, with nothing kept."""
    torch.set_num_threads(1)
    trial = read_trial(Document.from_plain(config["trial"], "bench"))
    suite = read_suite(Document.from_plain(config["suite"], "bench"))
    cpu = torch.device("cpu")
    dataset = _loaded(trial.data)
    model = train(trial, dataset, device=cpu, reporter=_Silent(), resume=None, micro_batches=1)
    outcomes = evaluate(model, suite, dataset, progress=None)
    tune.report({"natural_accuracy": outcomes.natural_accuracy()})


def bare(trainable: Callable[[dict[str, Any]], None], space: dict[str, Any]) -> None:
    """Ray Tune as one would use it."""
    with tempfile.TemporaryDirectory() as scratch:
        Tuner(
            tune.with_resources(trainable, {"CPU": 1}),
            param_space=space,
            tune_config=TuneConfig(reuse_actors=True),
            run_config=RunConfig(storage_path=scratch, verbose=0),
        ).fit()


def one_round(spec: SweepSpec, trials: int) -> dict[str, float]:
    """Seconds a trial, by kind."""
    store = Store(LocalFiles(Path(spec.storage)))
    enter(store.files)
    planned = make_plan(spec, store).trials
    work = {"trial": planned[0].trial.record(), "suite": spec.suite.record()}
    numbers = {"number": tune.grid_search(list(range(trials)))}

    def ours() -> None:
        RayTune().run(
            Workload(
                trials=planned,
                suite=spec.suite,
                validation_id=None,
                store=store,
                policy=spec.policy,
                sweep=spec.name,
                start=f"sweeps/{spec.name}/starts/000001",
                listener=_Silent(),
                is_stopped=lambda: False,
                seconds_in_touch=lambda: 0.0,
                keep_signals=lambda: None,
            )
        )

    kinds = {
        "bare": lambda: bare(do_nothing, numbers),
        "work": lambda: bare(do_work, numbers | work),
        "ours": ours,
    }
    seconds = {}
    for kind, run in kinds.items():
        began = time.perf_counter()
        run()
        seconds[kind] = (time.perf_counter() - began) / trials
    assert {each.status for each in make_plan(spec, store).trials} == {"done"}
    return seconds


def rounds(trials: int, repeats: int) -> dict[str, list[float]]:
    """Seconds a trial, by kind, of each round."""
    with tempfile.TemporaryDirectory() as folder, connected(None, Resources()):
        path = Path(folder) / "empty.yaml"
        path.write_text(SPEC.replace("SEEDS", str(list(range(trials)))))
        found = [
            one_round(read_spec(str(path), [f"storage={folder}/{repeat}"], {}), trials)
            for repeat in range(repeats)
        ]
    return {kind: [each[kind] for each in found] for kind in ("bare", "work", "ours")}


def summary(found: dict[str, list[float]]) -> dict[str, Any]:
    """Medians, and the ratio of orchestration's own part to bare Ray Tune."""
    medians = {kind: statistics.median(seconds) for kind, seconds in found.items()}
    own = [
        ours - max(0.0, work - bare_)
        for bare_, work, ours in zip(found["bare"], found["work"], found["ours"], strict=True)
    ]
    ratios = [each / bare_ for each, bare_ in zip(own, found["bare"], strict=True)]
    return {
        "seconds_a_trial": medians,
        "ratio": statistics.median(ratios),
        "ratios_of_rounds": sorted(ratios),
    }


def main() -> None:
    """Print a line a kind, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    told = summary(rounds(arguments.trials, arguments.rounds))
    if arguments.json:
        print(json.dumps(told, indent=2))
        return
    for kind, seconds in told["seconds_a_trial"].items():
        print(f"{kind:6}{seconds:8.3f} s a trial")
    spread = ", ".join(f"{ratio:.2f}" for ratio in told["ratios_of_rounds"])
    print(f"orchestration's own part: {told['ratio']:.2f} times bare Ray Tune ({spread})")


if __name__ == "__main__":
    # Ray pickles what is in __main__ by value, caches included: run as an imported module.
    import_module("tests.bench.overhead").main()
