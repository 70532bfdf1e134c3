"""Commands that are advised: given to a shell, they mean the same sweep."""

from __future__ import annotations

import shlex

import pytest

from orchestrator.spec.arguments import command, last_address, read_sweep
from orchestrator.store import LocalFiles, Store
from orchestrator.store.sweeps.starts import all_starts, begun
from tests.orchestrator.conftest import Read

SWEEP = "data: digits\nmethods: {pareto: {rho: 0.4}}\n"


@pytest.mark.parametrize("storage", [None, "else where", "it's", "s3://bucket/a b", "null", "1e3"])
def test_command_read_again_means_the_same_sweep(read: Read, storage: str | None) -> None:
    read(SWEEP)
    given = ["seeds=[0, 1]", "methods.pareto.rho='1/4'", "name='two words'", "tracking=none"]
    spec = read_sweep("sweep.yaml", storage, given)
    words = shlex.split(command("sweep", spec, address="auto"))
    assert words[:4] == ["python", "-m", "orchestrator.sweep", "sweep.yaml"]
    options = list(zip(words[4::2], words[5::2], strict=True))
    assert [value for option, value in options if option == "--address"] == ["auto"]
    storages = [value for option, value in options if option == "--storage"]
    assert storages == ([] if storage is None else [storage])
    assignments = [value for option, value in options if option == "--set"]
    again = read_sweep("sweep.yaml", storages[0] if storages else None, assignments)
    assert again.document.value == spec.document.value
    assert command("sweep", again, address="auto") == command("sweep", spec, address="auto")


def test_storage_that_was_set_is_given_as_one(read: Read) -> None:
    spec = read(SWEEP, "storage=first", "storage=second")
    assert command("status", spec) == "python -m orchestrator.status sweep.yaml --storage second"


def test_no_password_is_advised(read: Read) -> None:
    spec = read(SWEEP, "tracking=postgresql://me:s3cret@host/db")
    assert "s3cret" not in command("sweep", spec)
    assert command("pause", spec) == "python -m orchestrator.pause sweep.yaml"


def test_address_is_that_of_the_last_start(store: Store) -> None:
    files = store.files.under
    assert isinstance(files, LocalFiles)
    assert last_address(all_starts(files, "sweep")) is None
    for address in ("auto", None, "10.0.0.1:6379"):
        with begun(
            files,
            files,
            "sweep",
            joins=False,
            lasts=60.0,
            on_tick=lambda _: None,
            address=address,
        ):
            assert last_address(all_starts(files, "sweep")) == address
