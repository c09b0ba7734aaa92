"""What is listed of a source, on the driver's disk: rows come in any order, and are read back by part, in the order of their hashes.

So memory does not grow with the bucket: of a million photos about 100 MB lie in a temporary file, and a few MB are held.
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

BUCKETS = 256  # a power of two: what is read at a time is a part, or a bucket where that is more
HELD = 1 << 16  # rows that are held before they are written
HASH = pa.field("hash", pa.uint64())


class Listing:
    """Rows of `schema`, whose first column is the key."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema, self.num_rows = schema.append(HASH), 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
        self._held: list[pa.RecordBatch] = []
        weakref.finalize(self, self._file.close)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take some rows."""
        hashes = pa.array(key_hashes(batch.column(0).to_pylist()))
        self._held.append(pa.record_batch([*batch.columns, hashes], self.schema))
        self.num_rows += batch.num_rows
        if sum(held.num_rows for held in self._held) >= HELD:
            self._write()

    def part(self, low: int, high: int) -> pa.Table:
        """The rows of some buckets, in the order of their hashes, then in that in which they came."""
        self._write()
        batches = [self._read(*place) for bucket in range(low, high) for place in self._places[bucket]]
        return _sorted(pa.Table.from_batches(batches, self.schema))

    def _write(self) -> None:
        if not self._held:
            return
        table = _sorted(pa.Table.from_batches(self._held, self.schema))
        self._held = []
        for bucket, (start, stop) in enumerate(pairwise(boundaries(_hashes(table), BUCKETS).tolist())):
            for batch in table.slice(start, stop - start).combine_chunks().to_batches():
                data = batch.serialize()
                self._places[bucket].append((self._file.seek(0, 2), data.size))
                self._file.write(data)

    def _read(self, start: int, length: int) -> pa.RecordBatch:
        self._file.seek(start)
        return pa.ipc.read_record_batch(pa.py_buffer(self._file.read(length)), self.schema)


class Parts(Sequence[pa.Table]):
    """The rows of a listing as so many parts; each is read when it is asked for, and comes with the hashes left out."""

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
        wanted = (low, max(low + 1, (number + 1) * BUCKETS // self._of))
        if wanted != self._range:  # parts of one bucket are mostly asked for one after the other
            self._table = self._listing.part(*wanted)
            self._range, self._bounds = wanted, boundaries(_hashes(self._table), self._of)
        start, stop = self._bounds[number : number + 2].tolist()
        return self._table.slice(start, stop - start).drop_columns([HASH.name])


def _hashes(table: pa.Table) -> NDArray[np.uint64]:
    hashes: NDArray[np.uint64] = table.column(HASH.name).to_numpy()
    return hashes


def _sorted(table: pa.Table) -> pa.Table:
    return table.take(pa.array(np.argsort(_hashes(table), kind="stable")))
