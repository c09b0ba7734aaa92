"""Stores without conditional writes: found out before a job begins, because exactly-once writing rests on them.

Some S3-compatible gateways ignore `If-None-Match: *` and overwrite the object.
"""

from __future__ import annotations

import secrets
from contextlib import suppress

from ganray.errors import ObjectExists, StorageError
from ganray.storage.failures import CONDITIONS
from ganray.storage.remote import RemoteStore
from ganray.storage.store import Store


def job_store(store: Store, allow_unsafe: bool = False) -> Store:
    """The store for the output of a job: `store` itself if it never overwrites an object in a create.

    A bucket is asked with an object of its own, which is created twice and deleted. With `allow_unsafe` it is not asked: `create` then
    looks before it writes, which is safe for a single driver only. Raises StorageError if the store overwrites.
    """
    if not isinstance(store, RemoteStore) or store.reopen is None:  # files, and the memory of this process
        return store
    if allow_unsafe:
        return store.without_conditions()
    if _overwrites(store):
        raise StorageError(
            f"{store.url}: the store overwrites objects that are there already: it ignores If-None-Match",
            CONDITIONS,
        )
    return store


def _overwrites(store: Store) -> bool:
    key = f"conditional-write-probe-{secrets.token_hex(8)}"
    try:
        store.create(key, b"first")
        try:
            store.create(key, b"second")
        except ObjectExists:
            return False
        return True
    finally:
        with suppress(StorageError):  # an old gateway may not know batch deletes; the answer is known all the same
            store.delete(key)
