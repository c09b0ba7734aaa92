"""Which pairs of photos are worth a comparison of pixels, found without comparing all with all.

Photos are places 0..n-1. `pairs` gives pairs of a place and an earlier one of a range as numbers later * n + earlier. Both ways to find
them depend on the photos' keys (a few bytes a photo, kept in memory) alone, not on how places are grouped.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ganray.copies.fingerprints import MAX_BITS, MAX_CHROMA, split

Places = NDArray[np.int32]
Keys = NDArray[np.uint8]
Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

BAND_BITS = 16
BANDS = 64 // BAND_BITS
FLIPS = (0, *(1 << bit for bit in range(BAND_BITS)))  # a band finds hashes that differ from it in at most one bit
BLOCK = 1 << 19  # candidates in memory at a time

FLOOR = 0.7  # least cosine of embeddings of candidates
NEAREST = 4  # candidates of a photo, in each slab that is searched
ROWS, SLAB = 512, 8192  # photos that are compared with so many others at a time
EXHAUSTIVE = 1 << 15  # in a larger range only some cells are searched
PROBES = 6  # cells that a photo is sought in


class Candidates(Protocol):
    """Finds pairs among photos with known keys."""

    def pairs(self, places: Places, low: int, high: int, kept: Flags) -> Iterator[Codes]:
        """Pairs of one of `places` and an earlier place in [low, high) that is `kept` (bool [n]), in several parts; they may repeat."""


class HashBands:
    """Pairs of photos whose hashes (fingerprints.py) have a band that differs in at most one bit: always for up to 7 different bits of
    64, and in 70 % of cases for 12. Keys are the first 16 bytes of fingerprints, uint8 [n, 16]."""

    def __init__(self, keys: Keys) -> None:
        self.hashes, self.tints = split(keys)
        self.orders, self.starts = [], []
        for band in range(BANDS):
            values = self._band(band, slice(None))
            self.orders.append(np.argsort(values, kind="stable").astype(np.int32))
            self.starts.append(np.concatenate([[0], np.cumsum(np.bincount(values, minlength=1 << BAND_BITS))]).astype(np.int32))

    def pairs(self, places: Places, low: int, high: int, kept: Flags) -> Iterator[Codes]:
        """See `Candidates`."""
        for band in range(BANDS):
            values = self._band(band, places)
            for flip in FLIPS:
                bucket = values ^ flip
                begin, end = self.starts[band][bucket], self.starts[band][bucket + 1]
                for some, rows in _blocks(begin, end):
                    earlier, later = self.orders[band][rows], places[some]
                    match = (earlier < later) & (earlier >= low) & (earlier < high) & kept[earlier]
                    earlier, later = earlier[match], later[match]
                    match = np.bitwise_count(self.hashes[earlier] ^ self.hashes[later]) <= MAX_BITS
                    earlier, later = earlier[match], later[match]
                    tints = np.abs(self.tints[earlier].astype(np.int16) - self.tints[later]).max(axis=1, initial=0)
                    match = tints <= MAX_CHROMA
                    yield later[match].astype(np.int64) * len(self.hashes) + earlier[match]

    def _band(self, band: int, places: Places | slice) -> NDArray[np.int64]:
        shifted = self.hashes[places] >> np.uint64(BAND_BITS * band)
        return (shifted & np.uint64((1 << BAND_BITS) - 1)).astype(np.int64)


class NearestEmbeddings:
    """The NEAREST earlier photos of each photo by the cosine of their embeddings (embedding.py), if it is at least FLOOR.

    Ranges of more than EXHAUSTIVE photos are searched in the PROBES cells of an inverted file (Sivic and Zisserman 2003) whose middles are
    most like the photo; the middles are photos themselves, evenly spread. Keys are embeddings, uint8 [n, BYTES], read as int8.
    """

    def __init__(self, keys: Keys) -> None:
        self._vectors = keys.view(np.int8)
        norms = np.sqrt((self._vectors.astype(np.float32) ** 2).sum(1))
        self._scale = np.where(norms > 0, 1 / np.maximum(norms, 1), 0).astype(np.float32)
        self._middles = np.arange(0, len(keys), max(1, round(len(keys) ** 0.5)))

    def pairs(self, places: Places, low: int, high: int, kept: Flags) -> Iterator[Codes]:
        """See `Candidates`."""
        high = min(high, int(places.max(initial=0)))
        for rows in _slabs(places, ROWS):
            if high - low > EXHAUSTIVE:
                (order, starts), probed = self._cells, self._near_middles(rows, PROBES)
                for cell in np.unique(probed).tolist():
                    members = order[starts[cell] : starts[cell + 1]]
                    members = members[(members >= low) & (members < high)]
                    yield self._best(rows[(probed == cell).any(1)], members[kept[members]])
            else:
                for members in _slabs(np.flatnonzero(kept[low:high]) + low, SLAB):
                    yield self._best(rows, members)

    @cached_property
    def _cells(self) -> tuple[Places, NDArray[np.int64]]:
        """All places by the middle that is most like them, and where each cell starts."""
        cells = np.concatenate([self._near_middles(rows, 1)[:, 0] for rows in _slabs(np.arange(len(self._vectors)), ROWS)])
        starts = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=len(self._middles)))])
        return np.argsort(cells, kind="stable").astype(np.int32), starts

    def _best(self, later: Places, earlier: Places) -> Codes:
        """The pairs of each of `later` with its NEAREST of `earlier`; more where several are equally like it."""
        if not len(later) or not len(earlier):
            return np.zeros(0, np.int64)
        cosines = self._cosines(later, earlier)
        cosines[later[:, None] <= earlier[None]] = -1
        least = np.full(len(later), FLOOR, np.float32)
        if len(earlier) > NEAREST:
            least = np.maximum(least, np.partition(cosines, -NEAREST, axis=1)[:, -NEAREST])
        row, column = np.nonzero(cosines >= least[:, None])
        return later[row].astype(np.int64) * len(self._vectors) + earlier[column]

    def _near_middles(self, rows: Places, num: int) -> NDArray[np.int64]:
        cosines = self._cosines(rows, self._middles)
        return np.argsort(-cosines, axis=1, kind="stable")[:, :num]

    def _cosines(self, rows: Places, columns: Places) -> NDArray[np.float32]:
        """Float32 [rows, columns]; dot products of int8 are exact integers in float32, whatever the order of sums."""
        dots = self._vectors[rows].astype(np.float32) @ self._vectors[columns].astype(np.float32).T
        cosines: NDArray[np.float32] = dots * self._scale[rows][:, None] * self._scale[columns][None]
        return cosines


def _slabs(places: NDArray[np.integer], size: int) -> Iterator[NDArray[np.int32]]:
    for start in range(0, len(places), size):
        yield places[start : start + size].astype(np.int32)


def _blocks(begin: Places, end: Places) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Every (i, row) with begin[i] <= row < end[i], as two arrays of about BLOCK elements at most, unless a single range is longer."""
    counts = (end - begin).astype(np.int64)
    total, done = np.cumsum(counts), 0
    while done < len(counts):
        before = int(total[done - 1]) if done else 0
        stop = max(done + 1, int(np.searchsorted(total, before + BLOCK, "right")))
        some = np.repeat(np.arange(done, stop), counts[done:stop])
        if len(some):
            offsets = np.arange(len(some)) - np.repeat(total[done:stop] - counts[done:stop] - before, counts[done:stop])
            yield some, begin[some] + offsets
        done = stop
