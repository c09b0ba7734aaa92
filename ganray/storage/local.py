"""Plain paths and file://, in plain Python.

obstore's local store is not used: one odd file name fails its whole listing, it cannot read a file called `a#1`, and it is slower than
the three system calls of a write.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from stat import S_ISDIR
from typing import BinaryIO

from ganray.errors import ObjectExists, ObjectNotFound, StorageError
from ganray.storage.failures import from_os_error
from ganray.storage.store import ObjectInfo, Store, check_key

OWN = ".ganray-"  # prefix of unfinished writes; such files are not objects


class LocalStore(Store):
    """Files below a folder. The folder is made by the first write.

    Writes are atomic between processes: `put` writes a hidden file and renames it, `create` writes an unnamed file and links it.

    A killed process leaves whole files only. A power cut before `settle` returns may leave files of `put` and `create` empty or missing:
    an fsync per write would make bulk images 20 to 40 times slower (measured on ext4: 9,000 writes/s of 4 KB against 200 to 400), so there
    is one sync, before the object that marks the work as complete.
    """

    run = 16  # one thread reads ahead: a file of the page cache is read in 60 us, and among sixteen threads in 300

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()  # valid in processes with another working directory
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
                raise StorageError(f"{path} could not be written: the name is taken by a file or folder", "Choose another key.") from error
        return etag or self._create_by_link(key, data)

    def _create_by_link(self, key: str, data: bytes | memoryview) -> str:
        """`create` on systems without unnamed files (O_TMPFILE)."""

        def link(unfinished: Path, path: Path) -> None:
            try:
                path.hardlink_to(unfinished)
            except FileExistsError:
                raise ObjectExists(f"{path} exists already") from None

        return self._write(key, data, link)

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
        """Metadata of an object; see Store."""
        with self._reported(key):
            stat = self._path(key).stat()
        if S_ISDIR(stat.st_mode):
            raise ObjectNotFound(f"{self.url_of(key)} is a folder", "Check the path.")
        return describe(key, stat)

    def list(self, prefix: str = "", suffix: str = "") -> Iterator[ObjectInfo]:
        """All files in a folder and below; see Store. Sockets, pipes and broken links are not objects."""
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
        """Sync the file system that holds the folder; see Store."""
        with self._reported(""), opened(self.root) as descriptor:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def prefix_of(self, other: Store) -> str | None:
        """The prefix of another store's folder in this one, with links and dots resolved; see Store."""
        if not isinstance(other, LocalStore):
            return None
        own_root, other_root = self.root.resolve(), other.root.resolve()
        return str(other_root.relative_to(own_root)).removeprefix(".") if other_root.is_relative_to(own_root) else None

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
                except FileNotFoundError:  # first file of the folder
                    path.parent.mkdir(parents=True, exist_ok=True)
                    etag = write_through(unfinished, data)
                finish(unfinished, path)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise StorageError(f"{path} could not be written: the name is taken by a file or folder", "Choose another key.") from error
            finally:
                with suppress(OSError):
                    unfinished.unlink()
        return etag

    @contextmanager
    def _reported(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise from_os_error(error, self.url_of(key)) from error


def create_whole(path: str, data: bytes | memoryview) -> str:
    """Write an unnamed file and link it to `path`; returns its etag, empty where the system does not support that.

    Raises FileExistsError. Takes 20 us, where a hidden file that is linked and removed takes 40; a killed process leaves nothing behind.
    """
    if not hasattr(os, "O_TMPFILE"):
        return ""
    folder = os.path.dirname(path)  # noqa: PTH120  Path takes 5 us
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except FileNotFoundError:  # first file of the folder
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
    """Any open folder: os.link follows the link in /proc only when a dir_fd is given."""
    return os.open("/", os.O_RDONLY | os.O_CLOEXEC)


def write_through(path: Path, data: bytes | memoryview) -> str:
    """Write a new file completely; returns its etag, which a rename does not change."""
    with path.open("xb", buffering=0) as file:
        pour(file.fileno(), data)
        return etag_of(os.fstat(file.fileno()))


def pour(descriptor: int, data: bytes | memoryview) -> None:
    """Write all bytes to a file descriptor."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A read-only file descriptor of a file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def etag_of(stat: os.stat_result) -> str:
    """Identifies this version of a file: a rewrite changes its inode, or at least its time or size."""
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


def describe(key: str, stat: os.stat_result) -> ObjectInfo:
    """The ObjectInfo of a file's stat result."""
    return ObjectInfo(key, stat.st_size, etag_of(stat), datetime.fromtimestamp(stat.st_mtime, UTC))


def walk(folder: Path, prefix: str, suffix: str, parents: tuple[tuple[int, int], ...] = ()) -> Iterator[ObjectInfo]:
    """All files below a folder in the byte order of their keys; links to a parent folder are not followed.

    A name that is not UTF-8 is listed with those bytes escaped: the file cannot be read by that key, so the reader reports it.
    """
    try:
        stat = folder.stat()
        entries = [(entry, entry.is_dir()) for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return
    identity = (stat.st_dev, stat.st_ino)
    if identity in parents:
        return
    for entry, is_folder in sorted(entries, key=lambda pair: os.fsencode(pair[0].name) + b"/" * pair[1]):
        key = prefix + os.fsencode(entry.name).decode("utf-8", "backslashreplace")
        if is_folder:
            yield from walk(folder / entry.name, f"{key}/", suffix, (*parents, identity))
        elif entry.is_file() and key.endswith(suffix) and not entry.name.startswith(OWN):
            yield describe(key, entry.stat())
