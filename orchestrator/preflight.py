"""What is looked at before a start changes anything: storage, data, networks, resources."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from rich.console import Console
from torch import nn

from orchestrator.arguments import check_version
from orchestrator.plan import PlannedTrial, blamed_on
from orchestrator.policy import Resources
from orchestrator.spec import SweepSpec
from orchestrator.store.files import Files, LocalFiles
from trainer.data import load
from trainer.descent import refuse_unfit_parts
from trainer.problems import BadInput
from trainer.training import new_model


def check_storage(spec: SweepSpec, files: Files) -> None:
    """See that the storage is one that can be used, without writing.

    Raises:
        BadInput: it cannot be written, does not answer, or is of another version.
    """
    if isinstance(files, LocalFiles):
        place = files.root
        while not os.access(place, os.F_OK):
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise spec.document.fail(
                "storage", f"must be a folder that can be written, got {spec.storage}"
            )
    check_version(spec, files)


def check_content(spec: SweepSpec, pending: Sequence[PlannedTrial]) -> None:
    """Load each data set and make each network once, so that what is wrong with them is known
    before Ray starts.

    Raises:
        BadInput: what is wrong.
    """
    cpu = torch.device("cpu")
    trials = {(planned.trial.data, planned.trial.model): planned.trial for planned in pending}
    for data in {data for data, _ in trials}:
        with blamed_on("data", spec):
            dataset = load(data, cpu)
        for trial in (trial for (its_data, _), trial in trials.items() if its_data == data):
            with blamed_on("model", spec):
                model = new_model(trial, dataset, cpu)
            if spec.policy.halve_batch:
                _refuse_halving(spec, model)


def _refuse_halving(spec: SweepSpec, model: nn.Module) -> None:
    try:
        refuse_unfit_parts(model, 2)
    except BadInput as error:
        raise spec.document.fail(
            "halve_batch",
            "must be false for a network with BatchNorm: the statistics of a batch's parts are "
            "not those of the whole; lower training.batch_size instead",
        ) from error


def local_resources(spec: SweepSpec, console: Console) -> Resources:
    """What a trial occupies on this machine: without a GPU here, none.

    Raises:
        BadInput: more than there is.
    """
    resources = spec.policy.resources
    cores = os.cpu_count() or 1
    if resources.cpu > cores:
        raise spec.document.fail(
            "resources.cpu", f"must be at most {cores} on this machine, got {resources.cpu:g}"
        )
    gpus = torch.cuda.device_count()
    if resources.gpu > gpus:
        if gpus:
            raise spec.document.fail(
                "resources.gpu", f"must be at most {gpus} on this machine, got {resources.gpu:g}"
            )
        console.print(
            f"resources.gpu is {resources.gpu:g}, but this machine has no GPU: "
            f"trials run on the CPU"
        )
        return resources.model_copy(update={"gpu": 0.0})
    return resources
