"""URLs of stores. SCHEMES maps a URL scheme to the function that opens a store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import obstore
from obstore.store import MemoryStore, ObjectStore

from ganray.errors import StorageError
from ganray.storage.failures import from_obstore
from ganray.storage.local import LocalStore
from ganray.storage.remote import Lister, RemoteStore
from ganray.storage.store import Store

_MEMORY: dict[str, MemoryStore] = {}


def open_store(url: str) -> Store:
    """Open the store of a URL: a plain path, file://, memory://NAME/PREFIX, s3://BUCKET/PREFIX, gs:// or az://.

    Raises StorageError for an unknown scheme and AccessDenied where no credentials are found.

    >>> store = ganray.open_store("memory://example")
    >>> etag = store.create("notes/a.txt", b"hello")
    >>> store.get("notes/a.txt"), [info.key for info in store.list("notes")]
    (b'hello', ['notes/a.txt'])
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return LocalStore(Path(url).expanduser())
    if scheme not in SCHEMES:
        raise StorageError(f"{url}: unknown scheme {scheme}://", f"Use a plain path or one of {', '.join(f'{s}://' for s in SCHEMES)}.")
    return SCHEMES[scheme](rest)


def open_object(url: str) -> tuple[Store, str]:
    """The store of an object's folder and the object's key in it: for a table or file given by URL."""
    folder, slash, name = url.rpartition("/")
    return open_store(folder + "/" if slash else "."), name


def absolute_url(url: str) -> str:
    """The URL as a process with another working directory must use it; empty stays empty. Raises like `open_store`."""
    return open_store(url).url if url else ""


def _open_file(rest: str) -> Store:
    return LocalStore(Path(unquote(rest)))


def _open_memory(rest: str) -> Store:
    name, _, prefix = rest.partition("/")
    return RemoteStore(f"memory://{rest}", _MEMORY.setdefault(name, MemoryStore()), prefix, reopen=None)


def _open_s3(rest: str) -> Store:
    from ganray.storage import aws, buckets  # importing botocore takes 0.2 s

    return _open_bucket("s3", buckets.s3, rest, partial(aws.list_exactly, rest.partition("/")[0]))


def _open_gs(rest: str) -> Store:
    from ganray.storage import buckets

    return _open_bucket("gs", buckets.gs, rest)


def _open_az(rest: str) -> Store:
    from ganray.storage import buckets

    return _open_bucket("az", buckets.az, rest)


def _open_bucket(scheme: str, connect: Callable[[str], ObjectStore], rest: str, lister: Lister | None = None) -> Store:
    url = f"{scheme}://{rest}"
    bucket, _, prefix = rest.partition("/")
    if "@" in bucket:  # no bucket has one; the URL is kept in manifests, pages and messages
        place = f"{scheme}://{rest.rpartition('@')[2]}"
        raise StorageError(f"the URL of {place} holds credentials, before an @", "Give them in the environment, and leave them out of it.")
    if not bucket:
        raise StorageError(f"{url} names no bucket", f"Write {scheme}://BUCKET/PREFIX.")
    try:
        return RemoteStore(url, connect(bucket), prefix, open_store, lister)
    except obstore.exceptions.BaseError as error:
        remedy = "Give account and credentials in the environment: AZURE_STORAGE_ACCOUNT_NAME, GOOGLE_APPLICATION_CREDENTIALS, AWS_..."
        raise StorageError(from_obstore(error, url).message, remedy) from error


SCHEMES: dict[str, Callable[[str], Store]] = {
    "file": _open_file,
    "memory": _open_memory,
    "s3": _open_s3,
    "gs": _open_gs,
    "az": _open_az,
}
