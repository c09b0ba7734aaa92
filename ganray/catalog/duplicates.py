"""Find duplicates in a whole catalog: photos with the same bytes, or with the same image. The first in catalog order is kept.

Photos are places 0..n-1 in catalog order. A photo is a duplicate if it equals an earlier photo that is *kept*: it was compared with the
photo that replaces it, so differences do not add up along a chain. Memory per photo: 26 bytes for exact duplicates (16 for the digest, the
rest for sorting), and for near ones 66 by fingerprints (16 for hash and tint, 16 for sorted bands, 5 for results, the rest for sorting) or
145 by embeddings. The complete records stay in a file and are read for candidates only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.copies.candidates import Places
from ganray.copies.search import CopySearch

RANGES = 16  # of digests, a power of two; they are sorted range by range
CHUNK = 2048  # photos per step


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


def near(search: CopySearch) -> Places:
    """The first kept place with the same image, -1 for a photo that is kept: int32 [n]."""
    first, kept = np.full(search.num, -1, np.int32), np.ones(search.num, bool)

    def leave_out(pairs: NDArray[np.int32]) -> None:
        for earlier, later in pairs.tolist():
            if kept[earlier] and kept[later]:
                first[later], kept[later] = earlier, False

    for start in range(0, search.num, CHUNK):
        places = np.arange(start, min(start + CHUNK, search.num), dtype=np.int32)
        leave_out(search.pairs(places, 0, start, kept))  # against what is decided already
        num = 0
        while num != (num := int(kept[places].sum())):  # and among themselves; again, as a photo's nearest ones may be left out by now
            leave_out(search.pairs(places[kept[places]], start, search.num, kept))
    return first
