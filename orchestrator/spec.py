"""The meaning of a sweep file: which trials, on what, measured how, kept where."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, Strict

from orchestrator.objectives import (
    DEFAULT_OBJECTIVES,
    Objective,
    ObjectiveError,
    default_reference_point,
    parse_objectives,
)
from trainer.config import Trial, read_trial, with_preset
from trainer.document import Document
from trainer.evaluation import Suite, read_suite
from trainer.problems import redacted
from trainer.settings import Count, NonNegative, Positive, Reals, Settings
from trainer.yaml_nodes import to_yaml

MAX_NAME_BYTES = 100
REFERENCE = "standard"
"""The method whose trials scores are taken against; each sweep has one for each seed."""


def _safe_file_name(name: str) -> str:
    problem = None
    if name in {"", ".", ".."} or "/" in name or "\\" in name:
        problem = "must be a file name of its own"
    elif not name.isprintable():
        problem = "must hold printable characters only"
    elif name.startswith(("-", ".")) or name != name.strip():
        problem = "must not begin with '-' or '.', nor begin or end with a space"
    elif len(name.encode()) > MAX_NAME_BYTES:
        problem = f"must have at most {MAX_NAME_BYTES} bytes in UTF-8"
    if problem:
        raise ValueError(problem)
    return name


class Resources(Settings):
    """What one trial occupies while it runs."""

    cpu: Positive = Field(1.0, description="cores a trial; its threads, rounded up")
    gpu: NonNegative = Field(0.0, description="GPUs a trial; 0.5 lets two trials share one")


class HypervolumeSettings(Settings):
    """How the hypervolume is measured."""

    reference: Reals | None = Field(
        None, description="the worst point, in the objectives' own units and order"
    )


class _SweepFile(Settings):
    """The keys of a sweep file. Sections of type Any are read by those who know them."""

    name: Annotated[str, AfterValidator(_safe_file_name)] = Field(
        description="of the sweep: a folder of the storage and an MLflow experiment"
    )
    data: Any
    model: Any
    training: Any
    validation: Any
    methods: Any
    evaluation: Any
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=2**31)], ...],
        Strict(False),
        Field(min_length=1, description="of every cell; three or more to judge by"),
    ] = (0,)
    objectives: Annotated[tuple[str, ...], Strict(False)] = Field(
        DEFAULT_OBJECTIVES, description="columns of trials.csv, or min:COLUMN, max:COLUMN"
    )
    hypervolume: HypervolumeSettings = HypervolumeSettings()
    resources: Resources = Resources()
    storage: str = Field("runs", description="folder that keeps trials and sweeps")
    tracking: str = Field("sqlite", description="MLflow tracking URI, sqlite, or none")
    retries: Annotated[int, Field(ge=0)] = Field(
        2, description="of a trial whose worker died, from its last checkpoint"
    )
    max_trials: Count = Field(10_000, description="a larger grid is refused as a slip")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point of a method's grid: trials that differ in their seed alone."""

    method: str  # label in the sweep file
    trial: Trial  # of the first seed; its fingerprint is not yet known
    settings: Mapping[str, Any]  # by setting that varies anywhere in the sweep; None: not in use


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """A sweep file, understood."""

    name: str
    path: str
    document: Document  # resolved: every default in it
    cells: tuple[Cell, ...]  # the reference first
    settings: tuple[str, ...]  # that vary, in order of appearance
    seeds: tuple[int, ...]
    suite: Suite
    objectives: tuple[Objective, ...]
    reference_point: tuple[float, ...]
    resources: Resources
    storage: Path
    tracking: str
    retries: int

    @property
    def folder(self) -> Path:
        """Where the sweep leaves its tables and pictures."""
        return self.storage / "sweeps" / self.name

    def resolved_yaml(self) -> str:
        """The whole specification as YAML, passwords in URIs hidden."""
        return to_yaml(_without_passwords(self.document.value))


def read_spec(path: str, assignments: Iterable[str], environment: Mapping[str, str]) -> SweepSpec:
    """The sweep that a file describes under `--set` assignments.

    Precedence: an assignment, the file, the environment (`MLFLOW_TRACKING_URI`), the data set's
    preset, the default.

    Raises:
        BadInput: every rule that is broken, with file, line, key, value and remedy.
    """
    document = Document.read(path)
    for assignment in assignments:
        document = document.set(assignment)
    common = {"name": Path(path).stem, "methods": {}}
    if uri := environment.get("MLFLOW_TRACKING_URI"):
        common["tracking"] = uri
    document = with_preset(document).merged_over(Document.from_plain(common, "default"))
    own = document.read_as(_SweepFile)
    if len(set(own.seeds)) < len(own.seeds):
        raise document.fail("seeds", f"must differ from each other, got {list(own.seeds)}")
    cells, settings = _read_cells(document, own)
    objectives, reference_point = _read_objectives(document, own)
    return SweepSpec(
        name=own.name,
        path=path,
        document=document,
        cells=cells,
        settings=settings,
        seeds=own.seeds,
        suite=read_suite(document.section("evaluation")),
        objectives=objectives,
        reference_point=reference_point,
        resources=own.resources,
        storage=Path(own.storage).expanduser().absolute(),
        tracking=own.tracking,
        retries=own.retries,
    )


def _read_objectives(
    document: Document, own: _SweepFile
) -> tuple[tuple[Objective, ...], tuple[float, ...]]:
    try:
        objectives = parse_objectives(own.objectives)
        reference_point = own.hypervolume.reference or default_reference_point(objectives)
    except ObjectiveError as error:
        raise document.fail("objectives", str(error)) from None
    if len(reference_point) != len(objectives):
        raise document.fail(
            "hypervolume.reference",
            f"must have one number for each of the {len(objectives)} objectives, "
            f"got {len(reference_point)}",
        )
    return objectives, reference_point


def _read_cells(document: Document, own: _SweepFile) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """The standard reference, then every method at every point of its grid; each trial once."""
    methods = document.section("methods")
    grids = {label: _grid(section) for label, section in methods.items()}
    if not grids:
        raise document.fail("methods", "must name at least one, such as pareto: {rho: 0.4}")
    points = sum(math.prod(map(len, grid.values())) for grid in grids.values())
    if points * len(own.seeds) > own.max_trials:
        raise document.fail(
            "methods",
            f"must make at most {own.max_trials} trials, got {points * len(own.seeds)}; "
            f"shorten a list under vary, or raise max_trials",
        )
    base = document.only("data", "model", "training", "validation").merged_over(
        Document.from_plain({"fingerprint": "", "seed": own.seeds[0]}, "default")
    )
    varying = tuple(dict.fromkeys(key for grid in grids.values() for key in grid))
    cells: dict[str, Cell] = {}
    for label, overrides in itertools.chain([(REFERENCE, {})], _points(methods, grids)):
        trial = read_trial(_trial_document(base, label, overrides))
        root = str(trial.data.root_folder)  # a worker has a working folder of its own
        trial = trial.model_copy(update={"data": trial.data.model_copy(update={"root": root})})
        settings = {key: _setting(trial, key) for key in varying}
        cells.setdefault(trial.id, Cell(method=label, trial=trial, settings=settings))
    return tuple(cells.values()), varying


def _grid(method: Document) -> dict[str, list[Document]]:
    """The axes of a method's grid: setting to its values."""
    if "vary" not in method:
        return {}
    axes = {key: values.elements() for key, values in method.section("vary").items()}
    for key, values in axes.items():
        if not values:
            raise method.section("vary").fail(key, "must list at least one value, got none")
    return axes


def _points(
    methods: Document, grids: Mapping[str, Mapping[str, list[Document]]]
) -> Iterator[tuple[str, dict[str, Document]]]:
    """(label, overrides by key) for each point of each method's grid."""
    for label, method in methods.items():
        fixed = dict(method.without("vary").items())
        grid = grids[label]
        for point in itertools.product(*grid.values()):
            yield label, fixed | dict(zip(grid, point, strict=True))


def _trial_document(base: Document, label: str, overrides: Mapping[str, Document]) -> Document:
    """One trial in the form that `read_trial` takes.

    A key that begins with an attack's label (`pgd.epsilon`) sets the attack of training, one
    that begins with a section (`training.epochs`) that section, any other the method.
    """
    attacks = base.section("training.attacks")
    document = base
    for key, value in overrides.items():
        first, _, rest = key.partition(".")
        if rest and first in attacks:
            path = ["training", "attacks", *key.split(".")]
        elif rest and first in base:
            path = key.split(".")
        else:
            path = ["method", key]
        document = value.under(*path).merged_over(document)
    kind = Document.from_plain({"method": {"method": label}}, base.where())
    return document.merged_over(kind)


def _setting(trial: Trial, key: str) -> Any:
    """The value of a varying setting in a trial; None where it plays no part."""
    first, _, rest = key.partition(".")
    if first in trial.attacks:
        return getattr(trial.attacks[first], rest, None)
    if rest and first in Trial.model_fields:
        value: Any = trial
        for part in key.split("."):
            value = getattr(value, part, None)
        return value
    return getattr(trial.method, key, None)


def _without_passwords(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_passwords(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_passwords(item) for item in value]
    return redacted(value) if isinstance(value, str) else value
