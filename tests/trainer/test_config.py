"""A trial: what it is, when two are the same, and what is said of a document that is none."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from trainer.attacks import PGD, Flow
from trainer.config import Trial, preset, read_trial, with_preset
from trainer.data.settings import Name
from trainer.evaluation.suite import read_suite
from trainer.input.document import Document
from trainer.input.problems import BadInput
from trainer.methods import METHODS, Adversarial, Average, Pareto
from trainer.training.passes_ahead import within_cap


def _radii(**radii: float) -> dict[str, dict[str, float]]:
    return {label: {"epsilon": epsilon} for label, epsilon in radii.items()}


GOLDEN_IDS = {
    "digits, standard": "tb13efd2993916ea1",
    "digits, average": "t1e87faff7fea715b",
    "cifar10, pareto": "t54898e7d41ef40d8",
    "mnist, pgd": "t5f31e9bce2df37e2",
    "digits, weighted": "t5ee184f699ac6a67",
}
"""A changed id orphans every result that users have of that trial: add a field with the default
that it had before it was one, or raise a `version`, which changes the ids of what it is of. All
changed once, when what validation looks at left them, since weights do not depend on it: two sweeps
that differ in that alone now share their models, and storages are read by the ids below, too."""

EARLIER_IDS = {
    "digits, standard": "t08d3e3f4fa6127d8",
    "digits, average": "t0fade116b84d3d1b",
    "cifar10, pareto": "td53bf0556aed0f1e",
    "mnist, pgd": "t37baea879a8b3e0a",
    "digits, weighted": "t2e20818ceb908d4b",
}
"""Ids that the same trials had before."""

PINNED: dict[str, dict[str, Any]] = {
    "digits": {
        "data": {"name": "digits", "validation": 180},
        "training": {"attacks": _radii(flow=0.15, rt=0.25)},
        "validation": {"attacks": _radii(flow=0.15, rt=0.25)},
    },
    "cifar10": {"data": {"name": "cifar10", "validation": 5000}},
    "mnist": {"data": {"name": "mnist", "validation": 5000}},
}
"""What golden ids are of and presets have changed since; a preset is no part of a trial."""


def trial_of(**sections: Any) -> Trial:
    """A trial over the preset of its data set, the seed and the data's fingerprint made up."""
    made_up = {"fingerprint": "0123456789abcdef", "seed": 3}
    return read_trial(with_preset(Document.from_plain(made_up | sections, "trial.yaml:1")))


def again(trial: Trial) -> Trial:
    return read_trial(Document.from_plain(trial.record(), "record"))


def problem_of(**sections: Any) -> str:
    with pytest.raises(BadInput) as caught:
        trial_of(**sections)
    return str(caught.value)


@pytest.mark.parametrize("section", ["training", "validation"])
def test_labels_of_attacks_are_no_formulas_nor_orders(section: str) -> None:
    for name in ("=1+1", "a\x1b[31m", " pgd"):
        attacks = {"attacks": {name: {"attack": "pgd"}}}
        problem = problem_of(data="digits", method={"method": "standard"}, **{section: attacks})
        assert "must have a label" in problem
        assert problem.isprintable()


# Ids


@pytest.mark.parametrize(
    ("name", "data", "method"),
    [
        ("digits, standard", "digits", {"method": "standard"}),
        ("digits, average", "digits", {"method": "average", "natural_weight": 0.25}),
        ("cifar10, pareto", "cifar10", {"method": "pareto", "rho": 0.4}),
        ("mnist, pgd", "mnist", {"method": "pgd"}),
        (
            "digits, weighted",
            "digits",
            {"method": "weighted", "weights": {"rt": "1/4", "pgd": 0, "natural": 0.75}},
        ),
    ],
)
def test_golden_ids(name: str, data: str, method: dict[str, object]) -> None:
    trial = trial_of(**PINNED[data], method=method)
    assert trial.id == GOLDEN_IDS[name]
    assert trial.earlier_id == EARLIER_IDS[name]


def test_a_trial_from_anothers_weights_has_that_ones_id_in_its_own() -> None:
    sections: dict[str, Any] = {**PINNED["digits"], "method": {"method": "standard"}}
    alone = trial_of(**sections)
    assert "start" not in alone.content(), "no id of before there were any has changed"
    derived = trial_of(**sections, start={"trial": alone.id})
    assert derived.id == "t174b5db0f8a04c98"  # golden
    before = trial_of(**sections, start={"trial": alone.earlier_id})
    assert before.earlier_id == "t85737ef61e59974b"  # golden
    assert again(derived) == derived
    problem = problem_of(**sections, start={"trial": "pgd"})
    assert "start.trial" in problem


def test_a_replay_has_its_parents_id_in_its_own() -> None:
    sections: dict[str, Any] = {"method": {"method": "pareto", "rho": 0.4}, **PINNED["digits"]}
    alone = trial_of(**sections)
    assert "replay" not in alone.content(), "no id of before there were any has changed"
    replayed = trial_of(**sections, replay={"trial": alone.id})
    mean = trial_of(**sections, replay={"trial": alone.id, "mean": True})
    assert (replayed.id, mean.id) == ("ta3a80182c9722b94", "t298553e3c18b6e71")  # golden
    before = [
        trial_of(**sections, replay={"trial": alone.earlier_id, "mean": is_mean}).earlier_id
        for is_mean in (False, True)
    ]
    assert before == ["t9d31dd53bd08114b", "t600acd192f10a6c6"]  # golden
    assert again(mean) == mean
    assert replayed.parents == (alone.id,)
    assert mean.derivation == f"under the mean schedule of {alone.id}"


def _with(sections: dict[str, Any], **changed: dict[str, Any]) -> dict[str, Any]:
    return sections | {name: sections[name] | values for name, values in changed.items()}


def test_a_family_differs_in_its_length_alone() -> None:
    sections = {**PINNED["digits"], "method": {"method": "pareto", "rho": 0.4}}
    trial = trial_of(**sections)
    assert trial.family == "fda3c925462147bca"  # golden, as the ids are
    longer = trial_of(**_with(sections, training={"epochs": 99}))
    assert longer.family == trial.family
    assert longer.id != trial.id
    others = [
        trial_of(**sections, seed=4),
        trial_of(**sections, fingerprint="another"),
        trial_of(**_with(sections, training={"batch_size": 32})),
        trial_of(**_with(sections, training={"optimiser": {"learning_rate": 0.001}})),
        trial_of(**_with(sections, validation={"every": 2})),
        trial_of(**sections | {"method": {"method": "pareto", "rho": 0.5}}),
    ]
    families = {trial.family, *(other.family for other in others)}
    assert len(families) == 1 + len(others)


def test_what_validation_looks_at_has_a_name_of_its_own() -> None:
    sections = {**PINNED["digits"], "method": {"method": "standard"}}
    trial = trial_of(**sections)
    assert (
        trial.validation_id == "v51ebaa5e2ae1e823"
    )  # golden: what is kept by it outlives a version
    same = trial_of(**_with(sections, training={"epochs": 99}), seed=4)
    assert same.validation_id == trial.validation_id == again(trial).validation_id
    others = [
        trial_of(**_with(sections, validation=changed))
        for changed in (
            {"every": 2},
            {"examples": 100},
            {"attacks": {"rt": None}},
            {"attacks": {"rt": {"epsilon": 0.2}}},
        )
    ]
    assert len({trial.validation_id, *(other.validation_id for other in others)}) == 5


def test_content_is_all_that_determines_the_result() -> None:
    trial = trial_of(
        data={"name": "digits", "root": "/somewhere", "validation": 100},
        method={"method": "rt", "natural_weight": 0.5},
        training={"epochs": 2, "attacks": {"rt": {"epsilon": "1/4", "padding": "border"}}},
        validation={"attacks": {"flow": None, "rt": None}},
    )
    assert trial.content() == {
        "semantics": 1,
        "fingerprint": "0123456789abcdef",
        "seed": 3,
        "data": {"name": "digits", "validation": 100},
        "model": {"name": "cnn", "channels": [16, 32], "kernel_size": 3, "hidden": 64},
        "method": {"kind": "adversarial", "version": 1, "attack": "rt", "natural_weight": 0.5},
        "attacks": {
            "rt": {"kind": "rt", "version": 1, "num_steps": 7, "epsilon": 0.25, "padding": "border"}
        },
        "training": {"epochs": 2, "batch_size": 64, "optimiser": {"learning_rate": 0.002}},
    }
    assert trial.content_with_validation() == trial.content() | {
        "validation": {},
        "validation_attacks": {
            "pgd": {"kind": "pgd", "version": 1, "num_steps": 7, "epsilon": 0.2}
        },
    }


DIFFERENCES: list[dict[str, Any]] = [
    {"seed": 4},
    {"fingerprint": "another"},
    {"data": {"train_examples": 100}},
    {"data": {"split_seed": 1}},
    {"model": {"hidden": 65}},
    {"method": {"rho": 0.5}},
    {"method": {"window": 49}},
    {"method": {"attack_names": ["pgd", "rt"]}},
    {"method": {"attack_names": ["flow", "pgd", "rt"]}},
    {"training": {"epochs": 16}},
    {"training": {"batch_size": 65}},
    {"training": {"precision": "bfloat16"}},
    {"training": {"batch_norm": "separate"}},
    {"training": {"epsilon_warmup": 1}},
    {"training": {"radius_scale": 0.5}},
    {"training": {"label_smoothing": 0.1}},
    {"method": {"moments": "means"}},
    {"training": {"optimiser": {"weight_decay": 1e-4}}},
    {"training": {"attacks": {"pgd": {"epsilon": 0.21}}}},
    {"training": {"attacks": {"flow": {"padding": "border"}}}},
    {"training": {"attacks": {"rt": {"num_restarts": 2}}}},
    {"training": {"attacks": {"pgd": {"loss": "margin"}}}},
]


def pareto_on_digits(**changes: Any) -> Trial:
    base = {"data": {"name": "digits"}, "method": {"method": "pareto", "rho": 0.4}}
    document = Document.from_plain(changes, "a").merged_over(Document.from_plain(base, "b"))
    return trial_of(**document.value)


def test_whatever_determines_the_result_changes_the_id() -> None:
    base = preset("digits").section("model").value
    ids = [pareto_on_digits(model=base).id]
    for change in DIFFERENCES:
        model = {"model": base | change.get("model", {})}
        ids.append(pareto_on_digits(**(change | model)).id)
    assert len(set(ids)) == len(DIFFERENCES) + 1


@pytest.mark.parametrize(
    "sections",
    [
        {"data": {"root": "/elsewhere", "download": True, "cache": "/cache"}},
        {"training": {"attacks": {"pgd": {"epsilon": "1/5"}}}},
        {"training": {"attacks": {"pgd": {"num_restarts": 1, "random_start": True}}}},
        {"training": {"attacks": {"pgd": {"attack": "pgd"}}}},
        {"training": {"attacks": {"strong": {"attack": "pgd", "epsilon": 1, "num_steps": 99}}}},
        {"training": {"attacks": {"integrated": {"rt_epsilon": 0.9}}}},
        {"training": {"attacks": {"integrated": None}}},
        {"training": {"epsilon_warmup": 0, "precision": "float32"}},
        {"method": {"attack_names": ["pgd", "flow", "rt"], "window": 50}},
        {"validation": {"examples": 100, "every": 2}},
        {"validation": {"attacks": {"pgd": {"epsilon": 0.9}, "rt": None}}},
    ],
)
def test_what_does_not_determine_the_result_leaves_the_id(sections: dict[str, Any]) -> None:
    assert pareto_on_digits(**sections).id == pareto_on_digits().id


def test_the_standard_trial_does_not_know_of_attacks_in_training() -> None:
    """So that one reference serves every strength of a sweep."""
    base = trial_of(data="digits", method={"method": "standard"})
    attacks = {"pgd": {"epsilon": 0.9}, "flow": {"num_steps": 3}, "rt": None}
    assert base.attacks == {}
    changed = trial_of(data="digits", method={"method": "standard"}, training={"attacks": attacks})
    assert changed.id == base.id


def test_the_version_of_a_meaning_is_in_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [pareto_on_digits().id]
    for owner in (Pareto, PGD):
        with monkeypatch.context() as patch:
            patch.setattr(owner, "version", owner.version + 1)
            ids.append(pareto_on_digits().id)
    with monkeypatch.context() as patch:
        patch.setattr("trainer.config.SEMANTICS", 2)
        ids.append(pareto_on_digits().id)
    assert len(set(ids)) == 4


# Records


@pytest.mark.parametrize("sections", [{}, *DIFFERENCES])
def test_a_record_reads_back_as_the_same_trial(sections: dict[str, Any]) -> None:
    if "model" in sections:
        sections = {"model": {"name": "cnn", **sections["model"]}}
    trial = pareto_on_digits(**sections)
    assert again(trial) == trial
    assert again(trial).id == trial.id


@pytest.mark.parametrize("data", [*get_args(Name)])
@pytest.mark.parametrize("method", [*METHODS, "pgd", "flow", "rt", "integrated"])
def test_every_preset_is_a_trial_of_every_method(data: str, method: str) -> None:
    required: dict[str, dict[str, Any]] = {
        "pareto": {"rho": 0.4},
        "adversarial": {"attack": "flow"},
        "weighted": {"weights": {"natural": 0.5, "rt": 0.5}},
    }
    settings = required.get(method, {})
    trial = trial_of(data=data, method={"method": method, **settings})
    assert again(trial).id == trial.id
    assert set(trial.validation_attacks) == {"pgd", "flow", "rt"}
    assert set(trial.attacks) == set(trial.method.attacks())


@pytest.mark.parametrize("data", [*get_args(Name)])
def test_every_preset_has_a_suite(data: str) -> None:
    suite = read_suite(preset(data).section("evaluation"))
    assert list(suite.categories) == ["pgd", "flow", "rt"]


def test_the_presets_are_those_of_the_data_sets() -> None:
    written = yaml.safe_load((files("trainer") / "presets.yaml").read_text())
    assert set(written) == {*get_args(Name), "other"}


def test_presets_have_the_literatures_strengths() -> None:
    cifar = trial_of(data="cifar10", method={"method": "pgd"})
    assert cifar.attacks["pgd"] == PGD(epsilon=8 / 255, step_size=2 / 255, num_steps=10)
    assert cifar.data.augmentation == "crop_flip"
    mnist = trial_of(data="mnist", method={"method": "flow"})
    assert mnist.attacks["flow"] == Flow(epsilon=0.1, num_steps=10)
    assert preset("mnist").value == preset("fashion_mnist").value


# Methods by name


def test_a_method_named_like_an_attack_is_adversarial_training_on_it() -> None:
    short = trial_of(data="digits", method={"method": "flow", "natural_weight": 0.2})
    long = trial_of(
        data="digits", method={"method": "adversarial", "attack": "flow", "natural_weight": 0.2}
    )
    assert short.method == Adversarial(attack="flow", natural_weight=0.2)
    assert short.id == long.id


def test_an_attack_of_ones_own_label_is_a_method_too() -> None:
    strong = {"attack": "pgd", "epsilon": 0.4, "num_steps": 3}
    trial = trial_of(
        data="digits", method={"method": "strong"}, training={"attacks": {"strong": strong}}
    )
    assert trial.method == Adversarial(attack="strong")
    assert trial.attacks == {"strong": PGD(epsilon=0.4, num_steps=3)}
    assert trial.content()["attacks"]["strong"]["kind"] == "pgd"


def test_attacks_are_those_of_the_method() -> None:
    trial = trial_of(data="digits", method={"method": "average", "attack_names": ["rt", "pgd"]})
    assert trial.method == Average(attack_names=("rt", "pgd"))
    assert sorted(trial.attacks) == ["pgd", "rt"]


OWN = """
from torch import Tensor, nn
from trainer.attacks import Attack
from trainer.methods import Average, Method

class Grey(Attack):
    depth: float = 0.5

    def search(self, model: nn.Module, images: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        return images * (1 - self.depth)

class Mean(Average):
    version = 7

class Unfinished(Method):
    pass

class Faulty(Average):
    def weighting(self):
        raise ZeroDivisionError("no weights")

def build() -> None:
    pass
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "grey_attacks.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return "grey_attacks"


def test_a_weighting_that_fails_is_blamed_on_its_method(own_module: str) -> None:
    """Where a trial is read or its passes are counted, before the method is tried."""
    method = {"method": f"{own_module}:Faulty"}
    with pytest.raises(BadInput, match=r": method: the code of Faulty must run .*no weights"):
        trial_of(data="digits", method=method, training={"compile": True})
    trial = trial_of(data="digits", method=method, training={"max_passes": 10**9})
    with pytest.raises(ValueError, match="the code of Faulty must run"):
        within_cap(trial, examples=100, before=0)


def test_ones_own_attack_and_method_are_part_of_the_trial(own_module: str) -> None:
    grey = {"attack": f"{own_module}:Grey", "depth": 0.25}
    trial = trial_of(
        data="digits",
        method={"method": f"{own_module}:Mean", "attack_names": ["grey"]},
        training={"attacks": {"grey": grey}},
        validation={"attacks": {"grey": grey}},
    )
    assert trial.content()["method"] == {
        "kind": "grey_attacks:Mean",
        "version": 7,
        "attack_names": ["grey"],
    }
    described = {"kind": "grey_attacks:Grey", "version": 1, "depth": 0.25}
    assert trial.content()["attacks"] == {"grey": described}
    assert trial.content_with_validation()["validation_attacks"]["grey"] == described
    assert again(trial) == trial
    assert again(trial).id == trial.id


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("build", ["training.attacks.grey.attack", "a subclass of trainer.attacks.Attack"]),
        ("Mean", ["a subclass of trainer.attacks.Attack", "'grey_attacks:Mean'"]),
        ("Missing", ["must name an importable attack", "'grey_attacks:Missing'"]),
    ],
)
def test_what_is_no_attack_is_refused(own_module: str, name: str, pieces: list[str]) -> None:
    message = problem_of(
        data="digits",
        method={"method": "standard"},
        training={"attacks": {"grey": {"attack": f"{own_module}:{name}"}}},
    )
    for piece in pieces:
        assert piece in message


def test_a_method_must_define_what_is_abstract(own_module: str) -> None:
    message = problem_of(data="digits", method={"method": f"{own_module}:Unfinished"})
    assert "method.method: must name a subclass of trainer.methods.Method that defines" in message


# What is refused


@pytest.mark.parametrize(
    ("sections", "pieces"),
    [
        (
            {"method": {"method": "paretto"}},
            ["method.method", "'paretto'", "did you mean 'pareto'"],
        ),
        ({"method": {"method": "pdg"}}, ["known method", "did you mean 'pgd'", "average"]),
        ({"method": {"method": 3}}, ["method.method", "must be the name of a known method"]),
        ({"method": {"method": "pareto"}}, ["method", "exactly one of r"]),
        ({"method": {"method": "pareto", "roh": 0.4}}, ["method.roh", "did you mean 'rho'"]),
        ({"method": {"method": "standard", "rho": 0.4}}, ["method.rho", "not a known key"]),
        ({"data": "minst"}, ["data", "'minst'", "did you mean 'mnist'"]),
        ({"model": "ccn"}, ["model", "'ccn'", "did you mean 'cnn'"]),
        ({"model": {"name": "cnn", "hiden": 3}}, ["model", "'hiden'", "did you mean 'hidden'"]),
        ({"seed": -1}, ["seed", "must be >= 0", "got -1"]),
        ({"seed": 2**31}, ["seed", "must be < 2147483648"]),
        ({"training": {"epochs": 0}}, ["training.epochs", "must be >= 1", "got 0"]),
        ({"training": {"epoch": 3}}, ["training.epoch", "did you mean 'epochs'"]),
        (
            {"training": {"attacks": {"pgd": {"epsilon": -1}}}},
            ["training.attacks.pgd.epsilon", "must be >= 0", "got -1", "8/255"],
        ),
        (
            {"training": {"attacks": {"pdg": {"epsilon": 1}}}},
            ["training.attacks.pdg.attack", "known attack, got 'pdg'", "did you mean 'pgd'"],
        ),
        (
            {"training": {"attacks": {"mine": {"attack": 3}}}},
            ["training.attacks.mine.attack", "must be the name of a known attack"],
        ),
        (
            {"method": {"method": "pareto", "rho": 0.4}, "training": {"attacks": {"rt": None}}},
            ["1: method: must train with", "got rt;", "described: pgd, flow, integrated"],
        ),
        (
            {"method": {"method": "adversarial", "attack": "strong"}},
            ["1: method: must train with", "got strong;", "described: pgd, flow, rt, int"],
        ),
        ({"validation": {"every": 0}}, ["validation.every", "must be >= 1"]),
    ],
)
def test_errors_say_where_what_and_what_instead(
    sections: dict[str, Any], pieces: list[str]
) -> None:
    message = problem_of(**({"data": "digits", "method": {"method": "standard"}} | sections))
    for piece in ["trial.yaml:1", *pieces]:
        assert piece in message


def test_data_of_ones_own_need_a_model() -> None:
    message = problem_of(data="mine:source", method={"method": "standard"})
    assert "model: is required" in message
    trial = trial_of(data="mine:source", model="preact_resnet18", method={"method": "standard"})
    assert trial.model.name == "preact_resnet18"
    assert trial.attacks == trial.validation_attacks == {}


def test_another_network_takes_no_option_of_the_presets() -> None:
    trial = trial_of(data="digits", model="cnn", method={"method": "standard"})
    assert trial.model.options == {"channels": (32, 64), "kernel_size": 5, "hidden": 1024}


def test_a_small_trial_is_what_the_other_tests_take_it_for(
    small_trial: Callable[..., Trial],
) -> None:
    trial = small_trial(method={"method": "pareto", "rho": 0.4})
    assert {attack.num_steps for attack in trial.attacks.values()} == {2}
    assert trial.data.train_examples == 160
