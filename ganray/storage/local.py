"""Plain paths and file://, in plain Python.

obstore's local store fails a whole listing on one odd file name, cannot read a file called `a#1`, has no compare-and-swap, and
is slower here than the three system calls that it takes.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import io
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from stat import S_ISDIR
from typing import Any, BinaryIO

from ganray.errors import ObjectChanged, ObjectExists, ObjectNotFound, StorageError
from ganray.storage.failures import from_os_error
from ganray.storage.store import ObjectInfo, Store, check_key

OWN = ".ganray-"  # files of these names are this module's own (unfinished writes, locks) and are no objects


class LocalStore(Store):
    """Files below a folder. The folder is made by the first write.

    A write goes to a hidden file and is renamed into place (`put`, `replace`), or to one without a name that gets it (`create`): atomic
    between processes. `replace` holds a lock file of the folder; a plain `put` does not, so a key that is swapped must be
    written by `create` and `replace` alone.

    A killed process leaves whole files only. A power cut is another matter: until `settle` returns, what `put` and `create` wrote may be
    empty or missing after it. Waiting for the disk at every write would make bulk images 20 to 40 times slower (measured on ext4:
    9,000 writes/s of 4 KB against 200 to 400), so it is waited for once, before the object that says all is there. `replace` always waits.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()  # so that a process with another working folder finds it too
        super().__init__(str(self.root))

    def __reduce__(self) -> tuple[type[LocalStore], tuple[Path]]:
        return LocalStore, (self.root,)

    def put(self, key: str, data: bytes) -> str:
        """Write an object; see Store."""
        return self._write(key, data, os.replace)

    def create(self, key: str, data: bytes | memoryview) -> str:
        """Write an object that must not exist yet; see Store."""
        path = self._path(key)
        with self._reported(key):
            try:
                etag = create_whole(str(path), data)
            except FileExistsError:
                raise ObjectExists(f"{path} exists already") from None
            except NotADirectoryError as error:
                raise StorageError(f"{path} could not be written: something else has that name", "Choose another key.") from error
        return etag or self._create_by_link(key, data)

    def _create_by_link(self, key: str, data: bytes | memoryview) -> str:
        """The same where the system has no files without a name."""

        def link(unfinished: Path, path: Path) -> None:
            try:
                path.hardlink_to(unfinished)
            except FileExistsError:
                raise ObjectExists(f"{path} exists already") from None

        return self._write(key, data, link)

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write over exactly the version `etag`; see Store."""

        def swap(unfinished: Path, path: Path) -> None:
            with self._locked(path.parent):
                found = etag_of(path.stat()) if path.exists() else "nothing"
                if found != etag:
                    raise ObjectChanged(f"{path} is not the version {etag} any more but {found}", "Read it again and repeat the change.")
                sync(unfinished)
                unfinished.replace(path)
                sync(path.parent)

        return self._write(key, data, swap)

    def get(self, key: str) -> bytes:
        """Read an object; see Store."""
        with self._reported(key):
            return self._path(key).read_bytes()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read a range; see Store."""
        with self._reported(key), self._path(key).open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(length)

    def head(self, key: str) -> ObjectInfo:
        """Look at an object; see Store."""
        with self._reported(key):
            stat = self._path(key).stat()
        if S_ISDIR(stat.st_mode):
            raise ObjectNotFound(f"{self.url_of(key)} is a folder", "Check the path.")
        return describe(key, stat)

    def list(self, prefix: str = "", suffix: str = "") -> Iterator[ObjectInfo]:
        """All files in a folder and below; see Store. Sockets, pipes and broken links are no objects."""
        folder = prefix.strip("/")
        with self._reported(folder):
            yield from walk(self._path(folder) if folder else self.root, f"{folder}/" if folder else "", suffix)

    def delete(self, key: str) -> None:
        """Remove an object; see Store. Its folder stays."""
        with self._reported(key), suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self._path(key).unlink()

    def child(self, prefix: str) -> LocalStore:
        """The store of a folder below; see Store."""
        return LocalStore(self._path(prefix.strip("/")))

    def settle(self) -> None:
        """Wait for the disk that holds the folder; see Store."""
        with self._reported(""), opened(self.root) as descriptor:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def prefix_of(self, other: Store) -> str | None:
        """The prefix of another store's folder in this one, links and dots resolved; see Store."""
        if not isinstance(other, LocalStore):
            return None
        here, there = self.root.resolve(), other.root.resolve()
        return str(there.relative_to(here)).removeprefix(".") if there.is_relative_to(here) else None

    def open_seekable(self, key: str) -> BinaryIO:
        """Open an object as a file; see Store."""
        with self._reported(key):
            return self._path(key).open("rb")

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _write(self, key: str, data: bytes | memoryview, finish: Callable[[Path, Path], None]) -> str:
        path = self._path(key)
        unfinished = path.with_name(f"{OWN}{secrets.token_hex(8)}")
        with self._reported(key):
            try:
                try:
                    etag = write_through(unfinished, data)
                except FileNotFoundError:  # the folder's first file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    etag = write_through(unfinished, data)
                finish(unfinished, path)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise StorageError(f"{path} could not be written: something else has that name", "Choose another key.") from error
            finally:
                with suppress(OSError):
                    unfinished.unlink()
        return etag

    @contextmanager
    def _locked(self, folder: Path) -> Iterator[None]:
        with (folder / f"{OWN}lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _reported(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise from_os_error(error, self.url_of(key)) from error


def create_whole(path: str, data: bytes | memoryview) -> str:
    """Write a file that gets its name, if nothing has it, when it is whole; returns its etag, empty where the system cannot do that.

    Half the system's work of a hidden file that is linked and removed (20 of 40 us), and a process that is killed leaves nothing.
    """
    if not hasattr(os, "O_TMPFILE"):
        return ""
    folder = os.path.dirname(path)  # noqa: PTH120  a Path takes 5 us
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except FileNotFoundError:  # the folder's first file
        Path(folder).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            return ""
        raise
    try:
        pour(descriptor, data)
        etag = etag_of(os.fstat(descriptor))
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=_root(), follow_symlinks=True)
    except FileNotFoundError:  # no /proc
        return ""
    finally:
        os.close(descriptor)
    return etag


@lru_cache(maxsize=1)
def _root() -> int:
    """Any open folder: Python follows a link to what is linked to only where one is given."""
    return os.open("/", os.O_RDONLY | os.O_CLOEXEC)


def write_through(path: Path, data: bytes | memoryview) -> str:
    """Write a new file to the last byte; returns its etag, which a rename does not change."""
    with path.open("xb", buffering=0) as file:
        pour(file.fileno(), data)
        return etag_of(os.fstat(file.fileno()))


def pour(descriptor: int, data: bytes | memoryview) -> None:
    """Write to the last byte."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class FileWriter(io.RawIOBase):
    """A file that appears under its name, whole and on the disk, when it is closed; after a failed write it does not appear."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path, self._unfinished = path, path.with_name(f"{OWN}{secrets.token_hex(8)}")
        self._file = self._unfinished.open("xb", buffering=0)

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: Any, /) -> int:
        """Take bytes; returns their number."""
        rest = memoryview(data).cast("B")
        num = len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.close()
            self._unfinished.unlink()
            raise
        return num

    def close(self) -> None:
        """Put the file in its place."""
        if self.closed:
            return
        super().close()
        if not self._file.closed:
            with self._file:
                os.fsync(self._file.fileno())
            self._unfinished.replace(self._path)
            sync(self._path.parent)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    with opened(path) as descriptor:
        os.fsync(descriptor)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A file descriptor to read a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def etag_of(stat: os.stat_result) -> str:
    """A name for this version of a file: a rewritten file is another inode, or at least another time or size."""
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


def describe(key: str, stat: os.stat_result) -> ObjectInfo:
    """A file's status as an ObjectInfo."""
    return ObjectInfo(key, stat.st_size, etag_of(stat), datetime.fromtimestamp(stat.st_mtime, UTC))


def walk(folder: Path, prefix: str, suffix: str, above: tuple[tuple[int, int], ...] = ()) -> Iterator[ObjectInfo]:
    """The files of a folder and below in the byte order of their keys; a link back to a folder above is not followed.

    A name that is not UTF-8 is listed with its odd bytes escaped: it cannot be read, and so is found and reported.
    """
    try:
        stat = folder.stat()
        entries = [(entry, entry.is_dir()) for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return
    here = (stat.st_dev, stat.st_ino)
    if here in above:
        return
    for entry, is_folder in sorted(entries, key=lambda pair: os.fsencode(pair[0].name) + b"/" * pair[1]):
        key = prefix + os.fsencode(entry.name).decode("utf-8", "backslashreplace")
        if is_folder:
            yield from walk(folder / entry.name, f"{key}/", suffix, (*above, here))
        elif entry.is_file() and key.endswith(suffix) and not entry.name.startswith(OWN):
            yield describe(key, entry.stat())
