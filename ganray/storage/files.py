"""A remote object as a seekable file to read."""

from __future__ import annotations

import io
import os
from typing import Any

from ganray.storage.store import Store


class ObjectReader(io.RawIOBase):
    """Reads exactly the requested ranges, one request each, unbuffered: pyarrow coalesces ranges itself."""

    def __init__(self, store: Store, key: str) -> None:
        super().__init__()
        self._store, self._key, self._position = store, key, 0
        self._size = store.head(key).size

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position; sends no request."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes, or all remaining ones."""
        remaining = max(0, self._size - self._position)
        length = remaining if size is None or size < 0 else min(size, remaining)
        data = self._store.get_range(self._key, self._position, length) if length else b""
        self._position += len(data)
        return data

    def readall(self) -> bytes:
        """All remaining bytes."""
        return self.read()

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer with the next bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
