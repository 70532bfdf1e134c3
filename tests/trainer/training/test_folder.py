"""The folder of a run: what is in it is whole, and goes on where the run went on."""

from __future__ import annotations

import csv
import hashlib
import math
from pathlib import Path

import pytest

from trainer.input.checksum import read_checked
from trainer.input.problems import BadInput
from trainer.training.folder import TrainingFolder
from trainer.weights.checkpoint import Weights


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def row(epoch: int, **facts: float) -> dict[str, float]:
    return {"epoch": epoch, "loss/natural": 1 / (2 + epoch), **facts}


def test_weights_and_checkpoints_have_their_checksum_beside_them(tmp_path: Path) -> None:
    """In the form of `sha256sum`, and of whatever was written last."""
    folder = TrainingFolder(tmp_path)
    for seed in (1, 2):
        (path,) = folder.finish(Weights(trial={"seed": seed}, model={}), best=None)
        line = (tmp_path / "weights.pt.sha256").read_text()
        assert line == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  weights.pt\n"
        assert read_checked(path) == path.read_bytes()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"weights\.pt: must have the SHA-256 that weights\.pt\.sha"):
        read_checked(path)


def test_best_weights_of_another_run_do_not_stay(tmp_path: Path) -> None:
    folder, weights = TrainingFolder(tmp_path), Weights(trial={}, model={})
    last, best = folder.finish(weights, best=weights)
    assert (last.name, best.name) == ("weights.pt", "best.pt")
    assert read_checked(best) == best.read_bytes()
    assert folder.finish(weights, best=None) == [last]
    assert {path.name for path in tmp_path.iterdir()} == {"weights.pt", "weights.pt.sha256"}


def test_rows_that_differ_in_their_facts_share_a_table(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "deep" / "down")
    folder.add(row(1))
    folder.add(row(2, r_asked=0.1))
    assert rows_of(tmp_path / "deep" / "down" / "epochs.csv") == [
        {"epoch": "1", "loss/natural": repr(1 / 3), "r_asked": ""},
        {"epoch": "2", "loss/natural": "0.25", "r_asked": "0.1"},
    ]


@pytest.mark.parametrize("epochs_done", [0, 1, 2, 3, 5])
def test_going_on_keeps_the_rows_of_the_epochs_that_are_done(
    tmp_path: Path, epochs_done: int
) -> None:
    first = TrainingFolder(tmp_path)
    for epoch in (1, 2, 3):
        first.add(row(epoch, **({"r_asked": 0.5} if epoch == 2 else {})))
    before = rows_of(tmp_path / "epochs.csv")
    second = TrainingFolder(tmp_path)
    second.go_on(epochs_done)
    second.add(row(epochs_done + 1))
    after = rows_of(tmp_path / "epochs.csv")
    kept = before[:epochs_done]
    assert [{name: each[name] for name in kept[0]} for each in after[:-1]] == kept
    assert after[-1]["epoch"] == str(epochs_done + 1)


def test_a_run_from_the_beginning_begins_its_table_anew(tmp_path: Path) -> None:
    TrainingFolder(tmp_path).add(row(1))
    TrainingFolder(tmp_path).add(row(1, other=2.0))
    assert len(rows_of(tmp_path / "epochs.csv")) == 1


def test_there_may_be_no_row_to_keep(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    folder.go_on(4)
    folder.add(row(5))
    assert [each["epoch"] for each in rows_of(tmp_path / "epochs.csv")] == ["5"]


@pytest.mark.parametrize("content", [b"a,b\r\n1,2\r\n", b"epoch\r\none\r\n", b"\xff\xfe"])
def test_a_table_of_somebody_elses_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "epochs.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"epochs\.csv: must be a table with a column epoch .*--out"):
        TrainingFolder(tmp_path).go_on(1)
    assert path.read_bytes() == content


def test_the_last_steps_are_a_table_too(tmp_path: Path) -> None:
    path = TrainingFolder(tmp_path).explain([{"step": 1, "loss/natural": math.nan}])
    assert path == tmp_path / "last_steps.csv"
    assert rows_of(path) == [{"step": "1", "loss/natural": "nan"}]


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    folder.add(row(1))
    before = (tmp_path / "epochs.csv").read_bytes()
    (tmp_path / ".epochs.csv.unfinished").mkdir()  # in the way of the temporary file
    with pytest.raises(OSError, match="epochs"):
        folder.add(row(2))
    assert (tmp_path / "epochs.csv").read_bytes() == before
