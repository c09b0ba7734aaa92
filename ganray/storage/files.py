"""A remote object as a file: seekable to read, sequential to write."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ganray.storage.store import Store

if TYPE_CHECKING:
    from obstore import WritableFile


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

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer with the next bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class ObjectWriter(io.RawIOBase):
    """Sends what is written in parts as they fill; the object appears when the file is closed, and not before."""

    def __init__(self, file: WritableFile, reported: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__()
        self._file, self._reported = file, reported

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: Any, /) -> int:
        """Take bytes; returns their number."""
        with self._reported():
            return self._file.write(memoryview(data).cast("B"))  # pyarrow's buffers are of signed bytes, which obstore refuses

    def close(self) -> None:
        """Send the rest and make the object."""
        if not self.closed:
            super().close()
            with self._reported():
                self._file.close()
