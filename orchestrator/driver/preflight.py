"""Checks before a start changes anything: address, storage, data, networks."""

from __future__ import annotations

import logging
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import torch
from rich.console import Console
from torch import nn

from orchestrator.driver.parentage import check_parents
from orchestrator.execution.address import check_address
from orchestrator.execution.session import parent_folder
from orchestrator.plan.named_trials import blamed_on
from orchestrator.plan.plan import Plan
from orchestrator.plan.planned_trial import PlannedTrial
from orchestrator.results.reevaluation import plan_start, refuse_nothing_to_evaluate
from orchestrator.search.growth import foreseen
from orchestrator.spec.arguments import check_version
from orchestrator.spec.policy import Resources
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store import Progress, Store
from orchestrator.store.files.contract import Files
from orchestrator.store.files.local import LocalFiles
from trainer.attacks import Attack
from trainer.config import Trial
from trainer.data import Dataset, DataSettings, fingerprint, load
from trainer.data.published import IMAGES
from trainer.device.precision import slowness
from trainer.evaluation.suite import Suite
from trainer.input.document import Document
from trainer.input.own_code import OwnCodeError
from trainer.input.problems import BadInput, Problem
from trainer.terminal.console import print_line
from trainer.training.first_pass import is_own, tried_model, try_attack, try_method
from trainer.training.loop import new_model
from trainer.training.step import refuse_unfit_parts

logger = logging.getLogger(__name__)

CPU = torch.device("cpu")

Shape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A sweep that passed every check that can be made before it runs."""

    recorded: Plan  # of the cells that the file and the store give
    plan: Plan  # with those that the search proposes now, which nobody has recorded
    pending: tuple[PlannedTrial, ...]  # to work on
    resources: Resources  # of a trial


def ready(
    spec: SweepSpec,
    store: Store,
    place: Files,
    *,
    address: str | None,
    is_local: bool,
    retry_failed: bool,
    console: Console,
    fingerprint_of: Callable[[DataSettings], str] = fingerprint,
    settled: Mapping[str, Progress] = MappingProxyType({}),
    away: Container[DataSettings] = (),
) -> Ready:
    """Check all that can be wrong, for a start and for a dry run; nothing is written.

    Args:
        spec: the whole sweep, which is planned here and of which every part may be wrong.
        store: over the files of `place`, which may wait where these do not answer.
        address: a Ray cluster's; None: this machine.
        is_local: the trials run in this process, without Ray.
        fingerprint_of: gives a data set's fingerprint, from its settings.
        settled: trials that are known to be done, by id: the store is not asked about them.
        away: data sets that are to be downloaded: what needs them is not tried.

    Raises:
        BadInput: the storage, the data, a network, the user's own code, or the resources of this
            machine do not do.
        NoClusterError: the address leads to no server, or there is no folder for Ray's sockets.
    """
    if address is not None:
        check_address(address)
    check_storage(place, spec.document)
    recorded = plan_start(
        spec, store, fingerprint_of=fingerprint_of, settled=settled, retry_failed=retry_failed
    )
    refuse_nothing_to_evaluate(spec, recorded, store.files)
    plan = foreseen(spec, recorded, store, retry_failed=retry_failed, fingerprint_of=fingerprint_of)
    pending = plan.pending(retry_failed=retry_failed)
    is_here = bool(pending) and address is None
    resources = spec.policy.resources
    if is_here:
        resources = local_resources(resources, spec.document, console)
    check_temporary_folder()
    if is_here and not is_local:
        parent_folder(os.environ)
    check_parents(plan, pending, store.files, document=spec.document, away=away)
    shapes = check_content(
        [each for each in pending if each.trial.data not in away],
        spec.suite,
        resources,
        document=spec.document,
        halves_batch=spec.policy.halve_batch,
    )
    _warn_of_radii([cell.trial for cell in (*spec.cells, *spec.probes)], spec.suite, shapes)
    if spec.reevaluation is None and not resources.gpu:
        _warn_of_slowness(pending)
    return Ready(recorded=recorded, plan=plan, pending=pending, resources=resources)


def check_temporary_folder() -> None:
    """Check that there is a folder for temporary files.

    Raises:
        BadInput: none can be written.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        rule = f"must be the path of a folder that can be written: {error.strerror}"
        raise BadInput(Problem("TMPDIR", "", rule)) from error


def check_storage(files: Files, document: Document) -> None:
    """Check that the storage can be used, without writing to it.

    Args:
        document: the sweep file, which is blamed.

    Raises:
        BadInput: it cannot be written, does not answer, or is of another version.
    """
    if isinstance(files, LocalFiles):
        around = (files.root, *files.root.parents)  # a drive that is not there has no other
        place = next((each for each in around if os.access(each, os.F_OK)), files.root)
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise document.fail("storage", f"must be a folder that can be written, got {files.url}")
    check_version(files, document)


def check_content(
    pending: Sequence[PlannedTrial],
    suite: Suite,
    resources: Resources,
    *,
    document: Document,
    halves_batch: bool,
) -> dict[DataSettings, Shape]:
    """Load each data set, pass two images through each network, and call the user's own code once,
    so that what is wrong with them is known before Ray starts.

    Args:
        suite: under which the trials are evaluated.
        resources: a trial's. All this is on the CPU: code that raises there, and is to run on a
            GPU, is warned of alone.
        document: the sweep file, whose sections are blamed.
        halves_batch: whether a trial that has no memory left halves its batches.

    Returns:
        The images' C H W, by data set.

    Raises:
        BadInput: what is wrong.
    """
    shapes: dict[DataSettings, Shape] = {}
    by_data: defaultdict[DataSettings, list[PlannedTrial]] = defaultdict(list)
    for planned in pending:
        by_data[planned.trial.data].append(planned)
    for data, its_trials in by_data.items():
        with blamed_on("data", document):
            dataset = load(data, CPU)
        shapes[data] = dataset.image_shape
        _check_networks(its_trials, dataset, resources, document, halves_batch=halves_batch)
        _check_methods_and_attacks(its_trials, suite, dataset, resources, document)
    return shapes


def _check_networks(
    trials: Iterable[PlannedTrial],
    dataset: Dataset,
    resources: Resources,
    document: Document,
    *,
    halves_batch: bool,
) -> None:
    kinds = {
        (planned.trial.model, planned.trial.training.memory_format): planned.trial
        for planned in trials
    }
    for trial in kinds.values():
        model = None  # where it raises on this CPU
        with blamed_on("model", document), _on_this_cpu(resources):
            model = tried_model(trial, dataset)
        if halves_batch and model is not None:
            _refuse_halving(document, model)


def _check_methods_and_attacks(
    trials: Sequence[PlannedTrial],
    suite: Suite,
    dataset: Dataset,
    resources: Resources,
    document: Document,
) -> None:
    tried: set[type[Attack]] = set()  # each class once, however many radii of it there are

    def check(key: str, attack: Attack) -> None:
        if type(attack) not in tried and is_own(attack):
            tried.add(type(attack))
            with _refused(document, key), _on_this_cpu(resources):
                try_attack(attack, new_model(trials[0].trial, dataset, CPU), dataset)

    for label, rungs in suite.categories.items():
        check(f"evaluation.{label}", rungs.attack)
    for planned in trials:
        with _refused(document, f"methods.{planned.method}"), _on_this_cpu(resources):
            try_method(planned.trial.method)
        for label, attack in planned.trial.attacks.items():
            check(f"training.attacks.{label}", attack)
        for label, attack in planned.trial.validation_attacks.items():
            check(f"validation.attacks.{label}", attack)


def _warn_of_radii(
    trials: Sequence[Trial], suite: Suite, shapes: Mapping[DataSettings, Shape]
) -> None:
    """Warn of what is odd about the radii of the sweep's attacks, once each.

    Args:
        shapes: C H W by data set, of those that were loaded; of others it is what is published.
    """

    def shape(data: DataSettings) -> Shape | None:
        published = IMAGES.get(data.name)
        return shapes.get(data, published.shape if published else None)

    of_training = (line for trial in trials for line in trial.radius_warnings(shape(trial.data)))
    tested_on = dict.fromkeys(shape(trial.data) for trial in trials)
    of_suite = (line for its in tested_on for line in suite.oddities(its))
    for line in dict.fromkeys((*of_training, *of_suite)):
        logger.warning("%s", line)


def _warn_of_slowness(pending: Sequence[PlannedTrial]) -> None:
    """Warn of precisions that are slow on this CPU; a cluster's driver is on a machine of it."""
    precisions = sorted({planned.trial.training.precision for planned in pending})
    for warning in filter(None, (slowness(precision, CPU) for precision in precisions)):
        logger.warning("%s", warning)


@contextmanager
def _refused(document: Document, key: str) -> Iterator[None]:
    try:
        yield
    except BadInput:
        raise
    except ValueError as error:
        raise document.fail(key, str(error)) from error


@contextmanager
def _on_this_cpu(resources: Resources) -> Iterator[None]:
    """Let the user's own code raise in the block, with a warning, if its trials will have a GPU:
    this CPU may be the reason."""
    try:
        yield
    except OwnCodeError as error:
        if not resources.gpu:
            raise
        logger.warning("%s; this was on the CPU, and trials run on a GPU: they go on", error)


def _refuse_halving(document: Document, model: nn.Module) -> None:
    try:
        refuse_unfit_parts(model, 2)
    except BadInput as error:
        raise document.fail(
            "halve_batch",
            "must be false for a network with BatchNorm: the statistics of a batch's parts are "
            "not those of the whole; lower training.batch_size instead",
        ) from error


def local_resources(resources: Resources, document: Document, console: Console) -> Resources:
    """Return what a trial occupies on this machine, of what the sweep file says: without a GPU
    here, none.

    Raises:
        BadInput: more than there is.
    """
    cores = os.cpu_count() or 1
    if resources.cpu > cores:
        raise document.fail(
            "resources.cpu", f"must be at most {cores} on this machine, got {resources.cpu:g}"
        )
    gpus = torch.cuda.device_count()
    if resources.gpu > gpus:
        if gpus:
            raise document.fail(
                "resources.gpu", f"must be at most {gpus} on this machine, got {resources.gpu:g}"
            )
        print_line(
            console,
            f"resources.gpu is {resources.gpu:g}, but this machine has no GPU: "
            f"trials run on the CPU",
        )
        return resources.model_copy(update={"gpu": 0.0})
    return resources
