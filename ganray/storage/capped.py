"""Reads an object up to a limit of bytes."""

from __future__ import annotations

from ganray.errors import AccessDenied, InvalidKey, ObjectNotFound, ObjectUnavailable, StorageError
from ganray.storage import Store


def read_capped(store: Store, key: str, most: int) -> bytes:
    """An object of at most `most` bytes; of a larger one, `most` and one more, which the decoder refuses."""
    try:
        return store.get_range(key, 0, most + 1)
    except (ObjectNotFound, InvalidKey, AccessDenied, ObjectUnavailable):  # a HEAD would say less: its answer has no body
        raise
    except StorageError:
        if store.head(key).size:  # a bucket has no range of an empty object
            raise
        return b""
