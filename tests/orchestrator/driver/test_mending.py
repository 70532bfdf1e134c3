"""Whatever file of a finished sweep is damaged or gone: the next start and a verification come to
rest, everything is right, and what was not damaged is not trained again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.driver.mending import mend
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.results.trials_table import trials_table
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.store.housekeeping import damage as damage_module
from orchestrator.store.housekeeping.damage import FaultKind
from orchestrator.store.housekeeping.verification import Finding, contents, verify
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.sweeps.starts import begun
from orchestrator.store.trials.result import give_up_weights
from tests.orchestrator.finished import do_sweep, read_sweep, store_of
from tests.orchestrator.working import run

pytestmark = pytest.mark.slow

KINDS = {
    "trial.json",
    "result.json",
    "evaluations/*.json",
    "attempts/*/lease.json",
    "attempts/*/beat.json",
    "attempts/*/ended.json",
    "attempts/*/rows/*.json",
    "attempts/*/weights.pt",
    "attempts/*/weights.pt.sha256",
    "attempts/*/outcomes/*.npz",
    "attempts/*/outcomes/*.npz.sha256",
    "families",
}
"""Of the files of a finished trial."""

TRAINED_AGAIN = {"attempts/*/weights.pt", "attempts/*/weights.pt.sha256"}
"""Without which nobody can tell whether the weights are right."""

LOST = {"attempts/*/rows/*.json"}
"""What cannot be made again without training."""

Harm = Callable[[Path], object]
HARMS: dict[str, Harm] = {  # where a file is cut short is the verification's own test
    "gone": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "flipped": lambda path: path.write_bytes(_flipped(path.read_bytes())),
}


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SweepSpec:
    """Without checkpoints, from which what is trained again would be done in no time."""
    spec = read_sweep(tmp_path_factory.mktemp("finished"))
    do_sweep(spec)
    for path in Path(spec.storage).rglob("checkpoints"):
        shutil.rmtree(path)
    return spec


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage_module, "SECONDS_BETWEEN_LOOKS", 0.0)


@pytest.fixture
def spec(finished: SweepSpec, tmp_path: Path) -> SweepSpec:
    """A copy of it."""
    shutil.copytree(finished.storage, tmp_path / "runs")
    return read_sweep(tmp_path)


def files_by_kind(spec: SweepSpec) -> dict[str, Path]:
    """A file of each kind, of the second trial."""
    trial_id = make_plan(spec, store_of(spec)).trials[1].id
    root = Path(spec.storage)
    (family,) = root.glob(f"families/*/*-{trial_id}")
    found = {"families": family}
    for path in sorted((root / "trials" / trial_id).rglob("*")):
        if path.is_file():
            name = str(path.relative_to(root / "trials" / trial_id))
            found[re.sub(r"\be[0-9a-f]{16}|\b\d{6}\b", "*", name)] = path
    return found


def next_start(spec: SweepSpec) -> dict[str, list[int]]:
    """What a start does, without Ray; the epochs that it trained, by trial."""
    store = store_of(spec)
    with begun(store.files, store.files, spec.name, joins=False, lasts=1.0, on_tick=lambda _: None):
        plan = make_plan(spec, store)
        mend(plan, store)
        trained = {
            each.id: run(each.trial, spec.suite, store)[1]
            for each in plan.pending(retry_failed=False)
        }
        write_manifest(store.files, spec.folder, make_plan(spec, store))
    return trained


def verified(spec: SweepSpec) -> list[Finding]:
    files = store_of(spec).files
    return list(verify(files, contents(files), dry_run=False, on_read=lambda _: None))


def everything(spec: SweepSpec) -> dict[str, Any]:
    """What must be right: descriptions, weights, bits, and all numbers but those of clocks."""
    store = store_of(spec)
    plan = make_plan(spec, store)
    table = trials_table(spec, plan, "suite").drop(columns="seconds")
    found: dict[str, Any] = {"table": table.to_csv(), "counts": plan.counts()}
    for planned in plan.trials:
        stored = store.trial(planned.id)
        weights, outcomes = stored.weights(), stored.outcomes(spec.suite.id)
        assert weights is not None
        assert outcomes is not None
        found[planned.id] = (
            {name: tensor.numpy().tobytes() for name, tensor in weights.model.items()},
            {name: bits.tobytes() for name, bits in outcomes.robust.items()},
            store.files.read(f"trials/{planned.id}/trial.json"),
        )
    found["families"] = set(store.files.sizes("families"))
    return found


def test_kinds_are_those_that_there_are(finished: SweepSpec) -> None:
    assert files_by_kind(finished).keys() == KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("harm", HARMS)
def test_start_and_verification_come_to_rest(
    finished: SweepSpec, spec: SweepSpec, kind: str, harm: str
) -> None:
    path = files_by_kind(spec)[kind]
    if kind == "families" and harm != "gone":
        pytest.skip("it is empty: its name says all")
    planned = make_plan(spec, store_of(spec)).trials[1]
    HARMS[harm](path)
    trained = next_start(spec)  # which may not see what no size tells
    found = verified(spec)
    if found:
        trained |= next_start(spec)
    is_anew = kind in TRAINED_AGAIN and trained.get(planned.id) == [1, 2]
    assert set(trained) <= {planned.id}
    assert is_anew == (kind in TRAINED_AGAIN)
    assert is_anew or not any(trained.values())
    assert everything(spec) == everything(finished)
    rest = verified(spec)
    assert {finding.kind for finding in rest} <= {FaultKind.LOST, FaultKind.ORPHAN}
    is_lost = [
        finding.name.endswith(path.name) for finding in rest if finding.kind is FaultKind.LOST
    ]
    assert is_lost == ([True] if kind in LOST and not is_anew else [])
    assert next_start(spec) == {}


def test_start_that_finds_all_well_changes_nothing(spec: SweepSpec) -> None:
    trials = Path(spec.storage) / "trials"
    before = {path: path.read_bytes() for path in trials.rglob("*") if path.is_file()}
    assert next_start(spec) == {}
    assert {path: path.read_bytes() for path in trials.rglob("*") if path.is_file()} == before
    assert verified(spec) == []


def test_lost_description_is_told_until_the_next_start(spec: SweepSpec) -> None:
    path = files_by_kind(spec)["trial.json"]
    name = str(path.relative_to(spec.storage))
    path.unlink()
    for _ in range(2):
        (finding,) = verified(spec)
        assert (finding.name, finding.kind, finding.is_damage) == (name, FaultKind.GONE, True)
        assert "the next start of a sweep that has the trial makes it again" in finding.consequence
    next_start(spec)
    assert verified(spec) == []


def test_facts_of_given_up_weights_that_are_lost_are_made_by_training(spec: SweepSpec) -> None:
    planned = make_plan(spec, store_of(spec)).trials[1]
    assert give_up_weights(store_of(spec).files, TrialFolder.of(planned.id))
    path = Path(spec.storage) / "trials" / planned.id / "dropped.json"
    path.write_bytes(b"")
    (finding,) = verified(spec)
    assert finding.consequence == "the trial is trained again"
    assert next_start(spec) == {planned.id: [1, 2]}
    assert verified(spec) == []


def test_weights_of_another_trial_are_not_taken(spec: SweepSpec) -> None:
    """Two folders that were mixed up, without a result."""
    first, second = make_plan(spec, store_of(spec)).trials
    root = Path(spec.storage) / "trials"
    (root / second.id / "result.json").unlink()
    for name in ("weights.pt", "weights.pt.sha256"):
        attempt = f"attempts/000001/{name}"
        shutil.copy(root / first.id / attempt, root / second.id / attempt)
    assert next_start(spec) == {second.id: [1, 2]}
