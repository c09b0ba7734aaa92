"""A remote object as a seekable file."""

from __future__ import annotations

import io
import os

from ganray.storage.store import Store


class ObjectReader(io.RawIOBase):
    """Reads exactly the ranges it is asked for, one request each, without a buffer: pyarrow does its own coalescing."""

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
        """Go to a position; costs nothing."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes, or all that are left."""
        left = max(0, self._size - self._position)
        length = left if size is None or size < 0 else min(size, left)
        data = self._store.get_range(self._key, self._position, length) if length else b""
        self._position += len(data)
        return data

    def readall(self) -> bytes:
        """All bytes that are left."""
        return self.read()

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill a buffer with the next bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
