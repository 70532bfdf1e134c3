"""What a sweep file may say of its search, and what is wrong with one, before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from orchestrator.spec.search import SearchSettings
from orchestrator.spec.sweep_spec import SweepSpec
from trainer.input.problems import BadInput

Read = Callable[..., SweepSpec]

SWEEP = """\
data: digits
search: {strategy: random, trials: 40}
methods:
  pgd: {vary: {pgd.epsilon: {min: 0.05, max: 0.3, log: true}}}
  pareto: {vary: {rho: {min: 1/10, max: 0.9}, training.epochs: {min: 5, max: 20}}}
  average: {vary: {natural_weight: [0, 0.25, 0.5]}}
  flow: {}
"""
RHO = "{min: 0.1, max: 0.9}"
REFERENCE_POINT = "hypervolume.reference=[0, 0]"


def test_ranges_take_the_kind_of_their_setting(read: Read) -> None:
    spec = read(SWEEP)
    axes = {key: axis for it in spec.space.methods.values() for key, axis in it.axes.items()}
    assert {key: axis.content for key, axis in axes.items()} == {
        "pgd.epsilon": {"min": 0.05, "max": 0.3, "log": True, "whole": False},
        "rho": {"min": 0.1, "max": 0.9, "log": False, "whole": False},
        "training.epochs": {"min": 5, "max": 20, "log": False, "whole": True},
        "natural_weight": [0, 0.25, 0.5],
    }
    assert spec.settings == tuple(axes)
    assert [cell.method for cell in spec.cells] == ["standard", "flow"]


def test_a_range_between_whole_numbers_is_of_real_ones_where_the_setting_is(read: Read) -> None:
    spec = read(SWEEP.replace("{min: 1/10, max: 0.9}", "{min: 0, max: 1}"))
    assert spec.space.methods["pareto"].axes["rho"].size is None


def test_a_cell_at_a_point_is_the_grids(read: Read) -> None:
    space = read(SWEEP).space
    cell = space.cell(space.methods["pareto"], {"rho": 0.4, "training.epochs": 7})
    grid = read("data: digits\nmethods: {pareto: {rho: 0.4, training.epochs: 7}}\n")
    assert cell.trial == grid.cells[1].trial
    assert cell.settings == {
        "pgd.epsilon": 0.2,
        "rho": 0.4,
        "training.epochs": 7,
        "natural_weight": None,
    }


def test_the_resolved_specification_reads_the_same(read: Read) -> None:
    spec = read(SWEEP)
    again = read(spec.resolved_yaml())
    assert (again.search, again.cells, again.probes) == (spec.search, spec.cells, spec.probes)
    grid = read(read("data: digits\nmethods: {flow: {}}\n").resolved_yaml())
    assert grid.search == SearchSettings()


def test_a_drawn_setting_may_be_an_objective(read: Read) -> None:
    read(SWEEP, "objectives=[robustness_score, max:training.epochs]", REFERENCE_POINT)
    with pytest.raises(BadInput, match="must be columns of numbers"):
        mixed = SWEEP.replace("flow: {}", "flow: {vary: {training.precision: [float32, tf32]}}")
        read(mixed, "objectives=[natural_accuracy, max:training.precision]", REFERENCE_POINT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "search: {strategy: tpe}\nmethods: {pareto: {rho: 0.4}}\n",
            "2: search.strategy: must be one of 'grid' or 'random', got 'tpe' …",
        ),
        (
            "search: {trials: 4}\nmethods: {pareto: {rho: 0.4}}\n",
            "2: search.trials: must not be set under strategy grid, which is all points, got 4; "
            "leave it out, or write strategy: random",
        ),
        (
            "search: {seed: 4}\nmethods: {pareto: {rho: 0.4}}\n",
            "2: search.seed: must not be set under strategy grid, which draws nothing, got 4; …",
        ),
        (
            f"methods:\n  pareto: {{vary: {{rho: {RHO}}}}}\n",
            "3: methods.pareto.vary.rho: must be a list under search.strategy grid, got the range "
            "from 0.1 to 0.9; list its values, or write search: {strategy: random, trials: ...}",
        ),
        (
            "search: {strategy: random, trials: 4}\nmethods: {pareto: {rho: 0.4}}\n",
            "2: search.strategy: must be grid where nothing varies, got random; give a method "
            "something to draw from, such as pareto: {vary: {rho: {min: 0.1, max: 0.9}}}",
        ),
        (
            f"search: {{strategy: random}}\nmethods: {{pareto: {{vary: {{rho: {RHO}}}}}}}\n",
            "2: search: must say how many trials are to be drawn, such as "
            "{strategy: random, trials: 40}",
        ),
    ],
)
def test_bad_strategy(read: Read, text: str, message: str) -> None:
    assert_refused(read, f"data: digits\n{text}", message)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("rho: {min: 0.9, max: 0.1}", "rho.min: must be below max, 0.1, got 0.9"),
        ("rho: {min: 0.5, max: 0.5}", "rho.min: must be below max, 0.5, got 0.5"),
        (
            "rho: {min: 0, max: 0.5, log: true}",
            "rho.min: must be > 0 under log: true, got 0; raise it, or leave log out",
        ),
        ("rho: {min: 0, max: .inf}", "rho.max: must be finite, got inf …"),
        ("rho: {min: small, max: 1}", "rho.min: must be a number, got 'small' …"),
        ("rho: {min: 0, max: 1e300}", "rho.max: must lie within 1e+15 of 0, got 1e+300 …"),
        ("rho: {min: 0}", "rho.max: is required …"),
        ("rho: {min: 0, max: 1, lg: true}", "rho.lg: … did you mean 'log'? …"),
        ("rho: {min: -0.1, max: 0.5}", "rho.min: must be >= 0, got -0.1 …"),
        ("rho: {min: 0.1, max: 1.5}", "rho.max: must be <= 1, got 1.5 …"),
        ("rho: [0.1, 1.5]", "rho.1: must be <= 1, got 1.5 …"),
        (
            "rho: [0.5], training.epochs: {min: 1, max: 3.5}",
            "training.epochs.max: must be a whole number, got 3.5 …",
        ),
        (
            "rho: [0.5], training.epochs: {min: 0, max: 3}",
            "training.epochs.min: must be >= 1, got 0 …",
        ),
        (
            "rho: [0.5], training.compile: {min: 0, max: 1}",
            "training.compile.min: must be true or false, got 0 …",
        ),
        (
            "rho: [0.5], training.precision: {min: 0, max: 1}",
            "training.precision.min: must be one of 'float32', 'tf32' or 'bfloat16', got 0 …",
        ),
        (
            "rho: [0.2, 0.5], integrated.rt_epsilon: {min: 0.1, max: 0.2}",
            "integrated.rt_epsilon: must change the trial, which is the same from 0.1 to 0.2; "
            "delete it, or give its value outside vary",
        ),
    ],
)
def test_bad_axis(read: Read, written: str, message: str) -> None:
    text = (
        "data: digits\nsearch: {strategy: random, trials: 4}\nmethods:\n  pareto:\n    vary: {%s}"
    )
    assert_refused(read, text % written, f"5: methods.pareto.vary.{message}")


@pytest.mark.parametrize(
    ("trials", "seeds", "methods", "message"),
    [
        (4, 3, f"pareto: {{vary: {{rho: {RHO}}}}}", "a multiple of the 3 seeds, … 3 or 6, got 4"),
        (
            *(3, 2, f"pareto: {{vary: {{rho: {RHO}}}}}, flow: {{}}, standard: {{}}"),
            "at least 4, so that each method has a cell, got 3",
        ),
        (
            *(6, 1, "pareto: {vary: {rho: [0.1, 0.5]}}, flow: {}"),
            "at most 3, which is all that the lists and ranges hold, got 6",
        ),
        (
            *(40, 2, "pareto: {rho: 0.5, vary: {training.epochs: {min: 1, max: 9}}}"),
            "at most 18, which is all that the lists and ranges hold, got 40",
        ),
        (  # the reference is among them
            *(18, 2, "standard: {vary: {training.epochs: {min: 10, max: 18}}}"),
            "at most 16, which is all that the lists and ranges hold, got 18",
        ),
        (  # two of them are one
            *(4, 1, "pareto: {vary: {rho: [0.1, 1/10, 0.5]}}, flow: {}"),
            "at most 3, which is all that the lists and ranges hold, got 4",
        ),
        (
            20_000,
            1,
            f"pareto: {{vary: {{rho: {RHO}}}}}",
            "at most 10000, or raise max_trials, got 20000",
        ),
    ],
)
def test_bad_number_of_trials(
    read: Read, *, trials: int, seeds: int, methods: str, message: str
) -> None:
    text = (
        f"data: digits\nseeds: {list(range(seeds))}\n"
        f"search: {{strategy: random, trials: {trials}}}\nmethods: {{{methods}}}\n"
    )
    assert_refused(read, text, f"3: search.trials: must be {message}")


def assert_refused(read: Read, text: str, message: str) -> None:
    """The message is all that is said (`…`: any text)."""
    with pytest.raises(BadInput) as refused:
        read(text)
    pattern = ".+".join(map(re.escape, f"sweep.yaml:{message}".replace(" …", "…").split("…")))
    assert re.fullmatch(pattern, str(refused.value)), refused.value
