"""A store that keeps sizes, and of a few keys bytes: a job of 100 million images can be planned and closed without their disk.

What is measured with it is ganray's own work: every byte of a receipt, a request shard or a manifest is made by the product's code and
handed over; only the store's part, keeping and moving them, is left out. A receipt is read back as one of RECEIPTS that lie in memory,
made by the product's writer for as many shards: each row group of a manifest has different rows, and compresses as in a real job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import BinaryIO

from ganray.errors import ObjectExists, ObjectNotFound
from ganray.storage import ObjectInfo, Store

RECEIPTS = 128  # different ones: with 512 images a shard, as many as a row group of the manifest has
NEVER = datetime.fromtimestamp(0, UTC)
KEPT = 1 << 16  # bytes; a larger object is counted alone


class CountingStore(Store):
    """`receipt_of`(shard) gives the receipts that can be read; `written` counts objects and bytes by folder."""

    def __init__(self, shards: int, receipt_of: Callable[[int], bytes] = lambda shard: b"") -> None:
        super().__init__("counting://job")
        self.written: dict[str, tuple[int, int]] = {}
        self._shards, self._receipt_of = shards, receipt_of
        self._pool: dict[int, bytes] = {}
        self._done = {"receipts": bytearray(shards), "requests": bytearray(shards)}
        self._kept: dict[str, bytes] = {}

    def make_pool(self) -> None:
        """Make the receipts that are read back."""
        self._pool = {shard: self._receipt_of(shard) for shard in {*range(min(RECEIPTS, self._shards)), self._shards - 1}}

    def finish(self, shards: range) -> None:
        """Have the receipts of these shards."""
        self._done["receipts"][shards.start : shards.stop] = b"\1" * len(shards)

    def create(self, key: str, data: bytes | memoryview) -> str:
        """Count an object."""
        folder, _, name = key.rpartition("/")
        if folder in self._done:
            shard = int(name.partition(".")[0])
            if self._done[folder][shard]:
                raise ObjectExists(f"{key} exists already")
            self._done[folder][shard] = 1
        elif key in self._kept:
            raise ObjectExists(f"{key} exists already")
        elif len(data) <= KEPT and not folder:
            self._kept[key] = bytes(data)
        num, size = self.written.get(folder, (0, 0))
        self.written[folder] = num + 1, size + len(data)
        return "0"

    def put(self, key: str, data: bytes) -> str:
        """Count an object, or replace one."""
        self._kept.pop(key, None)
        return self.create(key, data)

    def get(self, key: str) -> bytes:
        """A receipt, or what is kept."""
        folder, _, name = key.rpartition("/")
        if folder == "receipts" and self._done[folder][shard := int(name.partition(".")[0])]:
            place = shard if shard == self._shards - 1 else shard % RECEIPTS  # the last one may be shorter
            return self._pool[place]
        if key not in self._kept:
            raise ObjectNotFound(f"{key} is not there")
        return self._kept[key]

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """A part of it."""
        return self.get(key)[start : start + length]

    def head(self, key: str) -> ObjectInfo:
        """Its size."""
        return ObjectInfo(key, len(self.get(key)), "0", NEVER)

    def list(self, prefix: str = "", suffix: str = "") -> Iterator[ObjectInfo]:
        """The shards that have a receipt, or requests."""
        ending = {"receipts": "parquet", "requests": "jsonl"}
        return (
            ObjectInfo(f"{prefix}/{shard:05d}.{ending[prefix]}", 1, "0", NEVER) for shard, done in enumerate(self._done[prefix]) if done
        )

    def delete(self, key: str) -> None:
        """Forget what is kept."""
        self._kept.pop(key, None)

    def child(self, prefix: str) -> Store:
        """Not supported."""
        raise NotImplementedError

    def open_seekable(self, key: str) -> BinaryIO:
        """What is kept, as a file."""
        return BytesIO(self.get(key))
