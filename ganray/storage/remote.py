"""s3://, gs://, az:// and memory:// over obstore: its Rust client moves the bytes without holding Python's lock."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

import obstore
from obstore.exceptions import AlreadyExistsError, GenericError, InvalidPathError, PreconditionError

from ganray.errors import GanrayError, ObjectCorrupt, StorageError
from ganray.storage.failures import from_obstore
from ganray.storage.files import ObjectReader, ObjectWriter
from ganray.storage.store import ObjectInfo, Store, check_key

if TYPE_CHECKING:
    from obstore import ObjectMeta, OffsetRange, PutMode, PutResult, UpdateVersion
    from obstore.store import ObjectStore

Condition = Callable[[str], "UpdateVersion"]
Lister = Callable[[str, str], Iterator["ObjectMeta"]]
PART = 8 << 20  # bytes of a part of a large object; four of them are on their way at once
NO_RANGE = ("status code: 416", "Wanted range starting at", "non-partial response")  # of an empty object, or of a store that has none
ATTEMPTS = 3  # at what obstore does not repeat by itself, though it can be repeated safely


def unquoted(etag: str) -> UpdateVersion:
    """The condition of a swap on S3: Ceph's gateway compares the etag without the quotes of HTTP, and AWS takes both."""
    return {"e_tag": etag}


def quoted(etag: str) -> UpdateVersion:
    """The condition of a swap on Azure and in memory."""
    return {"e_tag": f'"{etag}"'}


def generation(etag: str) -> UpdateVersion:
    """The condition of a swap on Google Cloud Storage, which counts generations."""
    return {"version": etag}


class RemoteStore(Store):
    """Objects below a prefix of a bucket.

    `condition` makes the condition of a swap. `reopen` opens the URL again where the store is unpickled; None forbids pickling.
    `lister(folder, after)` lists a bucket that has keys which obstore cannot hold.
    """

    def __init__(
        self,
        url: str,
        bucket: ObjectStore,
        prefix: str,
        condition: Condition,
        reopen: Callable[[str], Store] | None,
        lister: Lister | None = None,
    ) -> None:
        super().__init__(url)
        self.bucket, self.prefix, self.condition, self.reopen, self.lister = bucket, prefix.strip("/"), condition, reopen, lister

    def __reduce__(self) -> tuple[Callable[[str], Store], tuple[str]]:
        if self.reopen is None:
            raise StorageError(f"{self.url} lives in this process alone and cannot be sent to another", "Use a path or a bucket.")
        return self.reopen, (self.url,)

    def put(self, key: str, data: bytes) -> str:
        """Write an object; see Store."""
        with self._reported(key):
            return self._etag(obstore.put(self.bucket, self._path(key), data, chunk_size=PART, max_concurrency=4))

    def create(self, key: str, data: bytes | memoryview) -> str:
        """Write an object that must not exist yet; see Store."""
        with self._reported(key):
            return self._put_once(self._path(key), data, "create")

    def replace(self, key: str, data: bytes, etag: str) -> str:
        """Write over exactly the version `etag`; see Store."""
        with self._reported(key):
            return self._put_once(self._path(key), data, self.condition(etag))

    def get(self, key: str) -> bytes:
        """Read an object; see Store."""
        with self._reported(key):
            try:
                return self._whole(key, {"offset": 0})
            except GenericError as error:
                if not any(words in str(error) for words in NO_RANGE):
                    raise
                return bytes(obstore.get(self.bucket, self._path(key)).bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read a range; see Store."""
        with self._reported(key):
            return self._whole(key, (start, start + length))

    def head(self, key: str) -> ObjectInfo:
        """Look at an object; see Store."""
        with self._reported(key):
            return self._describe(key, obstore.head(self.bucket, self._path(key)))

    def list(self, prefix: str = "", suffix: str = "") -> Iterator[ObjectInfo]:
        """All objects in a folder and below; see Store."""
        folder = prefix.strip("/")
        own = len(self.prefix) + 1 if self.prefix else 0
        with self._reported(folder):
            for meta in self._objects(self._path(folder) if folder else self.prefix):
                if meta["path"].endswith(suffix):
                    yield self._describe(meta["path"][own:], meta)

    def delete(self, key: str) -> None:
        """Remove an object; see Store."""
        with self._reported(key):
            obstore.delete(self.bucket, self._path(key))

    def child(self, prefix: str) -> RemoteStore:
        """The store of a folder below, on the same connections; see Store."""
        path = self._path(prefix.strip("/"))
        return RemoteStore(self.url_of(prefix.strip("/")), self.bucket, path, self.condition, self.reopen, self.lister)

    def open_seekable(self, key: str) -> BinaryIO:
        """Open an object as a file; see Store."""
        return cast("BinaryIO", ObjectReader(self, key))

    def open_writer(self, key: str) -> BinaryIO:
        """Open an object as a file to write, over an older one if there is one; it appears when the file is closed."""
        file = obstore.open_writer(self.bucket, self._path(key), buffer_size=PART, max_concurrency=4)
        return cast("BinaryIO", ObjectWriter(file, lambda: self._reported(key)))

    def _path(self, key: str) -> str:
        return f"{self.prefix}/{check_key(key)}" if self.prefix else check_key(key)

    def _whole(self, key: str, wanted: tuple[int, int] | OffsetRange) -> bytes:
        """Read a range, again where it comes short: a body that was cut together with its Content-Length looks whole to a client, and only
        the Content-Range of an answer still tells how long it was."""
        for _ in range(ATTEMPTS):
            found = obstore.get(self.bucket, self._path(key), options={"range": wanted})
            (first, end), data = found.range, bytes(found.bytes())
            if len(data) == end - first:
                return data
        said = f"{self.url_of(key)} came as {len(data)} bytes of {end - first}, {ATTEMPTS} times"
        raise ObjectCorrupt(said, "Look for what stands between here and the store: a proxy, or a cache.")

    def _put_once(self, path: str, data: bytes | memoryview, mode: PutMode) -> str:
        """A conditional write that knows itself: when an answer is lost and its repetition is refused, it looks who wrote."""
        writer = secrets.token_hex(16)
        for attempt in range(ATTEMPTS):
            try:
                return self._etag(obstore.put(self.bucket, path, data, mode=mode, attributes={"writer": writer}))
            except (AlreadyExistsError, PreconditionError) as error:
                repeated = attempt or " retries, " in str(error)
                there = obstore.get(self.bucket, path, options={"head": True}) if repeated else None
                if there is None or there.attributes.get("writer") != writer:
                    raise
                return self._etag(there.meta)
            except GenericError as error:
                if attempt == ATTEMPTS - 1 or not cut_short(error):
                    raise
        raise AssertionError("unreachable")

    def _objects(self, folder: str) -> Iterator[ObjectMeta]:
        """Everything below a folder but the empty objects that stand for folders, as S3's console makes them.

        obstore drops the slash that ends their keys: they are known by the folder's first object, which comes next.
        """
        held = None
        for meta in self._pages(folder):
            if held and not (held["size"] == 0 and meta["path"].startswith(held["path"].rstrip("/") + "/")):
                yield held
            held = meta if len(meta["path"].rstrip("/")) > len(folder) else None
        if held:
            yield held

    def _pages(self, folder: str) -> Iterator[ObjectMeta]:
        """Everything below a folder; a page that arrives broken is asked for again, from the last key that was good."""
        last, failures = None, 0
        while True:
            try:
                for page in obstore.list(self.bucket, folder or None, offset=last, chunk_size=1000):
                    for meta in page:
                        yield meta
                        last, failures = meta["path"], 0
            except InvalidPathError:
                if self.lister is None:
                    raise
                yield from self.lister(folder, last or "")
                return
            except GenericError as error:
                failures += 1
                if failures == ATTEMPTS or "status code" in str(error) or " retries, " in str(error):
                    raise
            else:
                return

    def _etag(self, meta: ObjectMeta | PutResult) -> str:
        return (meta["version"] if self.condition is generation else meta["e_tag"] or "").strip('"')  # type: ignore[union-attr]

    def _describe(self, key: str, meta: ObjectMeta) -> ObjectInfo:
        return ObjectInfo(key, meta["size"], self._etag(meta), meta["last_modified"])

    @contextmanager
    def _reported(self, key: str) -> Iterator[None]:
        try:
            yield
        except GanrayError:
            raise
        except Exception as error:  # obstore's errors share no base: some are OSError, ValueError or RuntimeError
            raise from_obstore(error, self.url_of(key)) from error


def cut_short(error: GenericError) -> bool:
    """Whether the connection broke at the first try of a request, after which obstore does not repeat a conditional write."""
    return "HTTP error" in str(error) and " retries, " not in str(error)
