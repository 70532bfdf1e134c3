"""The meaning of a sweep file: which trials, on what, measured how, kept where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict

from orchestrator.search.stopping import Rules, checked_against, read_rules, recorded
from orchestrator.spec.auto_precision import AUTO, AutoPrecision, Decision, decided_here, kept
from orchestrator.spec.best import check_best
from orchestrator.spec.confirm import END_OF_SEEDS, Confirm, ConfirmSettings, read_confirm
from orchestrator.spec.contrasts import ContrastSettings, PrimaryContrasts, read_contrasts
from orchestrator.spec.objectives import check_columns, read_objectives
from orchestrator.spec.policy import Policy, Resources
from orchestrator.spec.search import SearchSettings, read_search
from orchestrator.spec.space import Cell, Space
from orchestrator.spec.threats import refuse_seen
from orchestrator.store.files.by_url import open_files
from orchestrator.store.records.layout import SweepFolder
from orchestrator.table.objectives import DEFAULT_OBJECTIVES, Objective, on_weights
from orchestrator.tracking import EMBEDDED, OFF, is_understood
from trainer.config import assigned, preset, with_preset
from trainer.device.precision import Precision
from trainer.evaluation.suite import SplitName, Suite, read_suite
from trainer.input.document import Document
from trainer.input.redaction import HIDDEN, is_secret_name, redacted
from trainer.input.settings import Count, Reals, Settings, Whole
from trainer.input.variables import expanded
from trainer.input.yaml_nodes import to_yaml

MAX_NAME_BYTES = 100
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"


def safe_file_name(name: str) -> str:
    """Return the name if a file or folder may have it on any machine, or raise `ValueError`."""
    problem = None
    if name in {"", ".", ".."} or "/" in name or "\\" in name:
        problem = "must be a file name of its own"
    elif not name.isprintable():
        problem = "must hold printable characters only"
    elif name.startswith(("-", ".")) or name != name.strip():
        problem = "must not begin with '-' or '.', nor begin or end with a space"
    elif name.startswith(("=", "+", "@", "'")):
        problem = "must not begin with one of = + @ ', which spreadsheets take for a formula"
    elif len(name.encode()) > MAX_NAME_BYTES:
        problem = f"must have at most {MAX_NAME_BYTES} bytes in UTF-8"
    if problem:
        raise ValueError(problem)
    return name


def _checked_storage(storage: str) -> str:
    if not storage:
        raise ValueError("must be a folder, or s3://BUCKET/PREFIX (or gs://, az://), got ''")
    try:
        open_files(expanded(storage))
    except ValueError as error:
        raise ValueError(str(error).removeprefix("storage ")) from error
    return storage


def _uri(tracking: str) -> str:
    if not is_understood(tracking):
        raise ValueError(f"must be {OFF}, {EMBEDDED} or a URI such as http://HOST:5000")
    _with_variables_expanded(tracking)
    return tracking


def _with_variables_expanded(tracking: str) -> str:
    """Expand variables in what leads to a file; in a server's URI a `$` is a `$`."""
    for scheme in ("sqlite:///", "file://"):
        if tracking.startswith(scheme):
            return scheme + expanded(tracking.removeprefix(scheme))
    return tracking


def _checked_seeds(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"must be at least one and differ from each other, got {list(seeds)}")
    return seeds


class HypervolumeSettings(Settings):
    """How the hypervolume is measured."""

    reference: Reals | None = Field(
        None, description="the worst point, in the objectives' own units and order"
    )


class _SweepFile(Policy):
    """The keys of a sweep file. Sections of type Any are read by the modules that own them."""

    name: Annotated[str, AfterValidator(safe_file_name)] = Field(
        description="of the sweep: a folder of the storage and an MLflow experiment"
    )
    data: Any
    model: Any
    training: Any
    validation: Any
    methods: Any
    evaluation: Any
    search: SearchSettings = SearchSettings()
    seeds: Annotated[
        tuple[Annotated[Whole, Field(ge=0, lt=END_OF_SEEDS)], ...],
        Strict(False),
        AfterValidator(_checked_seeds),
    ] = Field((0,), description="of every cell; three or more to judge by")
    objectives: Annotated[tuple[str, ...], Strict(False)] = Field(
        DEFAULT_OBJECTIVES, description="columns of trials.csv, or min:COLUMN, max:COLUMN"
    )
    hypervolume: HypervolumeSettings = HypervolumeSettings()
    contrasts: ContrastSettings = ContrastSettings()
    selection: SplitName = Field(
        "validation",
        description="images by which cells are selected; test: as in the paper, and optimistic",
    )
    confirm: ConfirmSettings | None = Field(
        None, description="cells to train anew, with fresh seeds, once they are picked"
    )
    storage: Annotated[str, AfterValidator(_checked_storage)] = Field(
        "runs", description="folder or s3://, gs:// or az://BUCKET/PREFIX that keeps all"
    )
    tracking: Annotated[str, AfterValidator(_uri)] = Field(
        EMBEDDED, description="where MLflow keeps runs; sqlite: in the storage"
    )
    max_trials: Count = Field(10_000, description="a larger grid is refused as a slip")


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """A sweep file, read and checked."""

    name: str
    path: str
    assignments: tuple[str, ...]  # by which it was changed, as `--set` takes them
    document: Document  # resolved: with every default of its sections
    search: SearchSettings
    space: Space
    cells: tuple[Cell, ...]  # that follow from the file alone, the reference first: a grid's all
    probes: tuple[Cell, ...]  # at the ends of what the others are drawn from
    settings: tuple[str, ...]  # that vary, in order of appearance
    seeds: tuple[int, ...]
    suite: Suite
    objectives: tuple[Objective, ...]
    reference_point: tuple[float, ...]
    contrasts: PrimaryContrasts
    selection: SplitName  # images by which cells are selected
    confirm: Confirm | None  # what is trained anew once it is picked
    policy: Policy
    rules: Rules  # that end trials early; the policy has their records
    storage: str  # the absolute path of a folder, or a URL, with no variables in it any more
    tracking: str  # likewise
    notes: tuple[str, ...]  # what a person who starts it should hear
    auto_precision: AutoPrecision | None = None  # where the file leaves it open
    reevaluation: Reevaluation | None = None

    @property
    def choice_suite(self) -> Suite | None:
        """The suite on validation images, by which choices are made; None where they are made
        elsewhere: under another suite than the sweep's own nothing is chosen."""
        return None if self.reevaluation is not None else self.suite.on("validation")

    @property
    def suites(self) -> tuple[Suite, ...]:
        """The suites that every trial is evaluated under, that which choices are made by first."""
        suites = (self.suite,) if self.choice_suite is None else (self.choice_suite, self.suite)
        return tuple({suite.id: suite for suite in suites}.values())

    @property
    def folder(self) -> str:
        """Folder of the storage in which the sweep leaves its tables and pictures."""
        own = SweepFolder.of(self.name)
        if self.reevaluation is None:
            return own.path
        suite = f"{Path(self.reevaluation.suite_file).stem}-{self.suite.id}"
        return own.under_suite(suite).path

    def resolved_yaml(self) -> str:
        """Return the whole specification as YAML, secrets hidden."""
        return to_yaml(_without_secrets(self.document.value))


@dataclass(frozen=True, kw_only=True)
class Reevaluation:
    """Why a sweep has another suite than its file says: its models are evaluated under that, and
    none is trained. Tables and pictures go into a folder of their own."""

    sweep: SweepSpec  # as its file says
    suite_file: str  # its name, without folders
    only_front: bool  # under the sweep's own suite; with the references


def read_spec(
    path: str,
    assignments: Iterable[str],
    environment: Mapping[str, str],
    *,
    decide: Callable[[Resources], Decision] = decided_here,
) -> SweepSpec:
    """Read the sweep that a file describes under `--set` assignments.

    Precedence: an assignment, the file, the environment (`MLFLOW_TRACKING_URI`), the data set's
    preset, the default.

    Args:
        decide: what `training.precision: auto` comes to by what a trial occupies, where the sweep's
            record in the storage does not say; asked when all else is known to be right.

    Raises:
        BadInput: every rule that is broken, with file, line, key, value and remedy.
    """
    assignments = tuple(assignments)
    written = Document.read(path)
    document = assigned(written, assignments)
    file = Document.from_plain({"name": Path(path).stem, "methods": {}}, document.where())
    document = with_preset(document).merged_over(file)
    uri = "" if "tracking" in document else environment.get(TRACKING_VARIABLE, "")
    notes: tuple[str, ...] = ()
    if uri and is_understood(uri):
        tracking = Document.from_plain({"tracking": uri}, TRACKING_VARIABLE)
        document = document.merged_over(tracking)
    elif uri:  # it is meant for other programs too, some of which take folders
        notes = (_ignored_uri_note(uri),)
    read_resolved = partial(_read_resolved, path, assignments=assignments, notes=notes)
    if not _says_auto(document):
        spec = read_resolved(document)
        if not _says_auto(written):
            return spec
        said = spec.cells[0].trial.training.precision  # of the reference, which sets nothing else
        by_hand = AutoPrecision(precision=said, why="--set says so", state="set")
        return replace(spec, auto_precision=by_hand)
    spec = read_resolved(_with_precision(document, "float32"))
    known = kept(open_files(spec.storage), spec.name)
    decision = known or decide(spec.policy.resources)
    spec = read_resolved(_with_precision(document, decision.precision))
    state: Literal["kept", "open"] = "open" if known is None else "kept"
    auto = AutoPrecision(precision=decision.precision, why=decision.why, state=state)
    return replace(spec, auto_precision=auto)


def _says_auto(document: Document) -> bool:
    key = "training.precision"
    return key in document and document.section(key).value == AUTO


def _with_precision(document: Document, precision: Precision) -> Document:
    where = document.where("training.precision")
    decided = Document.from_plain({"training": {"precision": precision}}, where)
    return decided.merged_over(document)


def _read_resolved(
    path: str, document: Document, *, assignments: tuple[str, ...], notes: tuple[str, ...]
) -> SweepSpec:
    own = document.read_as(_SweepFile)
    says_weights = "weights" in document
    defaults = Document.from_plain(own.model_dump(mode="json"), document.where())
    document = document.merged_over(defaults)
    space, cells, probes = read_search(
        document, own.search, seeds=own.seeds, max_trials=own.max_trials
    )
    settings = tuple(space.paths)
    if not says_weights and space.is_capped:
        own = own.model_copy(update={"weights": "best"})
        best = Document.from_plain({"weights": own.weights}, document.where())
        document = document.without("weights").merged_over(best)
    if own.weights == "best":
        check_best(document, (*cells, *probes), says_weights=says_weights)
    own_preset = preset(cells[0].trial.data.name).section("evaluation")
    suite = read_suite(document.section("evaluation")).without_reason_of(own_preset)
    refuse_seen(document.section("evaluation"), suite, (*cells, *probes))
    objectives, reference_point = read_objectives(
        document, own.objectives, own.hypervolume.reference
    )
    if own.weights == "best":
        objectives = on_weights(objectives, "best")
    has_best = own.weights == "best"
    check_columns(document, objectives, suite, (*cells, *probes), settings, has_best=has_best)
    if own.selection == "test" and suite.split != "test":
        raise document.fail(
            "selection",
            f"must be validation where evaluation.split is {suite.split}, got test: nothing is "
            f"read on the test set",
        )
    rules = read_rules(document.section("stopping"))
    trials = [cell.trial for cell in (*cells, *probes)]
    notes = (*notes, *checked_against(trials, rules, document.section("stopping")))
    stopping = Document.from_plain({"stopping": recorded(rules)}, document.where())
    document = document.without("stopping").merged_over(stopping)
    policy = {key: getattr(own, key) for key in Policy.model_fields}
    storage = open_files(expanded(own.storage)).url
    if own.tracking == EMBEDDED and "://" in storage:
        raise document.fail(
            "tracking",
            f"must be the URI of an MLflow server, or {OFF}, where the storage is a URL: "
            f"the database of {EMBEDDED!r} lies in a folder"
            + "".join(f"; {note}" for note in notes),
        )
    return SweepSpec(
        name=own.name,
        path=path,
        assignments=assignments,
        document=document,
        search=own.search,
        space=space,
        cells=cells,
        probes=probes,
        settings=settings,
        seeds=own.seeds,
        suite=suite,
        objectives=objectives,
        reference_point=reference_point,
        contrasts=read_contrasts(
            document, own.contrasts, {label: it.trains for label, it in space.methods.items()}
        ),
        selection=own.selection,
        confirm=read_confirm(
            document,
            own.confirm,
            seeds=own.seeds,
            suite=suite,
            selection=own.selection,
            methods=space.methods,
        ),
        policy=Policy.model_validate(policy | {"stopping": recorded(rules)}),
        rules=rules,
        storage=storage,
        tracking=_with_variables_expanded(own.tracking),
        notes=notes,
    )


def _ignored_uri_note(uri: str) -> str:
    return (
        f"{TRACKING_VARIABLE} is left aside: it must be {OFF}, {EMBEDDED} or a URI such as "
        f"http://HOST:5000, got {redacted(uri)!r}; runs are kept in the storage, unless "
        f"--tracking-uri says otherwise"
    )


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if is_secret_name(key) and isinstance(item, str) else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return redacted(value) if isinstance(value, str) else value
