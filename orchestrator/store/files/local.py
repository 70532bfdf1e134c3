"""Files in a folder, on one disk or on a share."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from orchestrator.store.files.contract import MARK, FullError, RefusedError, UnreachableError
from trainer.input.problems import label


class LocalFiles:
    """Files in a folder, on one disk or on a share that all machines mount.

    A share that is not mounted looks like an empty folder. So once a mark was seen in the root,
    by this object or by the one that it was copied from, nothing is said to be absent, and
    nothing is changed, while the mark is gone. A hard-mounted NFS share does its own waiting:
    calls on it hang, and go on.
    """

    def __init__(self, root: Path) -> None:
        """Use the folder `root`, which the first write makes."""
        self.root = root
        self._is_marked = False

    @property
    def url(self) -> str:
        return str(self.root)

    def read(self, name: str) -> bytes | None:
        with self._reading():
            try:
                return (self.root / name).read_bytes()
            except _ABSENT:
                self._look_for_mark()
                return None

    def write(self, name: str, data: bytes) -> None:
        with self._changing(), self._temporary(name, data) as temporary:
            _moved(temporary, self.root / name)
            _flush(temporary.parent)

    def create(self, name: str, data: bytes) -> bool:
        target = self.root / name
        with self._changing(), self._temporary(name, data) as temporary:
            try:
                os.link(temporary, target)  # fails where a file is, unlike a rename
            except FileExistsError:
                return self.read(name) == data
            except OSError as error:
                if error.errno in _NO_LINKS:
                    raise RefusedError(
                        f"storage must be on a file system with hard links, by which one of "
                        f"several writers is chosen, and {self.url} has none ({error.strerror}); "
                        f"put it on ext4, XFS or NFS, or give a bucket"
                    ) from error
                raise
            _flush(target.parent)
            return True

    def names(self, folder: str) -> list[str]:
        with self._reading():
            found = [name for name, _ in self._entries(folder)]
            if not found:
                self._look_for_mark()
            return sorted(found)

    def sizes(self, folder: str) -> dict[str, int]:
        with self._reading():
            found = dict(self._below(folder))
            self._look_for_mark()  # again: it may have gone in the middle of the walk
            return found

    def remove(self, name: str) -> None:
        with self._changing(), suppress(*_ABSENT):
            (self.root / name).unlink()

    def rename(self, name: str, other: str) -> None:
        source, target = self.root / name, self.root / other
        with self._changing():
            if source.is_file():
                self._make_folder(other)
                with suppress(FileNotFoundError):  # another was faster
                    _moved(source, target)
                _flush(target.parent)

    def unfinished(self, seconds: float) -> dict[str, int]:
        """List by name the bytes of temporary files that did not change for so long: their writers
        were killed. By the clocks of this machine and of the share, so give them hours."""
        with self._reading():
            found = {}
            for path in self.root.rglob(f"{_TEMPORARY}*"):
                with suppress(FileNotFoundError):  # in its place by now
                    status = path.stat()
                    if time.time() - status.st_mtime > seconds:
                        found[path.relative_to(self.root).as_posix()] = status.st_size
            return found

    def remove_empty_folders(self, folder: str) -> None:
        """Remove the folders below `folder`, and itself, that have no file in them."""
        with self._changing():
            for path, _, _ in os.walk(self.root / folder, topdown=False):
                try:
                    Path(path).rmdir()
                except OSError as error:
                    if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
                        raise

    def _entries(self, folder: str) -> list[tuple[str, os.DirEntry[str]]]:
        try:
            with os.scandir(self.root / folder) as entries:
                return [(e.name, e) for e in entries if not e.name.startswith(_TEMPORARY)]
        except _ABSENT:
            return []

    def _below(self, folder: str) -> Iterator[tuple[str, int]]:
        for last, entry in self._entries(folder):
            name = f"{folder}/{last}" if folder else last
            if entry.is_dir():
                yield from self._below(name)
                continue
            try:
                size = entry.stat().st_size
            except FileNotFoundError:  # removed since
                continue
            yield name, size

    @contextmanager
    def _temporary(self, name: str, data: bytes) -> Iterator[Path]:
        """Write the content to a temporary file beside its place, flushed to the disk."""
        path = (self.root / name).parent / f"{_TEMPORARY}{secrets.token_hex(8)}"
        try:
            try:
                _write_new(path, data)
            except FileNotFoundError:
                self._make_folder(name)
                _write_new(path, data)
            yield path
        finally:
            with suppress(OSError):  # moved into place by now, or the place itself is away
                path.unlink()

    def _make_folder(self, name: str) -> None:
        """Make the folder of a file; the root itself only where no mark was seen in it yet."""
        if not self._is_marked:
            self.root.mkdir(parents=True, exist_ok=True)
        folder = self.root
        for part in PurePosixPath(name).parts[:-1]:
            parent, folder = folder, folder / part
            with suppress(FileExistsError):
                folder.mkdir()
                _flush(parent)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._explained():
            if not self._is_marked:
                self._look_for_mark()
            yield

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Look for the mark before and after a change: as a share goes away, writes land
        elsewhere."""
        with self._explained():
            self._look_for_mark()
            try:
                yield
            except FileNotFoundError:  # of a folder: or is it all that is gone?
                self._look_for_mark()
                raise
            self._look_for_mark()

    def _look_for_mark(self) -> None:
        """Look for the mark; where it is missing, check that there was none before either.

        Raises:
            UnreachableError: it was there and is gone.
            RefusedError: the root, or what it lies in, is a file.
        """
        try:
            (self.root / MARK).stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            if self._is_marked:
                raise UnreachableError(
                    f"{self.root / MARK}, the mark of the storage, is gone: mount the share again, "
                    f"or put the folder back"
                ) from error
            if isinstance(error, NotADirectoryError):
                raise RefusedError(
                    f"storage must be a folder, got {label(self.url)}, and a file is there; give "
                    f"another storage"
                ) from error
        else:
            self._is_marked = True

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _AWAY:
                raise UnreachableError(
                    f"{self.url} cannot be reached ({error.strerror}): see that its disk or share "
                    f"is there"
                ) from error
            if error.errno in _FULL:
                raise FullError(
                    f"{self.url} is full ({error.strerror}): make room on its disk or in its quota"
                ) from error
            if error.errno in _FORBIDDEN:
                raise RefusedError(
                    f"{error.filename or self.url} must be open to this user ({error.strerror}): "
                    f"change its permissions, or give another storage"
                ) from error
            if error.errno in _NO_PLACE:
                raise RefusedError(
                    f"storage must be a folder, got {label(self.url)} ({error.strerror}); "
                    f"give another storage"
                ) from error
            raise


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    """Make the names in a folder outlast a power cut, where the system and its files have a way."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_FLUSH:
            raise
    finally:
        os.close(descriptor)


def _moved(source: Path, target: Path) -> None:
    """Rename a file over another. Windows refuses that while somebody reads the other: it is tried
    again for a while."""
    deadline = time.monotonic() + _SECONDS_OF_READING
    while True:
        try:
            source.replace(target)
        except PermissionError:
            if not _IS_WINDOWS or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _numbers(*names: str) -> frozenset[int]:
    """Return the numbers of errors by their names, of those that this system has."""
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


_IS_WINDOWS = os.name == "nt"
_SECONDS_OF_READING = 2.0
_TEMPORARY = ".writing-"
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_AWAY = _numbers(
    *("ESTALE", "EIO", "EREMOTEIO", "ETIMEDOUT", "EAGAIN", "EINTR"),
    *("ENOTCONN", "ECONNRESET", "ECONNREFUSED", "ECONNABORTED", "EPIPE"),
    *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET"),
    *("ENODEV", "ENXIO", "ENOLINK", "ECOMM"),
)
_FULL = _numbers("ENOSPC", "EDQUOT")
_FORBIDDEN = _numbers("EACCES", "EPERM", "EROFS")
_NO_PLACE = _numbers("ELOOP", "ENAMETOOLONG")
_NO_LINKS = _numbers("EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", *(["EINVAL"] * _IS_WINDOWS))
_NO_FOLDER_FLUSH = _numbers("EINVAL", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EBADF")
