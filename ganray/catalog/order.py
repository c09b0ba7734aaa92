"""The order of training data: a pure function of (seed, epoch), so that a position is one number and a resume is exact.

An epoch is a permutation of the catalog's row groups, cut into *windows* of about `window` images; the rows of a window are
shuffled when it is read. Windows of all epochs form one endless stream; rank r of W takes windows r, r + W, r + 2 W, ...
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ganray.errors import CatalogError

GROUPS_STREAM, ROWS_STREAM = 0, 1  # keys that keep the two random streams of one seed apart


@dataclass(frozen=True)
class Window:
    """One unit of reading: `groups` are (shard index, row group index) pairs, `rows` their images, `key` its random stream."""

    epoch: int
    groups: tuple[tuple[int, int], ...]
    rows: int
    key: tuple[int, ...]

    def rng(self) -> np.random.Generator:
        """The window's own random stream: shuffling and augmentation of its rows, in row order."""
        return np.random.default_rng(self.key)


class Order:
    """`sizes[s][g]` is the number of rows of row group g of shard s. Raises CatalogError for an empty catalog."""

    def __init__(self, sizes: Sequence[Sequence[int]], seed: int, window: int) -> None:
        self._groups = [(s, g, rows) for s, shard in enumerate(sizes) for g, rows in enumerate(shard) if rows > 0]
        self._seed, self._window = seed, window
        self.images = sum(rows for _, _, rows in self._groups)
        if not self.images:
            raise CatalogError("the catalog holds no images", "Look into its quarantine, then ingest again")

    def epoch(self, epoch: int) -> list[Window]:
        """The windows of one epoch; every image of the catalog is in exactly one of them."""
        permutation = np.random.default_rng((self._seed, GROUPS_STREAM, epoch)).permutation(len(self._groups))
        windows: list[Window] = []
        pending: list[tuple[int, int]] = []
        rows = 0
        for place in permutation:
            shard, group, size = self._groups[place]
            pending.append((shard, group))
            rows += size
            if rows >= self._window:
                windows.append(self._close(epoch, len(windows), pending, rows))
                pending, rows = [], 0
        if pending:
            windows.append(self._close(epoch, len(windows), pending, rows))
        return windows

    def _close(self, epoch: int, place: int, groups: list[tuple[int, int]], rows: int) -> Window:
        return Window(epoch, tuple(groups), rows, (self._seed, ROWS_STREAM, epoch, place))

    def stream(self, rank: int, world: int) -> Iterator[Window]:
        """The endless windows of one rank."""
        windows = itertools.chain.from_iterable(self.epoch(epoch) for epoch in itertools.count())
        return itertools.islice(windows, rank, None, world)

    def seek(self, rank: int, world: int, consumed: int) -> tuple[Iterator[Window], int]:
        """The stream of one rank from where it has `consumed` images on: its windows, and how many rows of the first to skip."""
        stream = self.stream(rank, world)
        for window in stream:
            if consumed < window.rows:
                return itertools.chain([window], stream), consumed
            consumed -= window.rows
        raise AssertionError("the stream is endless")
