"""Remove duplicates from a catalog: the driver compares the photos of all shards and writes a list for each shard to apply.

The lists (`quarantine/duplicates-*`) are part of the quarantine: which photo is left out, why, and which one is kept instead. Duplicates
stay prepared in `aside/`, so that they need not be fetched again when the photo that was kept is removed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ganray.catalog.duplicates import exact, near
from ganray.catalog.quarantine import SCHEMA, quarantine_row
from ganray.catalog.schema import parquet_bytes
from ganray.catalog.shard_paths import Receipt, ShardPaths, is_part
from ganray.catalog.shards import IngestJob
from ganray.copies.candidates import Places
from ganray.copies.methods import METHODS, Records
from ganray.copies.search import CopySearch
from ganray.errors import ImageError, StorageError

LISTS = "quarantine/duplicates-"
LIST = SCHEMA.append(pa.field("kept", pa.string()))


def delete_lists(work: IngestJob) -> None:
    """Delete the lists, for a catalog that keeps duplicates."""
    for info in list(work.out.list("quarantine")):
        if info.key.startswith(LISTS) and is_part(info.key):
            work.out.delete(info.key)


def update_lists(work: IngestJob, receipts: Sequence[Receipt]) -> list[int]:
    """Write the lists of a catalog with all shards prepared; returns the numbers of the shards that must be prepared again."""
    offsets = np.concatenate([[0], np.cumsum([receipt.listed for receipt in receipts])]).astype(np.int64)
    places, first = _exact(work, offsets)
    same = first >= 0
    if work.copies_by:
        alone = np.flatnonzero(~same)
        again = _near(work, offsets, places[alone])
        first[alone] = np.where(again >= 0, alone[again], -1)
        second = same & (first[first] >= 0)  # the first photo with these bytes is itself a near duplicate of a third one
        first[second], same[second] = first[first[second]], False
    out = first >= 0
    return _write(work, receipts, offsets, places[out], places[first[out]], same[out])


def _exact(work: IngestJob, offsets: NDArray[np.int64]) -> tuple[Places, Places]:
    """The places of the usable photos, and for each the first place with the same bytes."""
    digests = np.empty((2, int(offsets[-1])), np.uint64)
    usable = np.zeros(digests.shape[1], bool)
    done = 0
    for (_, column), start in zip(_columns(work, range(work.parts), "sha256"), offsets[:-1].tolist(), strict=True):
        usable[start : start + len(column)] = column.is_valid().to_numpy()
        data = np.frombuffer(b"".join(value[:16] for value in column.drop_null().to_pylist()), np.uint64).reshape(-1, 2)
        digests[:, done : done + len(data)] = data.T
        done += len(data)
    return np.flatnonzero(usable).astype(np.int32), exact(digests[:, :done])


def _near(work: IngestJob, offsets: NDArray[np.int64], places: Places) -> Places:
    """For each place the first kept place with the same image; complete records are kept in a temporary file."""
    method = METHODS[work.copies_by]
    keys, size = np.empty((len(places), method.key_bytes), np.uint8), method.bytes
    with tempfile.TemporaryFile() as file:
        for (_, column), start in zip(_columns(work, range(work.parts), "look"), offsets[:-1].tolist(), strict=True):
            low, high = np.searchsorted(places, [start, start + len(column)]).tolist()
            data = b"".join(column.take(pa.array(places[low:high] - start)).to_pylist())
            file.write(data)
            keys[low:high] = np.frombuffer(data, np.uint8).reshape(-1, size)[:, : method.key_bytes]
        file.flush()
        handle = file.fileno()

        def read_records(wanted: Places) -> Records:
            unique, back = np.unique(wanted, return_inverse=True)
            read = b"".join(os.pread(handle, size, size * place) for place in unique.tolist())
            return np.frombuffer(read, np.uint8).reshape(-1, size)[back]

        return near(CopySearch(method, keys, read_records))


def _write(
    work: IngestJob,
    receipts: Sequence[Receipt],
    offsets: NDArray[np.int64],
    out: Places,
    kept: Places,
    same: NDArray[np.bool_],
) -> list[int]:
    """Write or delete the list of each shard; returns the numbers of shards that were prepared with another list."""
    names = _keys(work, offsets, np.unique(np.concatenate([out, kept])))
    changed = []
    for receipt, start, stop in zip(receipts, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        low, high = np.searchsorted(out, [start, stop]).tolist()
        rows = []
        for place, other, identical in zip(out[low:high].tolist(), kept[low:high].tolist(), same[low:high].tolist(), strict=True):
            reason, relation = ("duplicate", "the same bytes as") if identical else ("near_duplicate", "looks like")
            message = f"{relation} {names[other]}, which is kept"
            rows.append({**quarantine_row(work.source.url, names[place], ImageError(reason, message), work.recipe), "kept": names[other]})
        data = parquet_bytes(pa.Table.from_pylist(rows, LIST), work.row_group) if rows else b""
        if receipt.left_out != (hashlib.sha256(data).hexdigest() if data else ""):
            changed.append(receipt.number)
        part = ShardPaths(receipt.number, work.parts)
        if data:
            work.out.put(part.duplicates, data)
        elif receipt.left_out:
            work.out.delete(part.duplicates)
    return changed


def _keys(work: IngestJob, offsets: NDArray[np.int64], places: Places) -> dict[int, str]:
    """The keys of places."""
    names: dict[int, str] = {}
    bounds = np.searchsorted(places, offsets)
    for number, column in _columns(work, np.flatnonzero(np.diff(bounds)).tolist(), "key"):
        some = places[bounds[number] : bounds[number + 1]]
        names |= dict(zip(some.tolist(), column.take(pa.array(some - offsets[number])).to_pylist(), strict=True))
    return names


def _columns(work: IngestJob, numbers: Iterable[int], name: str) -> Iterator[tuple[int, pa.ChunkedArray]]:
    """A column of the index of the given shards, in order; the next ones are fetched in the background."""
    numbers = list(numbers)
    for number, (_, data) in zip(numbers, work.out.get_many(ShardPaths(number, work.parts).index for number in numbers), strict=True):
        if isinstance(data, StorageError):
            raise data
        yield number, pq.read_table(pa.BufferReader(data), columns=[name]).column(name)
