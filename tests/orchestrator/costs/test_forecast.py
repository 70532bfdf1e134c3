"""What is still to come: hours in proportion to what was done, bytes as they will lie on a disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from orchestrator.costs.budget import Usage
from orchestrator.costs.footprint import Footprint, bytes_stored, footprint
from orchestrator.costs.forecast import Forecast, forecast, room_here
from orchestrator.plan.network_sizes import bytes_of_weights
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.plan.search_progress import yet_to_come
from orchestrator.search.growth import grow
from orchestrator.spec.policy import Resources
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import LocalFiles, Store
from orchestrator.store.records.version import enter
from orchestrator.store.trials.records import Evaluation, Result
from orchestrator.sweep import app
from orchestrator.terminal.units import count_text, size_text
from orchestrator.worker.trial import Ending
from tests.orchestrator.conftest import Begin, Read
from tests.orchestrator.disks import small_disk
from tests.orchestrator.working import contents, mission, run
from trainer.attacks import ATTACKS
from trainer.attacks.pixel import PGD
from trainer.config import Trial
from trainer.data import load
from trainer.data.published import IMAGES
from trainer.passes import Passes
from trainer.weights.checkpoint import Checkpoint

SWEEP = """\
data: {name: digits, train_examples: 160}
training: {epochs: 4, batch_size: 32}
methods:
  pgd: {}
  pareto: {vary: {rho: [0.2, 0.4]}}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null, examples: 40}
seeds: [0, 1]
resources: {cpu: 1}
"""
OWN_IMAGES = """\
data: {name: "own_images:own", validation: 100}
model: cnn
training:
  epochs: 1
  batch_size: 32
  optimiser: {learning_rate: 0.001}
  attacks: {pgd: {epsilon: 0.1, step_size: 0.1, num_steps: 1}}
methods: {pgd: {}}
evaluation: {pgd: {epsilon: 0.1, ladder: [1]}}
"""
NOTHING_USED = Usage()


def trained(planned: PlannedTrial, *, seconds: float, epochs: int = 4) -> PlannedTrial:
    result = Result(seconds=seconds, epochs=epochs, bytes=60_000, attempt=1)
    return replace(planned, progress=replace(planned.progress, result=result))


def done(planned: PlannedTrial, *, training: float, evaluation: float) -> PlannedTrial:
    """Of the seconds of evaluation a quarter goes to validation images."""
    its = trained(planned, seconds=training)
    test, validation = (
        Evaluation(seconds=share * evaluation, bytes=900, attempt=1, at="")
        for share in (0.75, 0.25)
    )
    return replace(its, progress=replace(its.progress, evaluation=test, validation=validation))


def with_trials(plan: Plan, changed: dict[str, PlannedTrial]) -> Plan:
    return replace(plan, trials=tuple(changed.get(t.title, t) for t in plan.trials))


def by_title(plan: Plan) -> dict[str, PlannedTrial]:
    return {planned.title: planned for planned in plan.trials}


def told(spec: SweepSpec, plan: Plan, store: Store, used: Usage = NOTHING_USED) -> Forecast:
    return forecast(
        plan,
        yet_to_come(spec, plan),
        used,
        store.files,
        suites=spec.suites,
        policy=spec.policy,
        folder=spec.folder,
        slots=room_here(spec.policy.resources),
        stored=None,
    )


def room_for(
    spec: SweepSpec,
    trials: Sequence[PlannedTrial],
    pending: Sequence[PlannedTrial],
    store: Store,
    *,
    at_once: int = 1,
) -> Footprint:
    """The room that pending trials of a sweep need, of which `trials` are known."""
    return footprint(
        trials,
        pending,
        store.files,
        suites=spec.suites,
        retention=spec.policy.retention,
        folder=spec.folder,
        at_once=at_once,
        stored=None,
    )


@pytest.fixture
def spec(read: Read) -> SweepSpec:
    return read(SWEEP)


@pytest.fixture
def plan(spec: SweepSpec, store: Store) -> Plan:
    return make_plan(spec, store)


# --- hours


def test_before_anything_is_done_nothing_is_known(
    spec: SweepSpec, plan: Plan, store: Store
) -> None:
    coming = told(spec, plan, store)
    assert (coming.core_hours, coming.gpu_hours, coming.hours) == (None, None, None)
    assert (coming.trials, coming.basis) == (8, {})
    assert dict(coming.lines())["left"] == "8 trials; how long is not known before one is done"


def test_trials_are_judged_by_those_most_like_them(
    spec: SweepSpec, plan: Plan, store: Store
) -> None:
    trials = by_title(plan)
    first, second = "pareto rho=0.2 seed=0", "pareto rho=0.4 seed=0"
    partly = with_trials(
        plan,
        {
            first: done(trials[first], training=100, evaluation=10),
            second: done(trials[second], training=300, evaluation=30),
        },
    )
    coming = told(spec, partly, store)
    by_cell = (100 + 10) + (300 + 30)  # seed 1 of both
    by_sweep = 4 * (200 + 20)  # standard and pgd, of which none is done, twice
    assert coming.basis == {"cell": 2, "sweep": 4}
    assert coming.core_hours == pytest.approx((by_cell + by_sweep) / 3600)


def test_trials_of_another_cell_are_judged_by_their_method(read: Read, store: Store) -> None:
    spec = read(SWEEP.replace("seeds: [0, 1]", "seeds: [0]"))
    plan = make_plan(spec, store)
    trials = by_title(plan)
    names = ("standard seed=0", "pareto rho=0.2 seed=0")
    slow, fast = (
        done(trials[names[0]], training=40, evaluation=4),
        done(trials[names[1]], training=400, evaluation=8),
    )
    coming = told(spec, with_trials(plan, dict(zip(names, (slow, fast), strict=True))), store)
    assert coming.basis == {"method": 1, "sweep": 1}  # pareto rho=0.4; pgd
    assert coming.core_hours == pytest.approx((408 + (440 + 12) / 2) / 3600)


def test_only_what_is_left_of_a_trial_counts(spec: SweepSpec, plan: Plan, store: Store) -> None:
    trials = by_title(plan)
    whole = {t.title: done(t, training=80, evaluation=8) for t in plan.trials}
    begun, unevaluated = "pgd seed=0", "pgd seed=1"
    half = replace(trials[begun], progress=replace(trials[begun].progress, epochs_done=3))
    changed = {**whole, begun: half, unevaluated: trained(trials[unevaluated], seconds=80)}
    coming = told(spec, with_trials(plan, changed), store)
    assert coming.trials == 2
    assert coming.core_hours == pytest.approx((80 / 4 + 8 + 8) / 3600)


def test_cores_gpus_and_room_multiply(read: Read, store: Store) -> None:
    spec = read(SWEEP, "resources={cpu: 2, gpu: 0.5}")
    plan = make_plan(spec, store)
    first = plan.trials[0]
    one = with_trials(plan, {first.title: done(first, training=3500, evaluation=100)})
    coming = told(spec, one, store)
    assert coming.core_hours == pytest.approx(7 * 2)
    assert coming.gpu_hours == pytest.approx(7 * 0.5)
    assert coming.hours == pytest.approx(7 / coming.at_once)
    on_cpu = told(spec, one, store, Usage(core_hours=2.0, hours=1.0))
    assert on_cpu.gpu_hours == 0
    assert on_cpu.record()["in_all"] == {"core_hours": pytest.approx(16), "gpu_hours": 0}


def test_room_of_this_machine() -> None:
    cores = os.cpu_count() or 1
    assert room_here(Resources(cpu=0.5)) == 2 * cores
    assert room_here(Resources(cpu=float(cores))) == 1
    assert room_here(Resources(cpu=100.0 * cores)) == 1


def test_threads_are_the_cores_of_a_trial_rounded_up() -> None:
    assert [Resources(cpu=cores).threads for cores in (0.25, 1.0, 1.5, 4.0)] == [1, 1, 2, 4]


def test_budget_that_will_not_do_is_told(read: Read, store: Store) -> None:
    spec = read(SWEEP, "budget={core_hours: 10, hours: 1000}")
    plan = make_plan(spec, store)
    first = plan.trials[0]
    one = with_trials(plan, {first.title: done(first, training=3500, evaluation=100)})
    assert told(spec, one, store).warnings == ()
    (warning,) = told(spec, one, store, Usage(core_hours=4.0, gpu_hours=1.0)).warnings
    assert warning == (
        "budget.core_hours is 10, 4 are used, and the trials to run take about 7 more: "
        "the sweep will stop at the cap"
    )


def test_finished_sweep_has_nothing_left(spec: SweepSpec, plan: Plan, store: Store) -> None:
    all_done = {t.title: done(t, training=80, evaluation=8) for t in plan.trials}
    coming = told(spec, with_trials(plan, all_done), store)
    assert (coming.trials, coming.core_hours, coming.footprint.bytes) == (0, 0, 0)
    assert list(coming.lines()) == []


# --- bytes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimiser", "more", "copies"),
    [
        ({"name": "adam", "learning_rate": 0.001}, "", 3),
        ({"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}, "", 2),
        ({"name": "sgd", "learning_rate": 0.1, "momentum": 0.0}, "", 1),
        ({"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}, "ema: 0.9", 3),
        ({"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}, "best", 3),
    ],
)
def test_files_are_as_large_as_foretold(
    read: Read, store: Store, optimiser: dict[str, Any], more: str, copies: int
) -> None:
    """One real trial on real digits: its weights, its checkpoint, and all of it together; with an
    average of weights, and with the best state, beside which the best weights are kept."""
    has_best = more == "best"
    ema = f", {more}" if more.startswith("ema") else ""
    spec = read(
        "data: {name: digits, train_examples: 160}\n"
        f"training: {{epochs: 3, batch_size: 32, optimiser: {optimiser}{ema}}}\n"
        f"weights: {'best' if has_best else 'last'}\n"
        "methods: {standard: {}}\n"
        "evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null, examples: 40}\n"
    )
    (planned,) = make_plan(spec, store).trials
    foretold = room_for(spec, (), [planned], store).bytes
    weights = bytes_of_weights(planned.trial)
    assert foretold is not None
    assert weights is not None
    its_mission = mission(spec.policy.model_copy(update={"lease": 600.0}))
    assert run(planned.trial, spec.suite, store, its_mission)[0] is Ending.DONE
    sizes = {Path(name).suffix: size for name, size in store.files.sizes("trials").items()}
    real = [size for name, size in store.files.sizes("trials").items() if name.endswith(".pt")]
    files = 1 + has_best
    checkpoint, *others = sorted(real, reverse=True) if len(real) > files else (None, *real)
    assert others == [pytest.approx(weights, rel=0.05)] * files
    if checkpoint is not None:
        assert checkpoint == pytest.approx(copies * weights, rel=0.05)
    assert sizes[".npz"] < 2_000
    stays = bytes_stored(store.files)
    room = 2 * copies * weights  # of the two checkpoints that are gone
    assert stays < foretold < 1.2 * (stays + room)


def test_trained_trials_need_room_for_outcomes_alone(
    spec: SweepSpec, plan: Plan, store: Store
) -> None:
    ready = [trained(planned, seconds=1.0) for planned in plan.trials]
    left = room_for(spec, ready, ready, store, at_once=2).bytes
    assert left == 8 * 2 * int(40 * 3 / 6), "on validation images and on the test set"


def test_networks_that_were_trained_tell_their_size(read: Read, store: Store) -> None:
    spec = read(SWEEP)
    plan = make_plan(spec, store)
    first, *others = plan.trials
    known = trained(first, seconds=1.0)
    smaller = room_for(spec, [known, *others], others, store)
    larger_known = replace(
        known,
        progress=replace(
            known.progress, result=Result(seconds=1, epochs=4, bytes=1_000_000, attempt=1)
        ),
    )
    larger = room_for(spec, [larger_known, *others], others, store)
    assert smaller.bytes is not None
    assert larger.bytes is not None
    kept, at_work = 7 * (1 + 3), 2 * 3  # weights with their last checkpoint; of Adam
    per_byte = kept if spec.cells[0].trial.training.optimiser.is_constant else 7
    assert larger.bytes - smaller.bytes == (1_000_000 - 60_000) * (per_byte + at_work)


def test_more_at_once_hold_more_checkpoints(spec: SweepSpec, plan: Plan, store: Store) -> None:
    def needed(at_once: int) -> int:
        foretold = room_for(spec, plan.trials, plan.trials, store, at_once=at_once)
        assert foretold.bytes is not None
        return foretold.bytes

    assert needed(2) - needed(1) == needed(3) - needed(2) > 0
    assert needed(100) == needed(8)


def test_network_of_unknown_images_is_said_to_be_unknown(
    read: Read, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "own_images.py").write_text(
        "from trainer.data.digits import Digits\nown = Digits()"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spec = read(OWN_IMAGES)
    plan = make_plan(spec, store)
    coming = told(spec, plan, store)
    assert coming.footprint.bytes is None
    assert "not known before a trial is trained" in dict(coming.lines())["disk"]


@pytest.mark.parametrize("name", ["digits"])
def test_stated_sizes_of_images(small_trial: Callable[..., Trial], name: str) -> None:
    settings = small_trial().data.model_copy(update={"train_examples": None})
    check_stated(settings, name)
    dataset = load(settings, torch.device("cpu"))
    assert IMAGES[name].tested == len(dataset.test)
    assert IMAGES[name].trained == len(dataset.train) + len(dataset.validation)


@pytest.mark.slow
@pytest.mark.skipif("PARETO_DATA" not in os.environ, reason="PARETO_DATA is not set")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_stated_sizes_of_images_on_disk(small_trial: Callable[..., Trial], name: str) -> None:
    own = {"name": name, "root": os.environ["PARETO_DATA"], "verify": False, "train_examples": None}
    check_stated(small_trial().data.model_copy(update=own), name)


def check_stated(settings: Any, name: str) -> None:
    dataset = load(settings, torch.device("cpu"))
    stated = IMAGES[name]
    assert stated.shape == dataset.image_shape
    assert stated.classes == dataset.num_classes
    assert stated.tested >= len(dataset.test)  # a part of the set has fewer
    assert stated.trained >= len(dataset.train) + len(dataset.validation)


# --- passes


def test_passes_are_known_before_anything_is_done(
    spec: SweepSpec, plan: Plan, store: Store
) -> None:
    """160 images, 4 epochs; each trial's attacks take 7 steps, and each loss two passes more."""
    coming = told(spec, plan, store)
    training = 2 * 4 * 160 * (2 + (2 * 7 + 2) + 2 * (2 + 3 * (2 * 7 + 2)))
    evaluation = 8 * 2 * (40 * (1 + 2 * 2 + 1) + 1)  # on validation images and on the test set
    assert coming.record()["training_passes"] == training
    assert coming.record()["evaluation_passes"] == evaluation
    words = dict(coming.lines())["passes"]
    assert words == f"to run: {count_text(training)} of training, up to 3.86 k of evaluation"


def test_passes_of_what_is_trained_are_of_its_evaluation_alone(
    spec: SweepSpec, plan: Plan, store: Store
) -> None:
    trials = by_title(plan)
    whole = {t.title: done(t, training=80, evaluation=8) for t in plan.trials}
    begun, unevaluated = "standard seed=0", "pgd seed=1"
    half = replace(trials[begun], progress=replace(trials[begun].progress, epochs_done=3))
    changed = {**whole, begun: half, unevaluated: trained(trials[unevaluated], seconds=80)}
    passes = told(spec, with_trials(plan, changed), store).passes
    assert (passes.training, passes.evaluation) == (160 * 2, 2 * 2 * (40 * 6 + 1))


def test_what_was_evaluated_on_the_test_set_alone_is_still_to_be_on_validation(
    spec: SweepSpec, plan: Plan, store: Store
) -> None:
    """As a storage of before has it: nothing is trained."""
    whole = {t.title: done(t, training=80, evaluation=8) for t in plan.trials}
    before = whole["pgd seed=1"]
    progress = replace(before.progress, validation=None, lacks_validation=True)
    changed = {**whole, "pgd seed=1": replace(before, progress=progress)}
    coming = told(spec, with_trials(plan, changed), store)
    assert coming.trials == 1
    assert coming.core_hours == pytest.approx(2 / 3600)
    assert (coming.passes.training, coming.passes.evaluation) == (0, 40 * 6 + 1)
    assert coming.footprint.bytes == int(40 * 3 / 6)


def test_passes_of_an_attack_of_ones_own_are_judged_by_its_method(
    read: Read, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unsaid(PGD):
        def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
            return images

    monkeypatch.setitem(ATTACKS, "unsaid", Unsaid)
    attacks = "attacks: {unsaid: {epsilon: 0.1, num_steps: 1}}}"
    own = SWEEP.replace("batch_size: 32}", f"batch_size: 32, {attacks}")
    spec = read(own.replace("  pgd: {}\n", "  unsaid: {}\n"))
    plan = make_plan(spec, store)
    assert told(spec, plan, store).passes.training is None
    assert "not known of training, up to" in dict(told(spec, plan, store).lines())["passes"]
    first = by_title(plan)["unsaid seed=0"]
    result = Result(seconds=1, epochs=4, bytes=1, attempt=1, passes=Passes(forward=999))
    one = replace(first, progress=replace(first.progress, result=result, epochs_done=4))
    passes = told(spec, with_trials(plan, {first.title: one}), store).passes
    others = told(read(SWEEP), make_plan(read(SWEEP), store), store).passes.training
    assert others is not None
    assert passes.training == others - 2 * 4 * 160 * (2 * 7 + 2) + 999


# --- as a person sees it


def test_plan_that_does_not_fit_on_the_disk_is_told(read: Read, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        read(SWEEP, f"storage={disk}")
        result = CliRunner().invoke(app, ["sweep.yaml", "--storage", str(disk), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "warning     the trials to run take about" in result.stdout
    assert f"{disk} has 1.05 MB free: make room, or give another storage" in result.stdout


def test_plan_that_exceeds_the_budget_of_the_storage_is_told(read: Read, store: Store) -> None:
    spec = read(SWEEP)
    store.files.write("store.json.other", bytes(1_500_000))  # the cap is on all that is stored
    needed = room_for(spec, (), make_plan(spec, store).trials, store)
    assert needed.bytes is not None
    assert needed.bytes > 500_000

    def warnings(cap: float) -> list[str]:
        arguments = ["sweep.yaml", "--set", f"budget.disk_gb={cap}", "--dry-run", "--json"]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        found: list[str] = json.loads(result.stdout)["left"]["warnings"]
        return found

    (warning,) = warnings(0.002)
    assert warning.startswith("budget.disk_gb is 0.002, 1.5 MB are used, and the trials to run ")
    assert warnings(1.0) == []


@pytest.mark.slow
def test_dry_run_counts_and_foretells(
    read: Read, store: Store, begin: Begin, tmp_path: Path
) -> None:
    spec = read(SWEEP)
    enter(store.files)
    first, second, third = make_plan(spec, store).trials[:3]
    assert run(first.trial, spec.suite, store)[0] is Ending.DONE
    attempt = begin(second.trial)
    attempt.keep_checkpoint(
        Checkpoint(epochs_done=1, steps_done=0, model={}, optimiser={}, weighting={}, epoch={})
    )
    attempt.end("stopped")
    store.trial(third.id).record_failure("hung", "no step", "")
    before = contents(tmp_path)
    result = CliRunner().invoke(app, ["sweep.yaml", "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "sweep       sweep: 1 done, 1 stopped, 1 failed, 5 pending" in result.stdout
    assert "left        about " in result.stdout
    assert "3 of 4 epochs, evaluation" in result.stdout
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_dry_run_says_that_whole_weights_without_a_result_are_not_trained_again(
    read: Read, store: Store
) -> None:
    spec = read(SWEEP)
    enter(store.files)
    first = make_plan(spec, store).trials[0]
    run(first.trial, spec.suite, store)
    store.files.remove(f"trials/{first.id}/result.json")
    result = CliRunner().invoke(app, ["sweep.yaml", "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    todo = json.loads(result.stdout)["trials"][0]["todo"]
    assert todo == "its whole weights are published again; evaluation if that is gone too"
    assert run(first.trial, spec.suite, store) == (Ending.DONE, []), "and so it is"


@pytest.mark.slow
def test_dry_run_says_from_which_sibling_a_trial_goes_on(read: Read, store: Store) -> None:
    constant = "optimiser.schedule=[[0, 1]]"
    spec = read(SWEEP, f"training.{constant}")
    enter(store.files)
    shorter = make_plan(spec, store).trials[0]
    run(shorter.trial, spec.suite, store)
    arguments = ["--set", f"training.{constant}", "--set", "training.epochs=6"]
    result = CliRunner().invoke(app, ["sweep.yaml", *arguments, "--dry-run", "--json"])
    assert result.exit_code == 0, result.output
    todo = json.loads(result.stdout)["trials"][0]["todo"]
    assert todo == f"2 of 6 epochs, evaluation; goes on from {shorter.id}"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (812, "812 B"), (3_400_000_000, "3.4 GB"), (999_600, "1 MB"), (2e15, "2e+03 TB")],
)
def test_bytes_in_words(count: float, words: str) -> None:
    assert size_text(count) == words


def test_files_are_only_weighed_where_they_are(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write("a/b", b"12345")
    files.write("c", b"1")
    assert bytes_stored(files) == 6


def test_room_on_a_drive_that_is_not_there_is_not_known(
    spec: SweepSpec, plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path of Windows may have nothing around it that exists."""
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert room_for(spec, (), plan.trials, store).free is None


# --- trials that a search is still to propose


def test_what_is_still_to_be_proposed_counts_as_what_it_will_be_like(
    read: Read, store: Store
) -> None:
    spec = read(
        "data: digits\ntraining: {epochs: 4}\nsearch: {strategy: random, trials: 6}\n"
        "methods: {pareto: {vary: {rho: {min: 0.1, max: 0.9}}}}\n"
    )
    few = make_plan(spec, store)
    before = told(spec, few, store)
    after = told(spec, grow(spec, few, store), store)
    assert before.trials == after.trials == 6 + 1
    assert (before.passes, before.footprint.bytes) == (after.passes, after.footprint.bytes)
    standard = few.trials[0]
    partly = with_trials(few, {standard.title: done(standard, training=100, evaluation=10)})
    assert told(spec, partly, store).core_hours == pytest.approx(6 * 110 / 3600)


def test_of_a_range_that_costs_differently_both_ends_count(read: Read, store: Store) -> None:
    spec = read(
        "data: digits\nsearch: {strategy: random, trials: 4}\n"
        "methods: {pareto: {rho: 0.5, vary: {training.epochs: {min: 2, max: 6}}}}\n"
    )
    plan = make_plan(spec, store)
    standard = plan.trials[0]
    partly = with_trials(plan, {standard.title: done(standard, training=40, evaluation=0)})
    assert told(spec, partly, store).core_hours == pytest.approx(10 * (2 + 6 + 2 + 6) / 3600)
