"""Files of the store that are cut short, emptied, or changed by one bit: whatever it is, the same
command brings the sweep to the same results."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.store.__main__ import app
from orchestrator.store.housekeeping import damage as damage_module
from tests.integration.in_process import sweeping_at_once, swept
from tests.integration.stored import assert_same_result, attempts, table, trial_folders

pytestmark = pytest.mark.integration

NAME = "many"
SEEDS = 8
SPEC = f"""\
data: {{name: digits, train_examples: 128}}
training: {{epochs: 12, batch_size: 32}}
validation: {{examples: 16, every: 6}}
methods: {{own: {{method: 'faulty:Dawdling', steps: 4, seconds: 5}}}}
seeds: {list(range(SEEDS))}
evaluation:
  examples: 32
  pgd: {{epsilon: 0.2, ladder: [1, 2]}}
  flow: null
  rt: null
tracking: none
"""
"""Sixteen trials: each kind of file can be damaged in another one. Where half of them are slow,
these rest after an attempt's first epoch, for longer than the others need in all."""

HASTY = ("--set", "lease=2")
"""Whose owner cannot be read any more, a lease is waited for."""

ROWS = "trials/*/attempts/*/rows/*.json"
"""Files of epochs, over which `training_passes` is summed: of a trial that had come further, a lost
one is not made again, and leaves that column empty."""

REMADE = {
    "trials/*/result.json",
    "trials/*/evaluations/*.json",
    "trials/*/attempts/*/weights.pt",
    "trials/*/attempts/*/outcomes/*.npz",
}
"""Kinds of files without which a trial is not done."""

CHECKSUMS = {"trials/*/attempts/*/weights.pt.sha256", "trials/*/attempts/*/outcomes/*.npz.sha256"}
"""Kinds of files whose blobs are not trusted once a verification has found them damaged."""

READ = REMADE - {"trials/*/attempts/*/outcomes/*.npz"}
"""Of these what a start reads: of bits, which are made again, it looks at the size alone."""


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def emptied(data: bytes) -> bytes:
    return data[:0]


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


Damage = Callable[[bytes], bytes]
DAMAGES: list[Damage] = [cut, emptied, flipped]


@dataclass(frozen=True, kw_only=True)
class Many:
    """The sweep, as it is when it is over, and as it was half-way: stopped in good order, begun
    again, and killed."""

    spec: Path
    finished: Path
    half_done: Path

    def assert_equalled_in(self, storage: Path, *, lost_rows_of: str) -> None:
        """All trials are there, and their results are the same."""
        ours, theirs = table(self.finished, NAME), table(storage, NAME)
        lost = theirs["trial_id"].eq(lost_rows_of) & theirs["training_passes"].isna()
        theirs.loc[lost, "training_passes"] = ours["training_passes"]
        assert ours.drop(columns="seconds").equals(theirs.drop(columns="seconds"))
        for trial_id, trial in trial_folders(self.finished).items():
            assert_same_result(storage / "trials" / trial_id, trial)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Many:
    folder = tmp_path_factory.mktemp("many")
    spec, finished, half_done = folder / f"{NAME}.yaml", folder / "finished", folder / "half_done"
    spec.write_text(SPEC)
    done = swept(spec, "--storage", finished)
    assert done.code == 0, done
    for tries in (1, 2):
        with sweeping_at_once(spec, "--storage", half_done, FAULTY="yes") as leader:
            while not are_half_done(half_done, tries):
                assert leader.is_alive()
                time.sleep(0.1)
            if tries == 1:  # stopped in good order; the second time all are killed
                leader.terminate()
                leader.join()
                assert leader.exitcode == 128 + signal.SIGTERM
    return Many(spec=spec, finished=finished, half_done=half_done)


def are_half_done(storage: Path, tries: int) -> bool:
    """Whether each of the slow trials is at that attempt, and has trained an epoch in it, and all
    others are over."""
    trials = trial_folders(storage).values()
    slow = [trial for trial in trials if not is_trained(trial)]
    newest = [attempts(trial)[-1] for trial in slow if len(attempts(trial)) == tries]
    at_it = [attempt for attempt in newest if list(attempt.glob("rows/*.json"))]
    return len(trials) == 2 * SEEDS and len(slow) == len(at_it) == SEEDS


def is_trained(trial: Path) -> bool:
    return (trial / "result.json").exists()


def kind(name: str) -> str:
    """A file's name without what differs from trial to trial."""
    return re.sub(r"\b[tfe][0-9a-f]{16,}\b|\b\d{6}\b", "*", name)


def one_of_each_kind(storage: Path) -> dict[str, Path]:
    """A file of each kind, no two of one trial; of a trial's the newest, and rather of one that is
    not over. The mark's copy stays: without both, a person must say what the storage is."""
    of_kind: defaultdict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(storage.rglob("*")):
        name = str(path.relative_to(storage))
        if path.is_file() and path.stat().st_size and name != "store.json.copy":
            owner = name.split("/")[1] if name.startswith("trials/") else kind(name)
            of_kind[kind(name)][owner] = path
    chosen: dict[str, Path] = {}
    taken: set[str] = set()
    for each, by_owner in sorted(of_kind.items(), key=lambda item: len(item[1])):
        free = sorted(by_owner.keys() - taken, key=lambda it: is_trained(storage / "trials" / it))
        assert free, f"no trial is left for {each}"
        taken.add(free[0])
        chosen[each] = by_owner[free[0]]
    return chosen


def damaged(storage: Path, folder: Path, damage: Damage) -> tuple[Path, dict[str, Path]]:
    """A copy of the storage in which a file of each kind is damaged, and these files."""
    copy = shutil.copytree(storage, folder / "runs")
    files = one_of_each_kind(copy)
    for path in files.values():
        path.write_bytes(damage(path.read_bytes()))
    return copy, files


def trial_of(file: Path) -> str:
    return file.parts[file.parts.index("trials") + 1]


def trials_of(files: Iterable[Path]) -> set[str]:
    return set(map(trial_of, files))


def tries(storage: Path) -> dict[str, int]:
    """Number of attempts by trial."""
    return {trial_id: len(attempts(trial)) for trial_id, trial in trial_folders(storage).items()}


@pytest.mark.parametrize("damage", DAMAGES)
def test_finished_sweep(many: Many, tmp_path: Path, damage: Damage) -> None:
    storage, files = damaged(many.finished, tmp_path, damage)
    remade = REMADE
    if damage is flipped:  # which no size tells
        remade = REMADE | CHECKSUMS
        named = {str(files[each].relative_to(storage)) for each in files if is_sealed(each)}
        assert verified(storage) == {name.removesuffix(".sha256") for name in named}
    finished = swept(many.spec, "--storage", storage, *HASTY)
    assert finished.code == 0, finished
    assert f"16 trials, {len(remade)} to run" in finished.stdout
    many.assert_equalled_in(storage, lost_rows_of=trial_of(files[ROWS]))
    again = {trial_id for trial_id, count in tries(storage).items() if count > 1}
    assert again == trials_of(files[each] for each in remade)
    assert all(files[each].with_name(f"{files[each].name}.damaged").exists() for each in READ)


@pytest.mark.parametrize("damage", DAMAGES)
def test_half_done_sweep(many: Many, tmp_path: Path, damage: Damage) -> None:
    slow = {id for id, trial in trial_folders(many.half_done).items() if not is_trained(trial)}
    storage, files = damaged(many.half_done, tmp_path, damage)
    before = tries(storage)
    if damage is flipped:
        verified(storage)
    finished = swept(many.spec, "--storage", storage, *HASTY)
    assert finished.code == 0, finished
    many.assert_equalled_in(storage, lost_rows_of=trial_of(files[ROWS]))
    again = {trial_id for trial_id, count in tries(storage).items() if count > before[trial_id]}
    assert again >= slow
    assert again - slow <= trials_of(files[each] for each in REMADE | CHECKSUMS)


def verified(storage: Path) -> set[str]:
    """Names of the files that are set aside as damaged. Nobody is in the middle of writing one: a
    trial whose lease is damaged is looked at no more often than others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(damage_module, "LOOKS_AT_WORK", damage_module.LOOKS)
        found = CliRunner().invoke(app, ["verify", str(storage), "--json"])
    assert found.exit_code == 1, found.output
    return {finding["name"] for finding in json.loads(found.stdout)["findings"]}


def is_sealed(kind: str) -> bool:
    """Whether files of a kind carry a checksum, inside or beside."""
    is_for_people = kind.count("/") == 2 and kind.startswith("sweeps/") and "plan.json" not in kind
    return not is_for_people
