"""Leaving duplicates out of a catalog: the driver decides for all shards at once, each shard does as its list says.

The lists (`quarantine/duplicates-*`) are quarantine: which photo is left out, why, and which one is kept in its place. What is left out
stays prepared in `aside/`, so that it comes back without being fetched where the one that was kept goes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ganray.catalog.duplicates import Places, exact, near
from ganray.catalog.looks import BYTES, Records, split
from ganray.catalog.parts import Part, Receipt
from ganray.catalog.quarantine import SCHEMA, quarantine_row
from ganray.catalog.schema import parquet_bytes
from ganray.catalog.shards import Work
from ganray.errors import ImageError

LIST = SCHEMA.append(pa.field("kept", pa.string()))


def forget(work: Work) -> None:
    """Remove the lists, for a catalog that keeps all."""
    for number in range(work.parts):
        work.out.delete(Part(number, work.parts).duplicates)


def sift(work: Work, receipts: Sequence[Receipt]) -> list[int]:
    """Write the lists of a catalog whose shards are all prepared; returns the numbers of those that are to be done again for it."""
    offsets = np.concatenate([[0], np.cumsum([receipt.listed for receipt in receipts])]).astype(np.int64)
    places, first = _exact(work, receipts, offsets)
    same = first >= 0
    if work.looks:
        alone = np.flatnonzero(~same)
        again = _near(work, receipts, offsets, places[alone])
        first[alone] = np.where(again >= 0, alone[again], -1)
        second = same & (first[first] >= 0)  # the first with these bytes is itself left out, for a photo that looks like both
        first[second], same[second] = first[first[second]], False
    out = first >= 0
    return _write(work, receipts, offsets, places[out], places[first[out]], same[out])


def _exact(work: Work, receipts: Sequence[Receipt], offsets: NDArray[np.int64]) -> tuple[NDArray[np.int64], Places]:
    """The places of the photos that can be used, and for each which of these has the same bytes and comes first."""
    digests = np.zeros((int(offsets[-1]), 2), np.uint64)
    usable = np.zeros(len(digests), bool)
    for receipt, start in zip(receipts, offsets[:-1].tolist(), strict=True):
        column = _index(work, receipt.number, ["sha256"]).column("sha256")
        rows = np.flatnonzero(column.is_valid().to_numpy())
        data = b"".join(value[:16] for value in column.drop_null().to_pylist())
        digests[start + rows] = np.frombuffer(data, np.uint64).reshape(-1, 2)
        usable[start + rows] = True
    return np.flatnonzero(usable), exact(digests[usable])


def _near(work: Work, receipts: Sequence[Receipt], offsets: NDArray[np.int64], places: NDArray[np.int64]) -> Places:
    """For each of some places which of these looks the same, comes first and is kept; whole looks lie in a file meanwhile."""
    hashes, tints = np.empty(len(places), np.uint64), np.empty((len(places), 8), np.uint8)
    with tempfile.TemporaryFile() as file:
        for receipt, start in zip(receipts, offsets[:-1].tolist(), strict=True):
            low, high = np.searchsorted(places, [start, start + receipt.listed]).tolist()
            rows = pa.array(places[low:high] - start)
            data = b"".join(_index(work, receipt.number, ["look"]).column("look").take(rows).to_pylist())
            file.write(data)
            hashes[low:high], tints[low:high] = split(np.frombuffer(data, np.uint8).reshape(-1, BYTES))
        file.flush()
        handle = file.fileno()

        def looks(wanted: Places) -> Records:
            unique, back = np.unique(wanted, return_inverse=True)
            read = b"".join(os.pread(handle, BYTES, BYTES * place) for place in unique.tolist())
            return np.frombuffer(read, np.uint8).reshape(-1, BYTES)[back]

        return near(hashes, tints, looks)


def _write(
    work: Work,
    receipts: Sequence[Receipt],
    offsets: NDArray[np.int64],
    out: NDArray[np.int64],
    kept: NDArray[np.int64],
    same: NDArray[np.bool_],
) -> list[int]:
    """Write or remove the list of each shard; returns the numbers of shards that were prepared by another one."""
    names = _keys(work, offsets, np.unique(np.concatenate([out, kept])))
    changed = []
    for receipt, start, stop in zip(receipts, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        low, high = np.searchsorted(out, [start, stop]).tolist()
        rows = []
        for place, other, exactly in zip(out[low:high].tolist(), kept[low:high].tolist(), same[low:high].tolist(), strict=True):
            reason, how = ("duplicate", "the same bytes as") if exactly else ("near_duplicate", "looks like")
            said = f"{how} {names[other]}, which is kept"
            rows.append({**quarantine_row(work.source.url, names[place], ImageError(reason, said), work.recipe), "kept": names[other]})
        data = parquet_bytes(pa.Table.from_pylist(rows, LIST), work.row_group) if rows else b""
        if receipt.left_out != (hashlib.sha256(data).hexdigest() if data else ""):
            changed.append(receipt.number)
        part = Part(receipt.number, work.parts)
        if data:
            work.out.put(part.duplicates, data)
        elif receipt.left_out:
            work.out.delete(part.duplicates)
    return changed


def _keys(work: Work, offsets: NDArray[np.int64], places: NDArray[np.int64]) -> dict[int, str]:
    """The keys of some places."""
    names: dict[int, str] = {}
    for number, (start, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        low, high = np.searchsorted(places, [start, stop]).tolist()
        if low < high:
            column = _index(work, number, ["key"]).column("key").take(pa.array(places[low:high] - start))
            names |= dict(zip(places[low:high].tolist(), column.to_pylist(), strict=True))
    return names


def _index(work: Work, number: int, columns: list[str]) -> pa.Table:
    return pq.read_table(pa.BufferReader(work.out.get(Part(number, work.parts).index)), columns=columns)
