"""Find duplicates in a whole catalog: photos with the same bytes, or with the same image. The first in catalog order is kept.

Photos are places 0..n-1 in catalog order. A photo is a duplicate if it equals an earlier photo that is *kept*: it was compared with the
photo that replaces it, so differences do not add up along a chain. Memory per photo: 26 bytes for exact duplicates (16 for the digest, the
rest for sorting), and 66 for near ones (16 for hash and tint, 16 for sorted bands, 5 for results, the rest for sorting). The complete
fingerprints stay in a file and are read for candidates only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ganray.catalog.fingerprints import MAX_BITS, MAX_CHROMA, Records, alike

Places = NDArray[np.int32]
RANGES = 16  # of digests, a power of two; they are sorted range by range
BAND_BITS = 16
BANDS = 64 // BAND_BITS
FLIPS = (0, *(1 << bit for bit in range(BAND_BITS)))  # a band finds hashes that differ from it in at most one bit
CHUNK = 2048  # photos per step
BLOCK = 1 << 19  # candidates in memory at a time
PAIRS = 1024  # pairs that are compared at a time


def exact(digests: NDArray[np.uint64]) -> Places:
    """The first place with the same digest, -1 for the first photo itself; `digests` is uint64 [2, n]."""
    first = np.full(digests.shape[1], -1, np.int32)
    for low in np.arange(RANGES, dtype=np.uint64) << np.uint64(64 - RANGES.bit_length() + 1):
        some = digests[0] >= low
        some &= digests[0] <= low + np.uint64((1 << 64) // RANGES - 1)
        places = np.flatnonzero(some)
        order = places[np.lexsort(digests[::-1, places])]  # stable: equal digests stay in catalog order
        repeats = np.flatnonzero((digests[:, order[1:]] == digests[:, order[:-1]]).all(axis=0)) + 1
        run = np.flatnonzero(np.diff(repeats, prepend=-1) != 1)  # start of each run of equal digests, in `repeats`
        first[order[repeats]] = np.repeat(order[repeats[run] - 1], np.diff(run, append=len(repeats)))
    return first


def near(hashes: NDArray[np.uint64], tints: NDArray[np.uint8], read: Callable[[Places], Records]) -> Places:
    """The first kept place with the same image, -1 for a photo that is kept.

    `hashes` uint64 [n] and `tints` uint8 [n, 8] are from `looks.split`; `read` gives complete fingerprints by place. Two photos are
    compared if one of the four bands of their hashes differs in at most one bit: always for up to 7 different bits, and in 70 % of cases
    for 12.
    """
    return _Search(hashes, tints, read).run()


class _Search:
    def __init__(self, hashes: NDArray[np.uint64], tints: NDArray[np.uint8], read: Callable[[Places], Records]) -> None:
        self.hashes, self.tints, self.read = hashes, tints, read
        self.first = np.full(len(hashes), -1, np.int32)
        self.kept = np.ones(len(hashes), bool)
        self.orders, self.starts = [], []
        for band in range(BANDS):
            values = self._band(band, slice(None))
            self.orders.append(np.argsort(values, kind="stable").astype(np.int32))
            self.starts.append(np.concatenate([[0], np.cumsum(np.bincount(values, minlength=1 << BAND_BITS))]).astype(np.int32))

    def run(self) -> Places:
        for start in range(0, len(self.hashes), CHUNK):
            places = np.arange(start, min(start + CHUNK, len(self.hashes)), dtype=np.int32)
            self._leave_out(self._alike(places, 0, start))  # against what is decided already
            self._leave_out(self._alike(places[self.kept[places]], start, len(self.hashes)))  # and among themselves
        return self.first

    def _leave_out(self, pairs: NDArray[np.int32]) -> None:
        """In catalog order; `pairs` int32 [m, 2] are (earlier, later) and sorted by the later one, then by the earlier one."""
        for earlier, later in pairs.tolist():
            if self.kept[earlier] and self.kept[later]:
                self.first[later], self.kept[later] = earlier, False

    def _alike(self, places: Places, low: int, high: int) -> NDArray[np.int32]:
        """The pairs of a kept photo in [low, high) and a later one of `places` with the same image: int32 [m, 2]."""
        codes = np.unique(np.concatenate([np.zeros(0, np.int64), *self._candidates(places, low, high)]))
        pairs = np.stack([codes % len(self.hashes), codes // len(self.hashes)], axis=1).astype(np.int32)
        same = np.zeros(len(pairs), bool)
        for at in range(0, len(pairs), PAIRS):
            some = pairs[at : at + PAIRS]
            same[at : at + PAIRS] = alike(self.read(some[:, 0]), self.read(some[:, 1]))
        return pairs[same]

    def _candidates(self, places: Places, low: int, high: int) -> Iterator[NDArray[np.int64]]:
        """Pairs as numbers later * n + earlier, whose hash and tint are close."""
        for band in range(BANDS):
            values = self._band(band, places)
            for flip in FLIPS:
                bucket = values ^ flip
                begin, end = self.starts[band][bucket], self.starts[band][bucket + 1]
                for some, rows in _blocks(begin, end):
                    earlier, later = self.orders[band][rows], places[some]
                    match = (earlier < later) & (earlier >= low) & (earlier < high) & self.kept[earlier]
                    earlier, later = earlier[match], later[match]
                    match = np.bitwise_count(self.hashes[earlier] ^ self.hashes[later]) <= MAX_BITS
                    earlier, later = earlier[match], later[match]
                    tints = np.abs(self.tints[earlier].astype(np.int16) - self.tints[later]).max(axis=1, initial=0)
                    match = tints <= MAX_CHROMA
                    yield later[match].astype(np.int64) * len(self.hashes) + earlier[match]

    def _band(self, band: int, places: Places | slice) -> NDArray[np.int64]:
        shifted = self.hashes[places] >> np.uint64(BAND_BITS * band)
        return (shifted & np.uint64((1 << BAND_BITS) - 1)).astype(np.int64)


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
