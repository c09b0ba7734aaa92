"""Find copies among photos: candidates by keys, then a comparison of pixels. The one function behind ingest, the gate and evaluate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ganray.copies.candidates import Candidates, Places
from ganray.copies.methods import METHODS, Method, Records

PAIRS = 1024  # that are compared at a time
SLAB = 1 << 15  # reference photos that are searched at a time


class CopySearch:
    """Photos 0..n-1 of which `keys` uint8 [n, key_bytes] are in memory; `read` gives complete records by place."""

    def __init__(self, method: Method, keys: Records, read: Callable[[Places], Records]) -> None:
        self._candidates: Candidates = method.candidates(keys)
        self._alike, self._read, self.num = method.alike, read, len(keys)

    def pairs(self, places: Places, low: int, high: int, kept: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Pairs (earlier, later) of the same photo, int32 [m, 2]: a `kept` one (bool [n]) in [low, high), and a later one of `places`.

        Sorted by the later one, then by the earlier one.
        """
        parts = self._candidates.pairs(places, low, high, kept)
        codes = np.unique(np.concatenate([np.zeros(0, np.int64), *parts]))
        pairs = np.stack([codes % max(1, self.num), codes // max(1, self.num)], axis=1).astype(np.int32)
        same = np.zeros(len(pairs), bool)
        for at in range(0, len(pairs), PAIRS):
            some = pairs[at : at + PAIRS]
            same[at : at + PAIRS] = self._alike(self._read(some[:, 0]), self._read(some[:, 1]))
        return pairs[same]


def find_copies(method: str, references: Records, queries: Records) -> Places:
    """For each of `queries` the first place in `references` (records of METHODS, uint8 [n, bytes]) with the same photo, else -1: int32.

    What is found for a query depends on it and the references alone, not on the other queries.
    """
    row = METHODS[method]
    found = np.full(len(queries), -1, np.int32)
    for start in range(0, len(references), SLAB):
        slab = references[start : start + SLAB]
        records = np.concatenate([slab, queries])
        search = CopySearch(row, np.ascontiguousarray(records[:, : row.key_bytes]), records.__getitem__)
        places = np.arange(len(slab), len(records), dtype=np.int32)
        for earlier, later in search.pairs(places, 0, len(slab), np.ones(len(records), bool)).tolist():
            query = later - len(slab)
            if found[query] < 0:
                found[query] = start + earlier
    return found
