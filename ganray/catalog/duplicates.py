"""Which photos of a whole catalog are there already: the same bytes, or the same picture. The first in catalog order is kept.

Photos are places 0..n-1 in catalog order. A photo is left out where an earlier one that is *kept* is the same, so the photo that is named
for it is one that it was compared with: likeness does not add up along a chain. Memory is tens of bytes a photo: 26 for exact ones (16 of
digest, the rest to sort them), and then 66 for near ones (16 of hash and tint, 16 of sorted bands, 5 of answers, the rest to sort). Whole
looks lie in a file and are read for candidates alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from ganray.catalog.fingerprints import MAX_BITS, MAX_CHROMA, Records, alike

Places = NDArray[np.int32]
RANGES = 16  # of digests, a power of two: they are sorted one range after the other
BAND_BITS = 16
BANDS = 64 // BAND_BITS
FLIPS = (0, *(1 << bit for bit in range(BAND_BITS)))  # a band finds what differs from it in one bit at most
CHUNK = 2048  # photos that are decided at a time
BLOCK = 1 << 19  # candidates that are held at a time
PAIRS = 1024  # looks that are compared at a time


def exact(digests: NDArray[np.uint64]) -> Places:
    """The first place with the same digest, -1 for a photo that is itself the first; `digests` is uint64 [2, n]."""
    first = np.full(digests.shape[1], -1, np.int32)
    for low in np.arange(RANGES, dtype=np.uint64) << np.uint64(64 - RANGES.bit_length() + 1):
        some = digests[0] >= low
        some &= digests[0] <= low + np.uint64((1 << 64) // RANGES - 1)
        places = np.flatnonzero(some)
        order = places[np.lexsort(digests[::-1, places])]  # stable: equal ones stay in catalog order
        again = np.flatnonzero((digests[:, order[1:]] == digests[:, order[:-1]]).all(axis=0)) + 1
        run = np.flatnonzero(np.diff(again, prepend=-1) != 1)  # where a run of equal ones begins, in `again`
        first[order[again]] = np.repeat(order[again[run] - 1], np.diff(run, append=len(again)))
    return first


def near(hashes: NDArray[np.uint64], tints: NDArray[np.uint8], looks: Callable[[Places], Records]) -> Places:
    """The first kept place with the same look, -1 for a photo that is kept.

    `hashes` uint64 [n] and `tints` uint8 [n, 8] are what `looks.split` gives; `looks` reads whole looks by place. Two photos meet where one
    of the four bands of their hashes differs in at most one bit: always up to 7 bits apart, and seven in ten times at 12.
    """
    return _Search(hashes, tints, looks).run()


class _Search:
    def __init__(self, hashes: NDArray[np.uint64], tints: NDArray[np.uint8], looks: Callable[[Places], Records]) -> None:
        self.hashes, self.tints, self.looks = hashes, tints, looks
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
        """The pairs of a kept photo in [low, high) and a later one of `places` that look the same: int32 [m, 2]."""
        found = np.unique(np.concatenate([np.zeros(0, np.int64), *self._candidates(places, low, high)]))
        pairs = np.stack([found % len(self.hashes), found // len(self.hashes)], axis=1).astype(np.int32)
        same = np.zeros(len(pairs), bool)
        for at in range(0, len(pairs), PAIRS):
            some = pairs[at : at + PAIRS]
            same[at : at + PAIRS] = alike(self.looks(some[:, 0]), self.looks(some[:, 1]))
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
                    right = (earlier < later) & (earlier >= low) & (earlier < high) & self.kept[earlier]
                    earlier, later = earlier[right], later[right]
                    right = np.bitwise_count(self.hashes[earlier] ^ self.hashes[later]) <= MAX_BITS
                    earlier, later = earlier[right], later[right]
                    tints = np.abs(self.tints[earlier].astype(np.int16) - self.tints[later]).max(axis=1, initial=0)
                    right = tints <= MAX_CHROMA
                    yield later[right].astype(np.int64) * len(self.hashes) + earlier[right]

    def _band(self, band: int, places: Places | slice) -> NDArray[np.int64]:
        shifted = self.hashes[places] >> np.uint64(BAND_BITS * band)
        return (shifted & np.uint64((1 << BAND_BITS) - 1)).astype(np.int64)


def _blocks(begin: Places, end: Places) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Every (i, row) with begin[i] <= row < end[i], as two arrays of at most about BLOCK, however long a range is."""
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
