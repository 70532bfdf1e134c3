"""Settings that differ between sweeps and between methods."""

from __future__ import annotations

from pathlib import Path

from orchestrator.spec.differing import between_methods, between_sweeps
from orchestrator.spec.sweep_spec import SweepSpec, read_spec
from tests.orchestrator.spec.test_contrasts import FILE


def spec(tmp_path: Path, name: str, *assignments: str) -> SweepSpec:
    path = tmp_path / f"{name}.yaml"
    path.write_text(FILE)
    return read_spec(str(path), [f"storage={tmp_path}", *assignments], {})


def test_what_changes_a_result_is_listed_by_key(tmp_path: Path) -> None:
    found = between_sweeps(
        spec(tmp_path, "a", "resources.cpu=2", "training.epochs=3"),
        spec(
            tmp_path,
            "b",
            "training.epochs=4",
            "seeds=[0, 1]",
            "evaluation.pgd.epsilon=0.3",
            "methods.average={natural_weight: 0.5}",
            "stopping={collapse: {epochs: 2}}",
        ),
    )
    by_key = {it.key: (it.first, it.second) for it in found}
    assert by_key["training.epochs"] == (3, 4)
    assert by_key["seeds"] == ([0], [0, 1])
    assert by_key["evaluation.pgd.epsilon"][1] == 0.3
    assert by_key["methods.average.natural_weight"] == (None, 0.5)
    assert by_key["stopping.collapse.epochs"] == (None, 2)
    assert not any(key.startswith(("resources", "storage", "name")) for key in by_key)
    assert [it.key for it in found if it.is_measure] == ["evaluation.pgd.epsilon"]


def test_equal_sweeps_differ_in_nothing(tmp_path: Path) -> None:
    assert between_sweeps(spec(tmp_path, "a"), spec(tmp_path, "b", "budget.hours=1")) == []


def test_methods_differ_by_what_they_are_and_set(tmp_path: Path) -> None:
    its = spec(tmp_path, "a", "methods.average={natural_weight: 0.5}")
    found = [(it.key, it.first, it.second) for it in between_methods(its, "pareto", "average")]
    assert found == [
        ("method", "pareto", "average"),
        ("vary.rho", [0.3, 0.6], None),
        ("natural_weight", None, 0.5),
    ]
    assert between_methods(its, "pgd", "standard")[0].second == "standard"
