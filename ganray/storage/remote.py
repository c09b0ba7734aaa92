"""s3://, gs://, az:// and memory:// over obstore: its Rust client moves bytes without holding Python's global lock."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import obstore
from obstore.exceptions import AlreadyExistsError, GenericError, InvalidPathError, PreconditionError

from ganray.errors import GanrayError, ObjectCorrupt, ObjectExists, StorageError
from ganray.storage.failures import from_obstore
from ganray.storage.files import ObjectReader
from ganray.storage.store import ObjectInfo, Store, check_key

if TYPE_CHECKING:
    from obstore import ObjectMeta, OffsetRange, PutResult
    from obstore.store import ObjectStore

Lister = Callable[[str, str], Iterator["ObjectMeta"]]
PART = 8 << 20  # bytes of a part of a multipart upload; four parts are sent in parallel
NO_RANGE = ("status code: 416", "Wanted range starting at", "non-partial response")  # an empty object, or a store without ranges
ATTEMPTS = 3  # for idempotent requests that obstore does not retry


class RemoteStore(Store):
    """Objects below a prefix of a bucket.

    `reopen` opens the URL again when the store is unpickled; None forbids pickling. `lister(folder, after)` is the fallback for listings
    with keys that obstore does not support.
    """

    def __init__(
        self,
        url: str,
        bucket: ObjectStore,
        prefix: str,
        reopen: Callable[[str], Store] | None,
        lister: Lister | None = None,
    ) -> None:
        super().__init__(url)
        self.bucket, self.prefix, self.reopen, self.lister = bucket, prefix.strip("/"), reopen, lister
        self.conditional = True  # whether `create` relies on a conditional write of the store

    def __reduce__(self) -> tuple[Callable[..., Store], tuple[Any, ...]]:
        if self.reopen is None:
            raise StorageError(f"{self.url} exists in this process only and cannot be used by another one", "Use a path or a bucket.")
        return _reopened, (self.reopen, self.url, self.conditional)

    def without_conditions(self) -> RemoteStore:
        """The same store with a `create` that looks whether the object exists, then writes: not safe for several writers of a key."""
        store = RemoteStore(self.url, self.bucket, self.prefix, self.reopen, self.lister)
        store.conditional = False
        return store

    def put(self, key: str, data: bytes) -> str:
        """Write an object; see Store."""
        with self._reported(key):
            return self._etag(obstore.put(self.bucket, self._path(key), data, chunk_size=PART, max_concurrency=4))

    def create(self, key: str, data: bytes | memoryview) -> str:
        """Write an object that must not exist yet; see Store."""
        if not self.conditional and self.exists(key):
            raise ObjectExists(f"{self.url_of(key)} exists already")
        with self._reported(key):
            return self._create(self._path(key), data)

    def get(self, key: str) -> bytes:
        """Read an object; see Store."""
        with self._reported(key):
            try:
                return self._read(key, {"offset": 0})
            except GenericError as error:
                if not any(words in str(error) for words in NO_RANGE):
                    raise
                return bytes(obstore.get(self.bucket, self._path(key)).bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read a range; see Store."""
        with self._reported(key):
            return self._read(key, (start, start + length))

    def head(self, key: str) -> ObjectInfo:
        """Metadata of an object; see Store."""
        with self._reported(key):
            return self._describe(key, obstore.head(self.bucket, self._path(key)))

    def list(self, prefix: str = "", suffix: str = "") -> Iterator[ObjectInfo]:
        """All objects in a folder and below; see Store."""
        folder = prefix.strip("/")
        prefix_length = len(self.prefix) + 1 if self.prefix else 0
        with self._reported(folder):
            for meta in self._objects(self._path(folder) if folder else self.prefix):
                if meta["path"].endswith(suffix):
                    yield self._describe(meta["path"][prefix_length:], meta)

    def delete(self, key: str) -> None:
        """Remove an object; see Store."""
        with self._reported(key):
            obstore.delete(self.bucket, self._path(key))

    def child(self, prefix: str) -> RemoteStore:
        """The store of a subfolder, on the same connections; see Store."""
        path = self._path(prefix.strip("/"))
        store = RemoteStore(self.url_of(prefix.strip("/")), self.bucket, path, self.reopen, self.lister)
        store.conditional = self.conditional
        return store

    def open_seekable(self, key: str) -> BinaryIO:
        """Open an object as a file; see Store."""
        return cast("BinaryIO", ObjectReader(self, key))

    def _path(self, key: str) -> str:
        return f"{self.prefix}/{check_key(key)}" if self.prefix else check_key(key)

    def _read(self, key: str, byte_range: tuple[int, int] | OffsetRange) -> bytes:
        """Read a range; a short body is requested again. Where a proxy cut a body and its Content-Length, the client sees no error: only
        the Content-Range of the response still has the real length."""
        for _ in range(ATTEMPTS):
            response = obstore.get(self.bucket, self._path(key), options={"range": byte_range})
            (first, end), data = response.range, bytes(response.bytes())
            if len(data) == end - first:
                return data
        message = f"{self.url_of(key)}: {len(data)} bytes of {end - first} were received, in {ATTEMPTS} attempts"
        raise ObjectCorrupt(message, "Check the proxy or cache between this machine and the store.")

    def _create(self, path: str, data: bytes | memoryview) -> str:
        """A conditional create with a writer id as metadata: if a response is lost and the retry conflicts, the id shows who won."""
        writer = secrets.token_hex(16)
        for attempt in range(ATTEMPTS):
            try:
                mode: Literal["create", "overwrite"] = "create" if self.conditional else "overwrite"
                return self._etag(obstore.put(self.bucket, path, data, mode=mode, attributes={"writer": writer}))
            except (AlreadyExistsError, PreconditionError) as error:
                retried = attempt or " retries, " in str(error)
                existing = obstore.get(self.bucket, path, options={"head": True}) if retried else None
                if existing is None or existing.attributes.get("writer") != writer:
                    raise
                return self._etag(existing.meta)
            except GenericError as error:
                if attempt == ATTEMPTS - 1 or not cut_short(error):
                    raise
        raise AssertionError("unreachable")

    def _objects(self, folder: str) -> Iterator[ObjectMeta]:
        """All objects below a folder, without folder markers: the empty objects that S3's console creates for folders.

        obstore drops the trailing slash of their keys, so a marker is recognised by the next object, the first one of the folder.
        """
        previous = None
        for meta in self._pages(folder):
            if previous and not (previous["size"] == 0 and meta["path"].startswith(previous["path"].rstrip("/") + "/")):
                yield previous
            previous = meta if len(meta["path"].rstrip("/")) > len(folder) else None
        if previous:
            yield previous

    def _pages(self, folder: str) -> Iterator[ObjectMeta]:
        """All objects below a folder; a broken page is requested again from the last good key on."""
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
        return (meta["e_tag"] or "").strip('"')

    def _describe(self, key: str, meta: ObjectMeta) -> ObjectInfo:
        return ObjectInfo(key, meta["size"], self._etag(meta), meta["last_modified"])

    @contextmanager
    def _reported(self, key: str) -> Iterator[None]:
        try:
            yield
        except GanrayError:
            raise
        except Exception as error:  # obstore's errors have no common base: some are OSError, ValueError or RuntimeError
            raise from_obstore(error, self.url_of(key)) from error


def _reopened(reopen: Callable[[str], RemoteStore], url: str, conditional: bool) -> RemoteStore:
    """A store that was pickled."""
    store = reopen(url)
    return store if conditional else store.without_conditions()


def cut_short(error: GenericError) -> bool:
    """Whether the connection broke at the first attempt of a request: obstore does not retry a conditional write then."""
    return "HTTP error" in str(error) and " retries, " not in str(error)
