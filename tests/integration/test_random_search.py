"""A random search on Ray: its plan grows while it runs, whichever of several starts asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.gate import Gate
from tests.integration.in_process import nothing_to_run
from tests.integration.running import Place, Running, wait_until
from tests.integration.stored import attempts, record, table, trial_folders
from tests.integration.undisturbed import UNTRACKED, assert_trained_once
from tests.integration.user_code.few_at_once import CELLS

pytestmark = pytest.mark.integration

TRIALS = 9
SPEC = f"""\
data: {{name: digits, train_examples: 64}}
training: {{epochs: 1, batch_size: 32, attacks: {{pgd: {{num_steps: 1}}}}}}
validation: {{examples: 16, attacks: {{pgd: {{num_steps: 1}}, flow: null, rt: null}}}}
search: {{strategy: random, trials: {TRIALS}}}
methods: {{drawn: {{method: 'gated:Gated', vary: {{rho: {{min: 0.1, max: 0.9}}}}}}}}
evaluation: {{examples: 16, pgd: {{epsilon: 0.2, ladder: [1, 2]}}, flow: null, rt: null}}
"""


def test_two_starts_grow_one_search_to_all_its_trials_each_once(
    own_place: Place, tmp_path: Path
) -> None:
    """The first start proposes a few cells and is held in mid-work; the second takes up its
    proposals, proposes more as its workers are idle, and both go on so to the end."""
    spec, storage = tmp_path / "drawn.yaml", tmp_path / "runs"
    spec.write_text(SPEC)
    gate = Gate(file=own_place.folder / "gate")

    def started(*arguments: str) -> Running:
        where = ("--storage", storage, *UNTRACKED)
        return own_place.start("few_at_once", spec, *where, *arguments, **gate.environment)

    def proposals() -> list[Path]:
        return sorted(storage.glob("sweeps/drawn/proposals/*/*.json"))

    first = started()
    wait_until(lambda: len(gate.workers()) == CELLS, of=first)
    assert len(proposals()) < TRIALS // CELLS, "all are proposed, and the plan is not to grow"
    second = started("--join")
    wait_until(lambda: len(gate.workers()) == 2 * CELLS, of=second)
    gate.open()
    finished = [each.finished() for each in (first, second)]
    assert [each.code for each in finished] == [0, 0], finished

    cells = [record(path)["cells"] for path in proposals()]
    assert [len(each) for each in cells] == [CELLS] * (TRIALS // CELLS) + [TRIALS % CELLS]
    assert len({str(cell["point"]) for each in cells for cell in each}) == TRIALS
    rows = table(storage, "drawn")
    assert rows["method"].value_counts().to_dict() == {"drawn": TRIALS, "standard": 1}
    assert set(rows["status"]) == {"done"}
    trials = trial_folders(storage)
    assert set(trials) == set(rows["trial_id"])
    for trial in trials.values():
        assert_trained_once(trial, 1, faults=0)
    owners = {
        record(attempt / "lease.json")["about"]["start"]
        for trial in trials.values()
        for attempt in attempts(trial)
    }
    assert len(owners) == 2
    again = nothing_to_run(spec, "--storage", storage, *UNTRACKED)
    assert again.code == 0, again
