"""A suite held against its sweep: what is unseen, and within which sets a claim is made."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from orchestrator.results.reevaluation import reevaluated
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from trainer.input.problems import BadInput

SUITES = Path(__file__).parents[3] / "sweeps" / "suites"
DATA = "data: {name: digits, validation: 120}\n"
MARGIN = "{loss: margin, epsilon: 0.2, step_decay: cosine, ladder: [10]}"
FLOW = "{epsilon: 0.08, step_decay: cosine, ladder: [10]}"
CLAIM = f"{{claim: true, pgd: {MARGIN}, flow: {FLOW}, rt_grid: {{epsilon: 0.1}}}}"


def sweep(folder: Path, text: str) -> SweepSpec:
    path = folder / "sweep.yaml"
    path.write_text(DATA + text)
    return read_spec(str(path), [f"storage={folder / 'runs'}"], {})


def under(spec: SweepSpec, suite: str) -> SweepSpec:
    path = Path(spec.path).with_name("suite.yaml")
    path.write_text(suite)
    return reevaluated(spec, str(path), only_front=False)


@pytest.mark.parametrize(
    ("methods", "category", "said"),
    [
        ("pgd: {}", "more: {attack: pgd, epsilon: 0.3, ladder: [5], unseen: true}", "pgd trains"),
        (
            "average: {vary: {attack_names: [[flow], [pgd, rt]]}}",
            "grid: {attack: rt_grid, epsilon: 0.2, unseen: true}",
            "rotation-translation, on which average trains as rt",
        ),
        (
            "integrated: {}",
            "more: {attack: flow, epsilon: 0.1, ladder: [5], unseen: true}",
            "flow, on which integrated trains as integrated",
        ),
        (
            "mine: {method: pgd, pgd.norm: l2, pgd.epsilon: 1, pgd.step_size: null}",
            "two: {attack: pgd, norm: l2, epsilon: 0.5, ladder: [5], unseen: true}",
            "l2 pixels, on which mine trains as pgd",
        ),
    ],
)
def test_what_a_method_trains_on_is_not_unseen(
    tmp_path: Path, methods: str, category: str, said: str
) -> None:
    text = f"methods: {{{methods}}}\n"
    plain = sweep(tmp_path, text)
    label = category.partition(":")[0]
    for read in (
        lambda: sweep(tmp_path, f"{text}evaluation: {{{category}}}\n"),
        lambda: under(plain, f"{{pgd: {{epsilon: 0.2, ladder: [5]}}, {category}}}"),
    ):
        with pytest.raises(BadInput) as raised:
            read()
        message = str(raised.value)
        assert f"{label}.unseen: must be false where a method trains on the same threat" in message
        assert said in message
        assert "leave unseen out" in message


def test_other_norms_and_what_only_other_methods_meet_are_unseen(tmp_path: Path) -> None:
    spec = sweep(
        tmp_path,
        "methods: {pgd: {}, average: {attack_names: [pgd, flow]}}\n"
        "evaluation:\n"
        "  rt: {unseen: true}\n"
        "  two: {attack: pgd, norm: l2, epsilon: 0.5, ladder: [5], unseen: true}\n"
        "  both: {attack: integrated, rt_epsilon: 0.1, flow_epsilon: 0.1, ladder: [5],"
        " unseen: true}\n",
    )
    assert spec.suite.unseen == ("rt", "two", "both")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("epsilon: 0.2,", "epsilon: 0.3,"), "pgd: must be within the sweep's own threat"),
        (("epsilon: 0.2,", "epsilon: 0.3,"), "has epsilon 0.2 (pgd)"),
        (("{epsilon: 0.1}", "{degrees: 30, pixels: 3}"), "has epsilon 0.1, padding zeros (rt)"),
        ((f"flow: {FLOW}, ", ""), "got true without flow"),
        (
            (
                f"flow: {FLOW}, ",
                f"flow: {FLOW}, more: {FLOW}".replace(
                    "more: {", "more: {attack: flow, padding: border, "
                )
                + ", ",
            ),
            "one set for the threat flow",
        ),
    ],
)
def test_a_claim_is_about_the_threats_of_the_sweep(
    tmp_path: Path, changes: tuple[str, str], said: str
) -> None:
    spec = sweep(tmp_path, "methods: {pgd: {}}\n")
    assert under(spec, CLAIM).suite.claim
    other = CLAIM.replace(*changes)
    assert other != CLAIM
    with pytest.raises(BadInput) as raised:
        under(spec, other)
    assert said in str(raised.value)
    assert "leave claim out" in str(raised.value)
    assert not under(spec, other.replace("claim: true", "claim: false")).suite.claim


def test_a_threat_that_the_sweep_does_not_name_has_the_presets_radius(tmp_path: Path) -> None:
    spec = sweep(tmp_path, "methods: {pgd: {}}\nevaluation: {flow: null, pgd: {epsilon: 0.3}}\n")
    own_radius = CLAIM.replace("epsilon: 0.2", "epsilon: 0.3")
    assert under(spec, own_radius).suite.claim
    with pytest.raises(BadInput, match=r"the preset has epsilon 0\.08, padding zeros \(flow\)"):
        under(spec, own_radius.replace("0.08", "0.07"))
    both = "rt_epsilon: 1, flow_epsilon: 1, step_decay: cosine, ladder: [5]"
    own_radius = own_radius.replace("{claim", f"{{integrated: {{{both}}}, claim")
    assert under(spec, own_radius).suite.claim  # the preset has none of it


@pytest.mark.skipif(importlib.util.find_spec("pyautoattack") is None, reason="no AutoAttack")
@pytest.mark.parametrize(
    ("stem", "names"),
    [
        ("digits", ["quickstart", "comparison_digits", "random_digits"]),
        ("mnist", ["front_mnist", "laptop_mnist"]),
        ("fashion", ["comparison_fashion"]),
        ("cifar", ["front_cifar"]),
    ],
)
def test_claim_suites_fit_the_sweeps_that_come_along(
    tmp_path: Path, stem: str, names: list[str]
) -> None:
    for name in names:
        path = SUITES.parent / f"{name}.yaml"
        spec = read_spec(str(path), [f"storage={tmp_path / 'runs'}"], {})
        suite = SUITES / f"claim_{stem}.yaml"
        assert reevaluated(spec, str(suite), only_front=False).suite.claim
