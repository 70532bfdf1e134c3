"""The door `python -m orchestrator.pick`: a model chosen on validation, and all that it is told
with."""

from __future__ import annotations

import getpass
import json
import re
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

import trainer
from orchestrator.pareto.crossed import crossed_means
from orchestrator.pareto.dominance import knee
from orchestrator.pareto.resampling import resampled
from orchestrator.pareto.sure_front import ONE_SEED
from orchestrator.pick import app
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.confirmation import record_confirmed
from orchestrator.results.shown import record_shown
from orchestrator.results.taken_home import FILES
from orchestrator.results.trials_table import trials_table
from orchestrator.search.growth import grow
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Store
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.records.version import enter
from orchestrator.store.sweeps.starts import begun
from orchestrator.store.trials.result import give_up_weights
from orchestrator.table.columns import AT_KNEE
from tests.orchestrator.conftest import Begin, Finish, Read
from tests.orchestrator.finished import do_sweep, read_sweep, store_of
from tests.orchestrator.told import Numbers, tell_all
from trainer.data import load
from trainer.evaluation.intervals import wilson
from trainer.input.problems import BadInput
from trainer.weights.checkpoint import Weights

pytestmark = pytest.mark.slow

SWEEP = """\
data: digits
methods:
  pgd: {vary: {natural_weight: [0.2, 0.5, 0.8]}}
evaluation: {pgd: {ladder: [1, 2]}, flow: null, rt: null}
seeds: [0, 1, 2]
tracking: none
"""
IMAGES = 40
RIGHT = {None: (40, 4), 0.8: (39, 16), 0.5: (36, 18), 0.2: (28, 19)}
"""By natural weight (None: the standard reference): images right when clean, and under attack, by
the first seed; the second has one fewer when clean and two under attack, the third four there."""


def right(planned: PlannedTrial) -> tuple[int, int]:
    natural, robust = RIGHT[planned.settings["natural_weight"]]
    seed = planned.trial.seed
    return natural - (seed == 1), robust - 2 * seed


def bits(count: int) -> list[int]:
    """The same images fall first, whatever the model."""
    return [1] * count + [0] * (IMAGES - count)


def started(spec: SweepSpec, store: Store) -> Plan:
    """Leave what a start leaves, without its results."""
    with begun(
        store.files, store.files, spec.name, joins=False, lasts=60.0, on_tick=lambda lease: None
    ):
        plan = make_plan(spec, store)
        write_manifest(store.files, spec.folder, plan)
    return plan


def finished(spec: SweepSpec, store: Store, finish: Finish) -> Plan:
    for planned in make_plan(spec, store).trials:
        natural, robust = right(planned)
        rows = {"pgd": [bits(robust), bits(robust)]}
        finish(planned.trial, spec.suite, bits(natural), rows, examples=IMAGES)
    return started(spec, store)


def run(*words: str | Path, path: str | Path = "sweep.yaml") -> Result:
    return CliRunner().invoke(app, [str(path), *map(str, words)], env={"COLUMNS": "300"})


def record(*words: str | Path, path: str | Path = "sweep.yaml") -> dict[str, Any]:
    result = run(*words, "--json", path=path)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_median_of_the_knee_with_its_numbers_and_how_sure_it_is(
    read: Read, store: Store, finish: Finish
) -> None:
    spec = read(SWEEP)
    plan = finished(spec, store, finish)
    held_back = record()
    assert held_back["numbers"]["split"] == "validation"
    assert held_back["numbers"]["is_held_back"]
    assert "which also chose: optimistic" in run().stdout
    record_shown(spec, plan, store.files)
    found = record()
    assert found["cell"]["name"] == "pgd natural_weight=0.8"
    table = trials_table(spec, plan, "suite")
    assert found["trial_id"] in set(table.loc[table[AT_KNEE], "trial_id"]), "the selected knee"
    assert found["seed"] == 1, "of 16, 14, 12 under attack and sacrifices of 1, 2, 1 the middle one"
    assert found["training"] == {
        "median_of": 3,
        "collapsed": 0,
        "is_fresh": False,
        "all_fresh_collapsed": False,
    }
    numbers = found["numbers"]
    assert (numbers["split"], numbers["images"], numbers["seeds"]) == ("test", 40, [0, 1, 2])
    own = wilson(38, 40)
    assert numbers["model"]["natural_accuracy"] == pytest.approx(own._asdict())
    assert numbers["model"]["union_accuracy"]["value"] == pytest.approx(14 / 40)
    assert numbers["cell"]["natural_accuracy"]["value"] == pytest.approx((39 + 38 + 39) / 120)
    assert numbers["cell"]["natural_accuracy"]["deviation"] == pytest.approx(1 / 40 / 3**0.5)

    scores = np.array(  # of cells in the order of the file, seeds, measures, images
        [
            [
                [bits(robust - 2 * seed), bits(natural - (seed == 1))]
                for seed, (natural, robust) in enumerate([RIGHT[weight]] * 3)
            ]
            for weight in (None, 0.2, 0.5, 0.8)
        ]
    )
    means = crossed_means(scores)
    _, low, high = means.intervals([[-1, 0, 0, 1]], 0.95)
    score = numbers["cell"]["robustness_score"]
    assert (score["low"], score["high"]) == pytest.approx((low[0, 0], high[0, 0]))
    drawn = resampled(means, count=1000, seed=0)
    points = np.stack([drawn[:, [0], 0] - drawn[:, :, 0], drawn[:, [0], 1] - drawn[:, :, 1]], 2)
    knees = [knee(each) for each in points]
    assert found["sureness"]["share"] == pytest.approx(knees.count(3) / 1000, abs=0.06)
    assert found["sureness"]["none"] == pytest.approx(knees.count(None) / 1000, abs=0.06)
    assert found["sureness"]["over"] == "seeds and images"
    attempt = f"{spec.storage}/trials/{found['trial_id']}/attempts/000001"
    assert found["weights"]["file"] == f"{attempt}/weights.pt"
    assert found["weights"]["load"] == f"import trainer; model = trainer.load({attempt!r})"
    assert found["copy"] is None


def test_limits_and_shares_choose_other_cells(read: Read, store: Store, finish: Finish) -> None:
    plan = finished(spec := read(SWEEP), store, finish)
    record_shown(spec, plan, store.files)
    robust = record("--prefer", "robustness_score=0.9")
    assert robust["cell"]["settings"] == {"natural_weight": 0.5}
    assert robust["rule"]["preference"] == pytest.approx(
        {"robustness_score": 0.9, "sacrificed_accuracy": 0.1}
    )
    limited = record("--at-most", "sacrificed_accuracy=1/100", "--at-least", "union_accuracy=0.04")
    assert limited["cell"]["method"] == "standard"
    assert limited["rule"]["limits"] == [
        {"column": "sacrificed_accuracy", "at_most": 0.01},
        {"column": "union_accuracy", "at_least": 0.04},
    ]
    assert limited["chosen"]["within"] == 1
    assert limited["runner_up"] is None
    assert limited["cell"]["limited"] == {"union_accuracy": pytest.approx((4 + 2 + 0) / 120)}
    said = run("--at-least", "robustness_score=0.3").stdout
    assert "with robustness_score at least 0.3" in said
    assert re.search(r"sure +the same cell in \d+ % of 1,000 resamples of seeds and images", said)
    assert re.search(r"runner-up +pgd natural_weight=", said)


WRONG = [
    ("--at-most nonsense=1", "--at-most must name a column of numbers, one of natural_acc"),
    ("--at-most method=1", "--at-most must name a column of numbers, one of"),
    ("--at-least union_accuarcy=1", "did you mean union_accuracy?"),
    ("--at-most union_accuracy", "--at-most must be COLUMN=NUMBER, such as sacrificed_acc"),
    ("--at-most union_accuracy=few", "--at-most must be COLUMN=NUMBER"),
    ("--at-most =0.1", "--at-most must be COLUMN=NUMBER"),
    ("--at-most union_accuracy=nan", "union_accuracy must be a finite number, got nan"),
    ("--at-most seconds=1 --at-most seconds=2", "must name a column once, got seconds twice"),
    ("--at-least union_accuracy=0.9", "union_accuracy: the nearest is 0.425, of pgd"),
    ("--prefer seconds=0.5", "an objective of the sweep, one of robustness_score, sacrif"),
    ("--prefer robustness_score=1.5", "must be a share from 0 to 1, got 1.5"),
    ("--prefer robustness_score=-1", "must be a share from 0 to 1, got -1"),
    ("--knee --prefer robustness_score=1", "--knee must be left out beside --prefer"),
    ("--copy sweep.yaml", "--copy: must be a new or an empty folder, got a file"),
    ("--copy runs", "--copy: must be a new or an empty folder, got one with files in it"),
]
"""Words on the command line, and what is said of them."""


def test_what_is_asked_wrongly_is_refused(read: Read, store: Store, finish: Finish) -> None:
    finished(read(SWEEP), store, finish)
    for words, said in WRONG:
        result = run(*words.split())
        assert result.exit_code == 2, words
        assert said in result.stderr, words
        assert len(result.stderr.splitlines()) == 1, words
        assert not result.stdout, words


def test_without_outcomes_seeds_alone_are_drawn_and_of_one_seed_nothing(
    read: Read, store: Store, finish: Finish, tmp_path: Path
) -> None:
    plan = finished(spec := read(SWEEP), store, finish)
    record_shown(spec, plan, store.files)
    for outcomes in tmp_path.glob(f"runs/trials/{plan.trials[-1].id}/attempts/*/outcomes/*.npz"):
        outcomes.write_bytes(bytes(outcomes.stat().st_size))
    found = record()
    assert found["sureness"]["over"] == "seeds alone"
    assert "are missing or damaged" in found["sureness"]["lacking"]
    assert found["sureness"]["share"] is not None
    assert found["numbers"]["cell"]["natural_accuracy"]["low"] is not None
    assert re.search(r"resamples of seeds alone.* \(the bits of", run().stdout)
    spec = read(SWEEP.replace("[0, 1, 2]", "[0]"))
    record_shown(spec, started(spec, store), store.files)
    one = record()
    assert one["seed"] == 0
    assert one["sureness"] == {
        "share": None,
        "runner_up": None,
        "none": None,
        "resamples": None,
        "over": None,
        "lacking": ONE_SEED,
    }
    assert one["numbers"]["cell"]["natural_accuracy"]["low"] is None
    assert one["numbers"]["model"]["natural_accuracy"]["low"] is not None
    said = run().stdout
    assert "sure        not known: no cell has two seeds" in said
    assert "training    the only one of its trainings that can be taken" in said


def test_what_collapsed_failed_or_lacks_a_seed_is_never_chosen(
    read: Read, store: Store, finish: Finish, begin: Begin
) -> None:
    """By the numbers below each would be first: of the cell at 0.2 a seed has failed, of that at
    0.5 all have collapsed, and of the reference's one has, so that the worse of two is taken."""
    spec = read(SWEEP)
    for planned in make_plan(spec, store).trials:
        weight, seed = planned.settings["natural_weight"], planned.trial.seed
        if weight == 0.2 and seed == 2:
            begin(planned.trial).fail("diverged", "NaN", "")
            continue
        natural, robust = (40, 40) if weight in {0.2, 0.5} else right(planned)
        rows = {"pgd": [bits(robust), bits(robust)]}
        collapsed = weight == 0.5 or (weight is None and seed == 0)
        finish(
            planned.trial,
            spec.suite,
            bits(natural),
            rows,
            examples=IMAGES,
            collapsed=collapsed,
        )
    started(spec, store)
    found = record("--prefer", "robustness_score=0")
    assert found["cell"]["method"] == "standard"
    assert (found["chosen"]["cells"], found["chosen"]["among"]) == (4, 2)
    assert found["training"]["median_of"] == 2
    assert found["training"]["collapsed"] == 1
    assert found["seed"] == 1, "39 of 40 right, where the other has 40"
    assert record("--prefer", "robustness_score=1")["cell"]["settings"] == {"natural_weight": 0.8}


def test_weights_that_were_given_up_are_told_with_their_remedy(
    read: Read, store: Store, finish: Finish, tmp_path: Path
) -> None:
    plan = finished(read(SWEEP), store, finish)
    for planned in plan.trials:
        give_up_weights(store.files, TrialFolder.of(planned.id))
    found = record()
    assert found["weights"]["file"] is None
    assert found["weights"]["load"] is None
    dropped = f"trials/{found['trial_id']}/dropped.json"
    assert dropped in found["weights"]["remedy"]
    assert "were given up to save room; to have them trained again" in run().stdout
    result = run("--copy", tmp_path / "home")
    assert result.exit_code == 2
    assert "--copy: the weights of" in result.stderr
    assert dropped in result.stderr
    assert "--set retention.weights=all" in result.stderr
    assert not (tmp_path / "home").exists()
    (tmp_path / "runs" / dropped).unlink()
    (again,) = make_plan(read(SWEEP), store).pending(retry_failed=False)
    assert again.id == found["trial_id"], "it is trained again, and alone"


CONFIRMED = """\
data: digits
methods:
  pareto: {vary: {rho: [0.3, 0.5, 0.7]}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
seeds: [0, 1]
tracking: none
contrasts: {pairs: []}
confirm: {keep: {per_method: 1}, seeds: 3}
"""


def test_the_model_is_a_fresh_training_where_its_cell_is_confirmed(
    read: Read, store: Store, begin: Begin
) -> None:
    def numbers(planned: PlannedTrial) -> tuple[Numbers, Numbers]:
        """The second of each three seeds is the median on what picks, on the test set the worst."""
        robust = {None: 0.0, 0.3: 0.5, 0.5: 0.6, 0.7: 0.55}[planned.settings["rho"]]
        luck = {0: 0.0, 1: 0.01, 2: -0.01, 3: 0.0, 4: 0.02}[planned.trial.seed]
        shift = 0.1 if planned.stage == "confirm" and planned.trial.seed == 3 else 0.0
        natural = 1.0 if robust == 0.0 else 0.9
        return (natural, robust + luck), (natural, robust - shift)

    spec = read(CONFIRMED)
    enter(store.files)
    wish = ("--prefer", "robustness_score=1")
    grow(spec, tell_all(spec, store, begin, numbers), store)
    started(spec, store)
    before = record(*wish)
    assert before["cell"]["settings"] == {"rho": 0.5}
    assert not before["training"]["is_fresh"]
    assert before["numbers"]["split"] == "validation"
    assert "not confirmed by fresh seeds: 0 of 6 trials done" in run(*wish).stdout
    tell_all(spec, store, begin, numbers)
    unshown = record(*wish)
    assert unshown["training"]["is_fresh"]
    assert unshown["numbers"]["split"] == "validation", "no start has shown test numbers"
    plan = started(spec, store)
    record_shown(spec, plan, store.files)
    record_confirmed(spec, plan, store.files)
    found = record(*wish)
    assert found["training"]["median_of"] == 3
    assert found["seed"] == 3
    assert found["numbers"]["seeds"] == [2, 3, 4]
    assert found["numbers"]["split"] == "test"
    assert found["numbers"]["model"]["union_accuracy"]["value"] == pytest.approx(0.5)
    assert found["numbers"]["cell"]["union_accuracy"]["value"] == pytest.approx(0.6 - 0.1 / 3)
    assert found["sureness"]["over"] == "seeds alone", "its outcomes are of one image"
    assert "the median of 3 of its fresh trainings" in run(*wish).stdout
    other = run("--at-most", "sacrificed_accuracy=0.2", "--at-least", "union_accuracy=0.555")
    assert other.exit_code == 0


TRAINED = (
    "seeds=[0, 1]",
    "methods={pgd: {vary: {natural_weight: [0.3, 0.8]}}}",
    "validation.examples=100",
    "training.epochs=2",
)


@pytest.mark.parametrize("weights", ["last", "best"])
def test_a_copy_is_loaded_without_its_data_and_its_sweep(tmp_path: Path, weights: str) -> None:
    assignments = [*TRAINED, f"weights={weights}"]
    spec = read_sweep(tmp_path, "small", *assignments)
    do_sweep(spec)
    home = tmp_path / "a" / "home"
    home.mkdir(parents=True)  # an empty one is as good as a new one
    words = [word for each in assignments for word in ("--set", each)]
    words += ["--storage", spec.storage, "--prefer", "robustness_score=0.7"]
    found = record(*words, "--copy", home, path=tmp_path / "small.yaml")
    assert found["copy"] == str(home)
    assert found["sureness"]["over"] == "seeds and images", "the half that picks is told apart"
    assert found["sureness"]["lacking"] is None
    assert sorted(path.name for path in home.iterdir()) == sorted(FILES)
    assert [path.name for path in home.parent.iterdir()] == ["home"]

    trials = {planned.id: planned for planned in make_plan(spec, store_of(spec)).trials}
    planned = trials[found["trial_id"]]
    assert (planned.best is None) == (weights == "last")
    stored = store_of(spec).trial(planned.id).weights(best=planned.best)
    assert stored is not None
    assert found["weights"]["of"] == weights
    assert (stored.best and stored.best.epoch) == found["weights"]["best_epoch"]
    again_here = trainer.load(Path(found["weights"]["file"]).parent)
    model = trainer.load(home)
    assert not model.training
    for name, own in model.state_dict().items():
        assert torch.equal(own, stored.model[name])
        assert torch.equal(own, again_here.state_dict()[name])
    assert again_here.card is None
    again = Weights.from_bytes((home / "weights.pt").read_bytes())
    assert not {"root", "download", "cache"} & set(again.trial["data"])
    card = model.card
    assert card.trial == found["trial_id"]
    assert card.seed == found["seed"]
    trial = planned.trial
    assert card.data.training_images == len(load(trial.data, torch.device("cpu")).train)
    assert card.data.fingerprint == trial.fingerprint
    assert card.chosen.cells == 3
    assert card.chosen.sureness == found["sureness"]["share"]
    assert card.measured.split == "test"
    numbers = found["numbers"]["model"]
    assert {k: it.model_dump() for k, it in card.measured.model.items()} == numbers
    said = (home / "README.md").read_text()
    assert f"{100 * numbers['union_accuracy']['value']:.1f} %" in said
    assert card.data.fingerprint in said

    everything = b"".join(path.read_bytes() for path in home.iterdir())
    private = {str(tmp_path), str(Path.home()), socket.gethostname(), f"/{getpass.getuser()}/"}
    assert not [it for it in private if len(it) > 1 and it.encode() in everything]

    twice = run(*words, "--copy", home, path=tmp_path / "small.yaml")
    assert twice.exit_code == 2
    assert "must be a new or an empty folder" in twice.stderr


def test_an_own_network_is_copied_as_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that the file names is run unasked for who trained it here, and for nobody else."""
    (tmp_path / "my_networks.py").write_text(
        "from torch import nn\n\n\ndef small(image_shape, num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spec = read_sweep(tmp_path, "small", own := "model=my_networks:small")
    do_sweep(spec)
    words = ["--storage", spec.storage, "--set", own, "--prefer", "robustness_score=0.5"]
    record(*words, "--copy", tmp_path / "home", path=tmp_path / "small.yaml")
    assert trainer.load(tmp_path / "home").card.model["name"] == "my_networks:small"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebody_else"))
    with pytest.raises(BadInput, match="give --trust-code"):
        trainer.load(tmp_path / "home")
    assert trainer.load(tmp_path / "home", trust_code=True).card is not None
