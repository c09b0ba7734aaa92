"""A store as a pyarrow filesystem, for Ray Train.

Buckets over our own store instead of pyarrow's S3 client: the same credentials (renewed, and never pickled), the same endpoint, bounds and
errors, and no checksum trailers, which Ceph's gateway refuses. Files over pyarrow's local one, but for small writes, which are atomic:
Ray Train rewrites the list of its checkpoints in place, and a run that is killed there could not be resumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import fs

from ganray.errors import ObjectNotFound
from ganray.storage.local import FileWriter, LocalStore
from ganray.storage.remote import RemoteStore
from ganray.storage.schemes import open_store


def arrow_filesystem(url: str) -> tuple[Any, str]:
    """The `pyarrow.fs.FileSystem` of a store's URL and the path of the URL in it; the filesystem pickles to Ray's workers."""
    store = open_store(url)
    if isinstance(store, LocalStore):
        return AtomicFileSystem(), store.url
    scheme, _, path = store.url.partition("://")
    root = open_store(f"{scheme}://{path.partition('/')[0]}")
    assert isinstance(root, RemoteStore)
    return fs.PyFileSystem(BucketHandler(root)), path


class AtomicFileSystem(fs.LocalFileSystem):  # type: ignore[misc]
    """pyarrow's local filesystem, whose streams opened from Python show a file only when it is whole.

    `fs.copy_files`, by which Ray Train copies checkpoints into new folders, stays in C++ and at its speed; and Ray, which knows it for a
    local filesystem, reads checkpoints where they lie.
    """

    def __reduce__(self) -> tuple[type[AtomicFileSystem], tuple[()]]:
        return AtomicFileSystem, ()

    def open_output_stream(self, path: str, *_: Any, **__: Any) -> Any:
        """Open a file to write, uncompressed; it appears when the stream is closed."""
        return pa.PythonFile(FileWriter(Path(path)), mode="w")


class BucketHandler(fs.FileSystemHandler):  # type: ignore[misc]
    """What pyarrow asks of a filesystem, answered by the store of a bucket; a path is BUCKET/KEY.

    A folder is there when an object is in it, so making one does nothing.
    """

    def __init__(self, store: RemoteStore) -> None:
        self.store = store

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BucketHandler) and self.store.url == other.store.url

    def __hash__(self) -> int:
        return hash(self.store.url)

    def get_type_name(self) -> str:
        """The scheme."""
        return self.store.url.partition("://")[0]

    def normalize_path(self, path: str) -> str:
        """The path as it is."""
        return path

    def get_file_info(self, paths: list[str]) -> list[Any]:
        """Whether each path is an object, a folder, or nothing."""
        return [self._look(path) for path in paths]

    def get_file_info_selector(self, selector: Any) -> list[Any]:
        """Objects and folders in a folder, or in all below it too."""
        base = selector.base_dir.strip("/")
        found = {info.path: info for info in self._below(base, selector.recursive)}
        if not found and not selector.allow_not_found:
            raise FileNotFoundError(f"{base} does not exist")
        return list(found.values())

    def create_dir(self, path: str, recursive: bool) -> None:
        """Nothing to do."""

    def delete_dir(self, path: str) -> None:
        """Delete everything below a path."""
        for info in list(self.store.list(self._key(path))):
            self.store.delete(info.key)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        """Delete everything below a path."""
        self.delete_dir(path)

    def delete_root_dir_contents(self) -> None:
        """Refused: a whole bucket is not deleted in passing."""
        raise NotImplementedError("a bucket is not emptied through this filesystem")

    def delete_file(self, path: str) -> None:
        """Delete an object."""
        self.store.delete(self._key(path))

    def copy_file(self, src: str, dest: str) -> None:
        """Copy one object."""
        self.store.put(self._key(dest), self.store.get(self._key(src)))

    def move(self, src: str, dest: str) -> None:
        """Move one object."""
        self.copy_file(src, dest)
        self.delete_file(src)

    def open_input_stream(self, path: str) -> Any:
        """Open an object to read."""
        return pa.PythonFile(self._open(path), mode="r")

    def open_input_file(self, path: str) -> Any:
        """Open an object to read at any place."""
        return pa.PythonFile(self._open(path), mode="r")

    def open_output_stream(self, path: str, metadata: dict[str, str]) -> Any:
        """Open an object to write; it appears when the stream is closed."""
        return pa.PythonFile(self.store.open_writer(self._key(path)), mode="w")

    def open_append_stream(self, path: str, metadata: dict[str, str]) -> Any:
        """Refused: objects do not grow."""
        raise NotImplementedError("an object cannot be appended to")

    def _key(self, path: str) -> str:
        return path.strip("/").partition("/")[2]

    def _open(self, path: str) -> BinaryIO:
        try:
            return self.store.open_seekable(self._key(path))
        except ObjectNotFound as error:  # as every pyarrow filesystem says it
            raise FileNotFoundError(str(error)) from error

    def _look(self, path: str) -> Any:
        key = self._key(path)
        if key and self.store.exists(key):
            info = self.store.head(key)
            return fs.FileInfo(path, fs.FileType.File, size=info.size, mtime=info.modified)
        there = next(self.store.list(key), None) is not None
        return fs.FileInfo(path, fs.FileType.Directory if there else fs.FileType.NotFound)

    def _below(self, base: str, recursive: bool) -> Iterator[Any]:
        """Objects, each after the folders on the way to it; a folder may come more than once."""
        own = len(self._key(base)) + 1 if self._key(base) else 0
        for info in self.store.list(self._key(base)):
            parts = info.key[own:].split("/")
            for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                yield fs.FileInfo("/".join([base, *parts[:depth]]), fs.FileType.Directory)
            if recursive or len(parts) == 1:
                yield fs.FileInfo("/".join([base, *parts]), fs.FileType.File, size=info.size, mtime=info.modified)
