"""The interface of a store, and what all stores share."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import BinaryIO, NamedTuple

from ganray.errors import InvalidKey, ObjectCorrupt, ObjectNotFound, StorageError


class ObjectInfo(NamedTuple):
    """Metadata of an object; `etag` identifies its version, `modified` is in UTC."""

    key: str
    size: int
    etag: str
    modified: datetime


class Store(ABC):
    """Objects under one prefix: `url` is the prefix, and keys are relative to it.

    Methods are thread-safe, retry a bounded number of times, and raise errors of `ganray.errors` that name the object's URL. Writes are
    atomic: a reader never sees a partial object. A store pickles as its URL and is opened again when it is unpickled.
    """

    run = 1  # objects that a thread of `get_many` reads one after the other: more where to hand one over takes longer than to read it

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") or "/"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @abstractmethod
    def put(self, key: str, data: bytes) -> str:
        """Write an object and overwrite an older one; returns its etag."""

    @abstractmethod
    def create(self, key: str, data: bytes | memoryview) -> str:
        """Write an object that must not exist yet; returns its etag. Raises ObjectExists: of many writers, one succeeds."""

    @abstractmethod
    def get(self, key: str) -> bytes:
        """Read an object. Raises ObjectNotFound."""

    @abstractmethod
    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read `length` bytes from byte `start` on, fewer at the end of the object."""

    @abstractmethod
    def head(self, key: str) -> ObjectInfo:
        """Metadata of an object. Raises ObjectNotFound."""

    @abstractmethod
    def list(self, prefix: str = "", suffix: str = "") -> Iterator[ObjectInfo]:
        """All objects below the folder `prefix` whose keys end in `suffix`, in the byte order of their keys.

        A stream: memory does not grow with the number of objects. A missing folder is empty.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete an object; idempotent."""

    @abstractmethod
    def child(self, prefix: str) -> Store:
        """The store of a subfolder."""

    @abstractmethod
    def open_seekable(self, key: str) -> BinaryIO:
        """Open an object as a file that reads only the requested ranges, e.g. one row group of a Parquet file."""

    def url_of(self, key: str) -> str:
        """The URL of an object, as used in error messages."""
        return f"{self.url.rstrip('/')}/{key}" if key else self.url

    def prefix_of(self, other: Store) -> str | None:
        """The prefix of another store's folder in this one: empty if they are the same, None if it is not below this one."""
        if other.url == self.url:
            return ""
        above = self.url.rstrip("/") + "/"
        return other.url[len(above) :] if other.url.startswith(above) else None

    def settle(self) -> None:  # noqa: B027
        """Make everything written so far durable: call it before the object that marks the work as complete is written.

        Objects in a bucket are durable when a write returns; files need a sync of their disk.
        """

    def exists(self, key: str) -> bool:
        """Whether the object exists."""
        try:
            self.head(key)
        except ObjectNotFound:
            return False
        return True

    def get_verified(self, key: str, size: int, sha256: str) -> bytes:
        """Read an object that must have this size and sha256 (hex). Raises ObjectCorrupt when two reads in a row do not match.

        The digest catches what transport checks do not: a body that was cut together with its Content-Length.
        """
        for _ in range(2):
            data = self.get(key)
            digest = hashlib.sha256(data).hexdigest()
            if len(data) == size and digest == sha256:
                return data
        content = f"{len(data)} bytes, sha256 {digest[:12]}..., expected {size} bytes, sha256 {sha256[:12]}..."
        raise ObjectCorrupt(f"{self.url_of(key)} is not what was written: {content}", "Restore the object, or create it again.")

    def get_many(self, keys: Iterable[str], parallel: int = 16) -> Iterator[tuple[str, bytes | StorageError]]:
        """Read many objects in parallel, in the order of `keys`; an object that cannot be read yields its error in its place.

        Holds at most `2 * parallel` objects at a time.
        """
        size, rest = min(self.run, parallel), iter(keys)
        threads = parallel // size
        pool = ThreadPoolExecutor(threads, thread_name_prefix="get_many")
        pending: deque[Future[Sequence[tuple[str, bytes | StorageError]]]] = deque()
        try:
            while run := list(islice(rest, size)):
                pending.append(pool.submit(self._get_run, run))
                if len(pending) == 2 * threads:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:  # it may run in the garbage collector, which must wait for no thread
            pool.shutdown(wait=False, cancel_futures=True)

    def _get_run(self, keys: Sequence[str]) -> Sequence[tuple[str, bytes | StorageError]]:
        results: list[tuple[str, bytes | StorageError]] = []
        for key in keys:
            try:
                results.append((key, self.get(key)))
            except StorageError as error:
                results.append((key, error))
        return results


def check_key(key: str) -> str:
    """Returns the key. Raises InvalidKey unless it is a relative path of plain segments, which every store supports."""
    if any(part in ("", ".", "..") for part in key.split("/")) or "\0" in key:
        raise InvalidKey(f"{key!r} cannot be an object's key", "Use names joined by single slashes, without . and .. segments.")
    return key
