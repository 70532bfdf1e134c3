"""`training.precision: auto` of a sweep file: decided at the sweep's first start, then kept.

A trial's id stands on its precision, so `auto` is never a trial's own: it is decided before there
are trials, and kept in the store, where every later start and every command about the sweep reads
it, whatever machines there are by then.

Only `--set training.precision=...` changes it; a file that says other than auto counts by itself.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.spec.policy import Resources
from orchestrator.store import Files
from orchestrator.store.leases.lease import utc_now
from orchestrator.store.records.layout import SweepFolder
from orchestrator.store.records.record import NewerRecordError
from orchestrator.store.sweeps.records import KeptPrecision
from trainer.device.precision import Precision

if TYPE_CHECKING:
    import torch
else:
    from trainer import late_torch as torch

logger = logging.getLogger(__name__)

AUTO = "auto"

_WITHOUT_BFLOAT16 = ("K20", "K80", "M4", "M60", "P4", "P40", "P100", "V100", "T4", "Tesla")
"""GPUs that came before bfloat16 (Nvidia's Ampere), as Ray calls them."""

_ASK_GPUS = """
import torch
capabilities = [torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())]
print(bool(capabilities) and (bool(torch.version.hip) or min(capabilities) >= (8, 0)))
"""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The precision that `auto` was decided to be, and why."""

    precision: Precision
    why: str


@dataclass(frozen=True, kw_only=True)
class AutoPrecision(Decision):
    """What `auto` of a sweep file stands for now."""

    state: Literal["kept", "set", "open"]
    """Origin of the precision: the store; `--set`, for a start to keep; or today's machines
    alone."""


class DecidedOtherwiseError(RuntimeError):
    """Another start has decided at the same time, and its decision holds: read the sweep again."""


def kept(files: Files, sweep: str) -> Decision | None:
    """Read what was decided at the first start; None if there was none, or the storage does not
    answer, which whoever uses it next will report. Nothing is written.

    Raises:
        NewerRecordError: a newer version of the project decided, and nobody else will report it.
    """
    try:
        found = KeptPrecision.peek(files, SweepFolder.of(sweep).precision)
    except NewerRecordError:
        raise
    except OSError:
        return None
    return None if found is None else Decision(precision=found.precision, why=found.why)


def keep(files: Files, sweep: str, auto: AutoPrecision) -> None:
    """Keep the precision that a start of the sweep uses.

    Raises:
        DecidedOtherwiseError: another start was faster, and decided for another.
    """
    name = SweepFolder.of(sweep).precision
    decided = KeptPrecision(precision=auto.precision, why=auto.why, since=utc_now())
    found = KeptPrecision.read(files, name)  # a damaged one is set aside
    if auto.state == "set":
        if found is None or found.precision != auto.precision:
            decided.write(files, name)
        return
    if found is None and not decided.create(files, name):
        found = KeptPrecision.read(files, name)
    if found is not None and found.precision != auto.precision:
        raise DecidedOtherwiseError(f"{sweep}: {found.precision}, not {auto.precision}")


def decided_here(resources: Resources) -> Decision:
    """Decide by this machine: bfloat16 if trials have GPUs, and these support it.

    GPUs are asked by another process: this one is to hold no memory of theirs.
    """
    if not resources.gpu or torch.cuda.device_count() < resources.gpu:
        return _ON_CPU
    asked = subprocess.run(
        [sys.executable, "-c", _ASK_GPUS], capture_output=True, text=True, check=False
    )
    return _ON_GPU if asked.stdout.strip() == "True" else _ON_OLDER_GPU


def decided_by(machines: Iterable[Mapping[str, float]], resources: Resources) -> Decision:
    """Decide by a cluster's machines: bfloat16 if trials have GPUs, and those of every machine that
    could hold a trial support it.

    Args:
        machines: resources of each by Ray's names, such as `CPU`, `GPU`, `accelerator_type:A100`.
    """
    if not resources.gpu:
        return _ON_CPU
    fitting = [
        machine
        for machine in machines
        if machine.get("CPU", 0.0) >= resources.cpu and machine.get("GPU", 0.0) >= resources.gpu
    ]
    kinds = [{name for name in each if name.startswith("accelerator_type:")} for each in fitting]
    older = {f"accelerator_type:{name}" for name in _WITHOUT_BFLOAT16}
    is_bfloat16 = bool(kinds) and all(each and not each & older for each in kinds)
    return _ON_GPU if is_bfloat16 else _ON_OLDER_GPU


_ON_CPU = Decision(precision="float32", why="trials run on a CPU")
_ON_GPU = Decision(precision="bfloat16", why="trials run on GPUs that have it")
_ON_OLDER_GPU = Decision(
    precision="float32", why="not every GPU that trials may run on is known to have bfloat16"
)


def explained(auto: AutoPrecision) -> str:
    """Say what `auto` stands for and why, in one line for people."""
    said = f"{auto.precision}, since {auto.why}"
    if auto.state == "open":
        said = f"{said}; decided at the sweep's first start and kept"
    return f"{said} (another: --set training.precision=...)"
