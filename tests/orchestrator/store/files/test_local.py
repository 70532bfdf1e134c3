"""Files in a folder: nothing half written, one winner of each race, no share taken for empty."""

from __future__ import annotations

import errno
import importlib.util
import os
import pickle
import resource
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from orchestrator.store.files import local
from orchestrator.store.files.by_url import open_files
from orchestrator.store.files.contract import MARK, Files, FullError, RefusedError, UnreachableError
from orchestrator.store.files.local import LocalFiles
from tests.orchestrator.disks import small_disk
from tests.orchestrator.store.files.contract import (
    FilesAreADictionary,
    assert_one_process_creates,
    assert_one_thread_creates,
)

Verb = Callable[[Files], object]

READING: dict[str, Verb] = {
    "read": lambda files: files.read("a/it"),
    "names": lambda files: files.names("a"),
    "names of the root": lambda files: files.names(""),
    "sizes": lambda files: files.sizes("a"),
}
CHANGING: dict[str, Verb] = {
    "write": lambda files: files.write("a/b/other", b"new"),
    "create": lambda files: files.create("a/b/other", b"new"),
    "remove": lambda files: files.remove("a/it"),
    "rename": lambda files: files.rename("a/it", "c/it"),
}
VERBS = READING | CHANGING


class FolderIsADictionary(FilesAreADictionary):
    def new_files(self) -> Files:
        self._folder = tempfile.TemporaryDirectory()
        return LocalFiles(Path(self._folder.name) / "runs")

    def teardown(self) -> None:
        self._folder.cleanup()


FolderIsADictionary.TestCase.settings = settings(
    deadline=None, derandomize=True, max_examples=15, stateful_step_count=15
)
test_folder_is_a_dictionary = FolderIsADictionary.TestCase


def test_one_of_many_threads_creates(tmp_path: Path) -> None:
    assert_one_thread_creates(LocalFiles(tmp_path), "race")


def test_one_of_many_processes_creates(tmp_path: Path) -> None:
    assert_one_process_creates(LocalFiles(tmp_path), "race", start="fork")


def test_nothing_is_made_before_the_first_write(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "runs")
    assert (files.read("a/b"), files.names("a"), files.sizes("")) == (None, [], {})
    files.remove("a/b")
    files.rename("a/b", "c/d")
    assert list(tmp_path.iterdir()) == []


def test_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    versions = [bytes([number]) * 300_000 for number in range(4)]
    files.write("it", versions[0])
    is_over = threading.Event()
    seen: list[bytes | None] = []

    def keep_reading() -> None:
        while not is_over.is_set():
            seen.append(files.read("it"))

    reader = threading.Thread(target=keep_reading)
    reader.start()
    for number in range(60):
        files.write("it", versions[number % 4])
    is_over.set()
    reader.join()
    assert len(seen) > 10
    assert set(seen) <= set(versions)
    assert files.names("") == ["it"]


@pytest.mark.slow
def test_a_writer_that_was_killed_leaves_nothing_to_be_found(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write("a/it", b"whole")
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from orchestrator.store.files.local import LocalFiles\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "LocalFiles(Path(sys.argv[1])).write('a/it', b'new')"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert len(list((tmp_path / "a").iterdir())) == 2
    assert (files.names("a"), files.sizes("")) == (["it"], {"a/it": 5})
    assert files.read("a/it") == b"whole"


def test_folder_that_is_a_link_is_listed_as_any_other(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "runs")
    (tmp_path / "disk" / "t1").mkdir(parents=True)
    files.write("store", b"")
    (tmp_path / "runs" / "trials").symlink_to(tmp_path / "disk")
    files.write("trials/t1/it", b"123")
    assert files.sizes("") == {"store": 0, "trials/t1/it": 3}
    assert files.sizes("trials/t1") == {"trials/t1/it": 3}
    assert files.names("trials") == ["t1"]


# --- what the disk says


def test_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.write("it", b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            files.write("it", b"new" * 1000)
        with pytest.raises(OSError, match="too large"):
            files.create("other", b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files.read("it") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        *((number, UnreachableError) for number in (errno.ESTALE, errno.EIO, errno.ENOTCONN)),
        *((number, UnreachableError) for number in (errno.EHOSTDOWN, errno.ETIMEDOUT)),
        *((number, FullError) for number in (errno.ENOSPC, errno.EDQUOT)),
        (errno.EROFS, RefusedError),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_what_a_disk_says_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[OSError]
) -> None:
    files = LocalFiles(tmp_path)
    files.write("a/it", b"old")

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    for verb in (files.write, files.create):
        with pytest.raises(expected, match=os.strerror(number)) as caught:
            verb("a/it", b"new")
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == number
        assert str(tmp_path) in str(caught.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "it"]
    assert files.read("a/it") == b"old"


def test_file_that_cannot_be_read_is_not_taken_for_none() -> None:
    """A process's memory at address 0: the kernel itself says EIO."""
    with pytest.raises(UnreachableError, match="Input/output error"):
        LocalFiles(Path("/proc/self")).read("mem")


def test_folder_without_a_way_to_flush_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def flush_files_alone(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_dir():
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", flush_files_alone)
    files = LocalFiles(tmp_path)
    assert files.create("a/it", b"1")
    assert files.read("a/it") == b"1"


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_file_system_without_hard_links_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)
    files = LocalFiles(tmp_path)
    with pytest.raises(RefusedError, match=r"hard links.*put it on ext4, XFS or NFS"):
        files.create("it", b"1")
    assert list(tmp_path.iterdir()) == []
    files.write("it", b"1")  # which needs none


# --- shares that go away


def share_away(root: Path) -> None:
    root.rename(root.with_name("away"))


def share_unmounted(root: Path) -> None:
    """Its mount point is still there, an empty folder."""
    share_away(root)
    root.mkdir()


@pytest.fixture
def marked(tmp_path: Path) -> LocalFiles:
    """Files with a mark and one file `a/it`, as a second object finds them."""
    for name in (MARK, "a/it"):
        LocalFiles(tmp_path / "runs").write(name, b"1")
    files = LocalFiles(tmp_path / "runs")
    assert files.read("a/it") == b"1"
    return files


@pytest.mark.parametrize("leave", [share_away, share_unmounted])
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_share_that_is_away_is_not_empty(
    marked: LocalFiles, verb: Verb, leave: Callable[[Path], None]
) -> None:
    elsewhere = pickle.loads(pickle.dumps(marked))
    leave(marked.root)
    left = sorted(marked.root.parent.rglob("*"))
    for files in (marked, elsewhere):
        with pytest.raises(UnreachableError, match=r"store\.json.* is gone: mount the share"):
            verb(files)
    assert sorted(marked.root.parent.rglob("*")) == left


def test_share_that_is_back_is_as_it_was(marked: LocalFiles) -> None:
    share_away(marked.root)
    with pytest.raises(UnreachableError):
        marked.read("a/it")
    marked.root.with_name("away").rename(marked.root)
    assert marked.read("a/it") == b"1"
    assert marked.read("a/other") is None
    assert marked.names("") == ["a", MARK]


def test_share_that_goes_in_the_middle_of_a_write_has_not_got_it(
    marked: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def leave(descriptor: int) -> None:
        real(descriptor)
        if marked.root.exists():
            share_away(marked.root)

    monkeypatch.setattr(os, "fsync", leave)
    for verb in (marked.write, marked.create):
        with pytest.raises(UnreachableError):
            verb("a/other", b"new")
        assert not marked.root.exists()
        marked.root.with_name("away").rename(marked.root)
        assert marked.read("a/other") is None


@pytest.mark.parametrize("leave", [share_away, share_unmounted])
def test_share_that_goes_just_before_a_write_has_not_got_it(
    marked: LocalFiles, monkeypatch: pytest.MonkeyPatch, leave: Callable[[Path], None]
) -> None:
    """What is written to a mount point must not be told to be in the share."""
    real = secrets.token_hex

    def leave_first(size: int) -> str:
        leave(marked.root)
        return real(size)

    monkeypatch.setattr(secrets, "token_hex", leave_first)
    with pytest.raises(UnreachableError):
        marked.create("a/other", b"new")
    assert marked.root.exists() is (leave is share_unmounted)


def test_place_without_a_mark_may_come_and_go(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "runs")
    files.write("a/it", b"1")
    share_away(files.root)
    assert files.read("a/it") is None
    files.write("a/it", b"2")
    assert files.read("a/it") == b"2"


# --- a real small disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as root:
        yield root


def test_full_disk_is_told_and_left_tidy(disk: Path) -> None:
    files = LocalFiles(disk)
    files.write("it", b"old")
    for verb in (files.write, files.create):
        with pytest.raises(FullError, match=r"is full \(No space left on device\): make room"):
            verb("it", bytes(2**21))
    assert files.read("it") == b"old"
    assert [path.name for path in disk.rglob("*")] == ["it"]
    files.write("it", bytes(2**19))


def test_read_only_disk_refuses(disk: Path) -> None:
    files = LocalFiles(disk)
    files.write("it", b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(RefusedError, match=r"must be open to this user \(Read-only file system\)"):
        files.write("it", b"new")
    assert files.read("it") == b"old"


def test_unmounted_disk_is_away(disk: Path) -> None:
    files = LocalFiles(disk)
    files.write(MARK, b"1")
    subprocess.run(["umount", str(disk)], check=True)
    for verb in VERBS.values():
        with pytest.raises(UnreachableError):
            verb(files)
    assert list(disk.iterdir()) == []


# --- by URL


def test_folder_is_opened_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/somebody")
    assert open_files("runs").url == str(tmp_path / "runs")
    assert open_files("/a/b").url == "/a/b"
    assert open_files("~/runs").url == "/somebody/runs"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["ftp://bucket/a", "file:///a", "http://me:secret@host/x", "S3://b"]
)
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"path of a folder or s3://BUCKET/PREFIX") as caught:
        open_files(url)
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_local_user_waits_for_no_client_of_buckets(tmp_path: Path) -> None:
    script = (
        "import sys; from orchestrator.store.files.by_url import open_files\n"
        "open_files(sys.argv[1]).write('it', b'')\n"
        "print({'boto3', 'botocore', 'obstore'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- other systems


def test_errors_that_only_linux_has_are_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS and Windows lack some by name; the module is read anew without them."""
    for name in ("EREMOTEIO", "ECOMM", "ENOLINK", "EHOSTDOWN", "EDQUOT", "ESTALE"):
        monkeypatch.delattr(errno, name)
    spec = importlib.util.spec_from_file_location("anew", str(local.__file__))
    assert spec is not None
    assert spec.loader is not None
    anew = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    files = anew.LocalFiles(tmp_path)
    files.write("a/it", b"1")
    assert files.read("a/it") == b"1"


def test_where_folders_cannot_be_opened_they_are_not_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    monkeypatch.delattr(os, "O_DIRECTORY")
    files = LocalFiles(tmp_path)
    files.write("a/it", b"1")
    assert files.create("a/other", b"2")
    files.rename("a/it", "b/it")
    assert files.sizes("") == {"a/other": 1, "b/it": 1}


@pytest.mark.parametrize("is_windows", [True, False])
def test_file_that_is_read_while_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_windows: bool
) -> None:
    """Windows refuses that for a moment; elsewhere a refusal is about permissions."""
    refusals = [PermissionError(errno.EACCES, "used by another process")] * 3
    replace = Path.replace

    def refuse(source: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(source, target)

    monkeypatch.setattr(local, "_IS_WINDOWS", is_windows)
    monkeypatch.setattr(Path, "replace", refuse)
    files = LocalFiles(tmp_path)
    if is_windows:
        files.write("it", b"1")
        assert files.read("it") == b"1"
    else:
        with pytest.raises(RefusedError, match="must be open to this user"):
            files.write("it", b"1")
