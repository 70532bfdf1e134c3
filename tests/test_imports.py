"""The house: who may import whom, in no circle, in modules of a readable size."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.workshop.picture import PICTURE
from tests.workshop.rooms import MODULES, ROOMS, ROOT, room_of

MAX_LINES = 400


TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}

ONLY_IN = {
    "ray": "orchestrator.execution.",
    "mlflow": "orchestrator.tracking.",
    "pymoo": "orchestrator.pareto.dominance",
    "moocore": "orchestrator.pareto.attainment",
    "altair": "orchestrator.page.charts",
    "vl_convert": "orchestrator.page.document",
    "jinja2": "orchestrator.page.document",
}
"""What is used in one room alone; the prefix of the modules that are that room."""

NOT_IN_TRAINER = {"orchestrator", "ray", "mlflow", "optuna", "pymoo"}


def imported_by(tree: ast.Module) -> Iterator[str]:
    """Every dotted name that is imported anywhere in a module, within functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_imported_by(tree: ast.Module) -> set[str]:
    """Modules of the project: that of the name itself, else the one that the name is taken from."""
    candidates = ((name, name.rpartition(".")[0]) for name in imported_by(tree))
    found = (next((m for m in pair if m in MODULES), None) for pair in candidates)
    return {module for module in found if module is not None}


def dotted(node: ast.expr) -> str:
    """`torch.load` for the attribute of a name, else an empty text."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""


def calls(tree: ast.Module) -> Iterator[tuple[str, dict[str, str]]]:
    """Each call of `module.function`, with its keyword arguments as they are written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            arguments = {k.arg: ast.unparse(k.value) for k in node.keywords if k.arg}
            yield dotted(node.func), arguments


def test_there_are_modules_to_look_at() -> None:
    assert {"trainer.training.loop", "trainer.attacks.ascent", "orchestrator.sweep"} <= set(MODULES)


def test_the_trainer_stands_alone() -> None:
    roots = {
        name: {imported.partition(".")[0] for imported in imported_by(tree)}
        for name, tree in TREES.items()
        if name.startswith("trainer")
    }
    assert {
        name: found & NOT_IN_TRAINER for name, found in roots.items() if found & NOT_IN_TRAINER
    } == {}


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_used_in_its_room_alone(library: str) -> None:
    users = {
        name
        for name, tree in TREES.items()
        if library in {imported.partition(".")[0] for imported in imported_by(tree)}
    }
    assert users, f"{library} is imported nowhere: is this test out of date?"
    assert {name for name in users if not name.startswith(ONLY_IN[library])} == set()


DRAWS = "trainer.explanation.picture"
"""The one module of the trainer that draws, and imports matplotlib when it does."""


def test_the_trainer_draws_in_one_module() -> None:
    users = {
        name
        for name, tree in TREES.items()
        if name.startswith("trainer.")
        and any(imported.startswith("matplotlib") for imported in imported_by(tree))
    }
    assert users == {DRAWS}


INSIDE = sorted(MODULES.keys() - {"orchestrator", "trainer"})


def test_every_room_stands_above_what_it_imports() -> None:
    height = {room: -row for row, room in enumerate(ROOMS)}
    for name, room in ROOMS.items():
        assert room.imports <= height.keys(), name
        assert all(height[other] < height[name] for other in room.imports), name


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_the_rooms_that_it_is_said_to(room: str) -> None:
    imported = {
        room_of(other)
        for module in INSIDE
        if room_of(module) == room
        for other in modules_imported_by(TREES[module])
    }
    assert imported - {room} == ROOMS[room].imports


def test_the_picture_shows_every_room() -> None:
    shown = re.findall(r'data-room="([\w.]+)"', PICTURE.read_text())
    remedy = "place it in tests/workshop/picture.py, then: python -m tests.workshop.picture"
    assert sorted(shown) == sorted(ROOMS), remedy


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = TopologicalSorter({name: modules_imported_by(tree) for name, tree in TREES.items()})
    try:
        graph.prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_a_module_is_one_concept_long() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    long = {name: count for name, count in lines.items() if count > MAX_LINES}
    assert long == {}, "ask whether two concepts live there"


def test_every_module_can_be_imported() -> None:
    for name in sorted(MODULES):
        importlib.import_module(name)


@pytest.mark.slow
def test_the_trainer_loads_without_the_orchestrators_libraries() -> None:
    """In a process of its own, since this one has long imported them."""
    names = [name for name in MODULES if name.startswith("trainer")]
    script = (
        f"import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(sorted({NOT_IN_TRAINER | {'matplotlib'}!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_from_outside_is_run(name: str) -> None:
    """Neither a pickle nor a YAML tag: files come from users and from shared storage."""
    for function, arguments in calls(TREES[name]):
        if function == "torch.load":
            assert arguments.get("weights_only") == "True"
        if function in {"numpy.load", "np.load"}:
            assert arguments.get("allow_pickle") == "False"
        if function in {"yaml.load", "yaml.load_all", "yaml.parse", "yaml.compose", "yaml.scan"}:
            assert arguments.get("Loader") in {"yaml.SafeLoader", "yaml.CSafeLoader"}
        assert function not in {"yaml.unsafe_load", "yaml.full_load", "os.system"}
        assert function not in {"pickle.load", "pickle.loads"}
    pickles = {"cloudpickle", "dill", "joblib", "shelve"}
    if name != "trainer.data.cifar":  # published as pickles; its unpickler makes arrays alone
        pickles.add("pickle")
    assert not {imported.partition(".")[0] for imported in imported_by(TREES[name])} & pickles


def test_no_drawer() -> None:
    """A module names a concept."""
    drawers = {"utils", "helpers", "common", "misc", "util", "helper"}
    assert [name for name in MODULES if set(name.split(".")) & drawers] == []
