"""The listing of a source in a temporary file: rows are added in any order and read by part, in the order of their hashes.

Memory does not grow with the bucket: for a million photos the file takes about 100 MB, and memory a few MB.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ganray.catalog.shard_paths import boundaries, key_hashes

BUCKETS = 256  # a power of two; a read takes a part or a bucket, whichever is larger
BUFFER_ROWS = 1 << 16  # rows that are buffered before they are written
HASH = pa.field("hash", pa.uint64())


class Listing:
    """Rows of `schema`, the first column of which is the key."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema, self.num_rows = schema.append(HASH), 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
        self._buffer: list[pa.RecordBatch] = []
        weakref.finalize(self, self._file.close)

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        hashes = pa.array(key_hashes(batch.column(0).to_pylist()))
        self._buffer.append(pa.record_batch([*batch.columns, hashes], self.schema))
        self.num_rows += batch.num_rows
        if sum(batch.num_rows for batch in self._buffer) >= BUFFER_ROWS:
            self._write()

    def part(self, low: int, high: int) -> pa.Table:
        """The rows of buckets [low, high), in the order of their hashes, then in the order in which they were added."""
        self._write()
        batches = [self._read(*place) for bucket in range(low, high) for place in self._places[bucket]]
        return _sorted(pa.Table.from_batches(batches, self.schema))

    def _write(self) -> None:
        if not self._buffer:
            return
        table = _sorted(pa.Table.from_batches(self._buffer, self.schema))
        self._buffer = []
        for bucket, (start, stop) in enumerate(pairwise(boundaries(_hashes(table), BUCKETS).tolist())):
            for batch in table.slice(start, stop - start).combine_chunks().to_batches():
                data = batch.serialize()
                self._places[bucket].append((self._file.seek(0, 2), data.size))
                self._file.write(data)

    def _read(self, start: int, length: int) -> pa.RecordBatch:
        self._file.seek(start)
        return pa.ipc.read_record_batch(pa.py_buffer(self._file.read(length)), self.schema)


class Parts(Sequence[pa.Table]):
    """The rows of a listing in `of` parts, without the hashes; a part is read when it is accessed."""

    def __init__(self, listing: Listing, of: int) -> None:
        self._listing, self._of = listing, of
        self._range, self._table, self._bounds = (0, 0), pa.table({}), np.zeros(0, np.int64)

    def __len__(self) -> int:
        return self._of

    def __getitem__(self, number: int | slice) -> pa.Table:
        assert isinstance(number, int)
        if not 0 <= number < self._of:
            raise IndexError(number)
        low = number * BUCKETS // self._of
        buckets = (low, max(low + 1, (number + 1) * BUCKETS // self._of))
        if buckets != self._range:  # parts of the same bucket are usually read one after the other
            self._table = self._listing.part(*buckets)
            self._range, self._bounds = buckets, boundaries(_hashes(self._table), self._of)
        start, stop = self._bounds[number : number + 2].tolist()
        return self._table.slice(start, stop - start).drop_columns([HASH.name])


def _hashes(table: pa.Table) -> NDArray[np.uint64]:
    hashes: NDArray[np.uint64] = table.column(HASH.name).to_numpy()
    return hashes


def _sorted(table: pa.Table) -> pa.Table:
    return table.take(pa.array(np.argsort(_hashes(table), kind="stable")))
