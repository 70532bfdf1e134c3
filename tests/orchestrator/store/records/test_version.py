"""The mark of a store: no other place taken for one, and no damaged file that locks one up."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.store.files.local import LocalFiles
from orchestrator.store.records import version
from orchestrator.store.records.version import VersionError, enter, look

Damage = Callable[[Path], object]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store that was entered, with a trial in it."""
    enter(LocalFiles(tmp_path / "runs"))
    LocalFiles(tmp_path / "runs").write("trials/t1/trial.json", b"{}")
    return tmp_path / "runs"


def content(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def mark_of_version(number: int, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """What the project at another version leaves."""
    with monkeypatch.context() as other:
        other.setattr(version, "VERSION", number)
        other.setattr(version, "EARLIEST", min(number, version.EARLIEST))
        enter(LocalFiles(root))


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


DAMAGES: dict[str, Damage] = {
    "emptied": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "flipped": lambda path: flip(path, 300),
    "another's": lambda path: path.write_text('{"name": "something else"}'),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "gone": Path.unlink,
}


def test_empty_place_becomes_a_store(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "runs")
    assert not look(files)
    assert not files.root.exists()
    enter(files)
    mark = json.loads(files.read("store.json") or b"")
    assert (mark["store"], mark["version"]) == ("pareto-robustness-sweep", 3)
    age = datetime.now(UTC) - datetime.fromisoformat(mark["made"])
    assert 0 <= age.total_seconds() < 60
    assert look(files)


def test_entering_again_changes_nothing(root: Path) -> None:
    before = content(root)
    enter(LocalFiles(root))
    assert look(LocalFiles(root))
    assert content(root) == before


def test_what_else_lies_there_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "trials").mkdir()
    enter(LocalFiles(tmp_path))
    assert look(LocalFiles(tmp_path))


def test_starts_at_once_make_one_mark(tmp_path: Path) -> None:
    barrier = threading.Barrier(6)

    def start(_: int) -> bytes | None:
        files = LocalFiles(tmp_path)
        barrier.wait()
        enter(files)
        files.write(f"trials/t{_}/trial.json", b"{}")
        return files.read("store.json")

    with ThreadPoolExecutor(6) as threads:
        marks = set(threads.map(start, range(6)))
    assert len(marks) == 1
    assert look(LocalFiles(tmp_path))


@pytest.mark.parametrize("folder", ["trials/t1", "sweeps/mine"])
def test_store_without_a_mark_is_of_an_older_version(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    for act in (enter, look):
        with pytest.raises(VersionError, match=r"no store\.json: it was made by an older version"):
            act(LocalFiles(tmp_path))
    assert content(tmp_path) == {}


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (4, r"a newer version of this project \(4; this one knows 3\): update the project"),
        (1, r"an older version of this project \(1; this one knows 3\): go back to that one"),
    ],
)
@pytest.mark.parametrize("damage", [None, "flipped", "emptied"])
def test_other_versions_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str, damage: str | None
) -> None:
    mark_of_version(number, monkeypatch, tmp_path)
    if damage is not None:
        DAMAGES[damage](tmp_path / "store.json")
    before = content(tmp_path)
    for act in (enter, look):
        with pytest.raises(VersionError, match=said):
            act(LocalFiles(tmp_path))
    assert content(tmp_path) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_mark_is_made_again(
    root: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = content(root)
    DAMAGES[damage](root / "store.json")
    damaged = content(root)
    assert look(LocalFiles(root))
    assert content(root) == damaged
    enter(LocalFiles(root))
    after = content(root)
    kept = after.pop("store.json.damaged", None)
    assert after == before
    assert kept == damaged.get("store.json")
    assert "store.json in" in caplog.text
    assert "made again from store.json.copy" in caplog.text


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_copy_is_made_again(root: Path, damage: str) -> None:
    before = content(root)
    DAMAGES[damage](root / "store.json.copy")
    assert look(LocalFiles(root))
    enter(LocalFiles(root))
    assert content(root) == before


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "gone"])
def test_nothing_is_guessed_once_both_are_damaged(root: Path, tmp_path: Path, damage: str) -> None:
    for name in ("store.json", "store.json.copy"):
        DAMAGES[damage](root / name)
    before = content(root)
    for act in (enter, look):
        with pytest.raises(VersionError, match=r"store\.json in storage .* is damaged or not this"):
            act(LocalFiles(root))
    assert content(root) == before
    enter(LocalFiles(tmp_path / "new"))  # the remedy that the message gives
    shutil.move(root / "trials", tmp_path / "new" / "trials")
    enter(LocalFiles(tmp_path / "new"))


def test_anothers_mark_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text('{"store": "groceries", "version": 2}')
    before = content(tmp_path)
    with pytest.raises(VersionError, match="damaged or not this project's"):
        enter(LocalFiles(tmp_path))
    assert content(tmp_path) == before


@pytest.mark.slow
def test_no_flipped_bit_is_misread(root: Path) -> None:
    """Neither the version nor the owner, of a mark that has no copy to be judged by."""
    mark = root / "store.json"
    (root / "store.json.copy").unlink()
    whole = mark.read_bytes()
    accepted = json.loads(whole)
    for bit in range(8 * len(whole)):
        flip(mark, bit)
        try:
            assert look(LocalFiles(root))
            assert json.loads(mark.read_bytes()) == accepted  # white space, say
        except VersionError as error:
            assert "damaged" in str(error)
        mark.write_bytes(whole)
