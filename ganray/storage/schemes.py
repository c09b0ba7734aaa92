"""URL scheme -> how to open it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from obstore.store import MemoryStore

from ganray.errors import StorageError
from ganray.storage.local import LocalStore
from ganray.storage.remote import RemoteStore, quoted
from ganray.storage.store import Store

_MEMORY: dict[str, MemoryStore] = {}


def open_store(url: str) -> Store:
    """Open the store of a URL: a plain path, file://, memory://NAME/PREFIX, s3://BUCKET/PREFIX, gs:// or az://.

    Raises StorageError for a URL of no known scheme, and AccessDenied where no credentials are found.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return LocalStore(Path(url).expanduser().absolute())
    if scheme not in SCHEMES:
        raise StorageError(f"{url}: no store is called {scheme}://", f"Use a plain path or one of {', '.join(f'{s}://' for s in SCHEMES)}.")
    return SCHEMES[scheme](rest)


def open_object(url: str) -> tuple[Store, str]:
    """The store of the folder that an object lies in, and the object's key there: for a table or a file given by URL."""
    folder, slash, name = url.rpartition("/")
    return open_store(folder + "/" if slash else "."), name


def _open_file(rest: str) -> Store:
    return LocalStore(Path(unquote(rest)))


def _open_memory(rest: str) -> Store:
    name, _, prefix = rest.strip("/").partition("/")
    return RemoteStore(f"memory://{rest}", _MEMORY.setdefault(name, MemoryStore()), prefix, quoted, reopen=None)


SCHEMES: dict[str, Callable[[str], Store]] = {"file": _open_file, "memory": _open_memory}
