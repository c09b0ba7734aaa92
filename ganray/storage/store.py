"""The contract of a store, and what every store does alike."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import BinaryIO, NamedTuple

from ganray.errors import InvalidKey, ObjectCorrupt, ObjectNotFound, StorageError


class ObjectInfo(NamedTuple):
    """What a store knows of an object without reading it; `etag` names this version of it, `modified` is in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


class Store(ABC):
    """Objects under one prefix: `url` is the prefix, and keys are relative to it.

    Every method may be called from many threads, retries within a bound, and raises an error of `ganray.errors`
    that names the object's URL. A reader never sees half an object: a write is all or nothing. A store pickles as its
    URL and is opened again where it is unpickled.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") or "/"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @abstractmethod
    def put(self, key: str, data: bytes) -> str:
        """Write an object, over an older one if there is one; returns its etag."""

    @abstractmethod
    def create(self, key: str, data: bytes | memoryview) -> str:
        """Write an object that must not exist yet; returns its etag, raises ObjectExists. Of many writers one succeeds."""

    @abstractmethod
    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write over exactly the version `etag`; returns the new etag, raises ObjectChanged if it is not there (any more)."""

    @abstractmethod
    def get(self, key: str) -> bytes:
        """Read an object; raises ObjectNotFound."""

    @abstractmethod
    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read `length` bytes from byte `start` on, fewer where the object ends before that."""

    @abstractmethod
    def head(self, key: str) -> ObjectInfo:
        """Look at an object without reading it; raises ObjectNotFound."""

    @abstractmethod
    def list(self, prefix: str = "", suffix: str = "") -> Iterator[ObjectInfo]:
        """All objects in the folder `prefix` and below whose keys end in `suffix`, in the byte order of their keys.

        Streams: memory does not grow with the number of objects. A folder that does not exist has no objects.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is removed already."""

    @abstractmethod
    def child(self, prefix: str) -> Store:
        """The store of a folder below this one."""

    @abstractmethod
    def open_seekable(self, key: str) -> BinaryIO:
        """Open an object as a file that reads only the ranges it is asked for, e.g. one row group of a Parquet file."""

    def url_of(self, key: str) -> str:
        """The URL of an object, as errors name it."""
        return f"{self.url.rstrip('/')}/{key}" if key else self.url

    def prefix_of(self, other: Store) -> str | None:
        """The prefix of another store's folder in this one: empty if they are the same, None if it lies elsewhere."""
        if other.url == self.url:
            return ""
        above = self.url.rstrip("/") + "/"
        return other.url[len(above) :] if other.url.startswith(above) else None

    def settle(self) -> None:  # noqa: B027
        """Return when everything written here so far outlives a power cut: to be called before the object that says so is written.

        A bucket's objects do when a write returns; only files wait for their disk.
        """

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        try:
            self.head(key)
        except ObjectNotFound:
            return False
        return True

    def get_verified(self, key: str, size: int, sha256: str) -> bytes:
        """Read an object that must have this size and this sha256 (hex); raises ObjectCorrupt when two reads in a row differ.

        Transport checks do not catch a body cut together with its Content-Length: the writer's own digest does.
        """
        for _ in range(2):
            data = self.get(key)
            digest = hashlib.sha256(data).hexdigest()
            if len(data) == size and digest == sha256:
                return data
        found = f"{len(data)} bytes, sha256 {digest[:12]}..., expected {size} bytes, sha256 {sha256[:12]}..."
        raise ObjectCorrupt(f"{self.url_of(key)} is not what was written: {found}", "Restore the object, or make it again.")

    def get_many(self, keys: Iterable[str], parallel: int = 16) -> Iterator[tuple[str, bytes | StorageError]]:
        """Read many objects at once, in the order of `keys`; what cannot be read comes as its error, in its place.

        At most `2 * parallel` objects are held at a time.
        """

        def read(key: str) -> bytes | StorageError:
            try:
                return self.get(key)
            except StorageError as error:
                return error

        pool = ThreadPoolExecutor(parallel, thread_name_prefix="get_many")
        waiting: deque[tuple[str, Future[bytes | StorageError]]] = deque()
        try:
            for key in keys:
                waiting.append((key, pool.submit(read, key)))
                if len(waiting) == 2 * parallel:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def check_key(key: str) -> str:
    """The key itself; raises InvalidKey unless it is a relative path of plain segments, the same in every store."""
    if any(part in ("", ".", "..") for part in key.split("/")) or "\0" in key:
        raise InvalidKey(f"{key!r} cannot be an object's key", "Use names joined by single slashes, without . and .. among them.")
    return key
