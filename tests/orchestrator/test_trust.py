"""What stored records name is not run: only what a sweep's own file names is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.front import app as front_app
from orchestrator.plan.manifest import write_manifest
from orchestrator.plan.plan import make_plan
from orchestrator.spec.sweep_spec import SweepSpec
from orchestrator.status.__main__ import app as status_app
from orchestrator.store import Store
from orchestrator.store.records.layout import TrialFolder
from orchestrator.store.sweeps.starts import begun
from orchestrator.store.trials.result import published
from orchestrator.sweep import app as sweep_app
from tests.orchestrator.plain import read_plain, write_plain
from trainer.input.problems import BadInput
from trainer.trained import read_trained, stored_weights

SWEEP = """\
data: digits
methods: {flow: {}}
evaluation: {pgd: {ladder: [1]}, flow: null, rt: null}
tracking: none
"""
BITS = ([1, 1, 1, 0], {"pgd": [[1, 0, 0, 0]]})


@pytest.fixture
def spec(
    read: Callable[..., SweepSpec],
    store: Store,
    finish: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> SweepSpec:
    """A sweep that is done, whose stored records name code that leaves a trace when imported."""
    (tmp_path / "of_a_stranger.py").write_text("raise SystemExit('it ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    spec = read(SWEEP)
    for planned in make_plan(spec, store).trials:
        finish(planned.trial, spec.suite, *BITS)
        name = f"trials/{planned.id}/trial.json"
        about = read_plain(store.files, name)
        assert about is not None
        code = "of_a_stranger:it"
        about["trial"] |= {"model": {"name": code}, "method": {"method": code}}
        about["trial"]["data"]["name"] = code
        about["trial"]["training"]["attacks"] = {"pgd": {"attack": code}}
        write_plain(store.files, name, about)
    with begun(
        store.files, store.files, spec.name, joins=False, lasts=60.0, on_tick=lambda lease: None
    ):
        write_manifest(store.files, spec.folder, make_plan(spec, store))
    return spec


def test_commands_that_read_stored_records_import_nothing_that_they_name(spec: SweepSpec) -> None:
    for app, words in (
        (status_app, []),
        (status_app, ["--why", next(iter(trial_ids(spec)))]),
        (front_app, []),
        (sweep_app, ["--dry-run"]),
    ):
        result = CliRunner().invoke(app, [spec.path, *words])
        assert result.exit_code == 0, result.output
    assert "of_a_stranger" not in sys.modules


def trial_ids(spec: SweepSpec) -> list[str]:
    store = Path(spec.storage)
    return sorted(path.name for path in (store / "trials").iterdir())


def test_the_trainer_finds_the_weights_that_the_store_published(
    spec: SweepSpec, store: Store
) -> None:
    """By a rule of its own, since it knows no store."""
    for trial_id in trial_ids(spec):
        place = TrialFolder.of(trial_id)
        result = published(store.files, place)
        assert result is not None
        path = stored_weights(spec.storage, trial_id)
        assert path == Path(spec.storage) / place.attempt(result.attempt).weights
        with pytest.raises(BadInput, match="model"):  # these have no record
            read_trained(path, trust_code=False)
