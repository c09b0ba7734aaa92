"""The order of training data: a pure function of (seed, epoch), so that a position is one number and a resume is exact.

An epoch is a permutation of the catalog's row groups, cut into *windows* of about `window` images; the rows of a window are
shuffled when it is read. Windows of all epochs form one endless stream, dealt to a fixed number of *lanes*. A batch takes as many
images from each lane, in the order of the lanes; workers divide the lanes among them. So a batch holds the same images in the same
places whatever the number of workers.
"""

from __future__ import annotations

import heapq
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


@dataclass(frozen=True)
class Share:
    """One worker's part of every batch: `each` images from each of its `lanes`, of `of` lanes in all."""

    lanes: range
    of: int
    each: int

    @staticmethod
    def whole(batch: int) -> Share:
        """All of a batch that is drawn from a single lane."""
        return Share(range(1), 1, batch)

    @staticmethod
    def of_rank(rank: int, world: int, lanes: int, batch: int) -> Share:
        """The share of one of `world` workers: neighbouring lanes, as many as the others have, or one more or less."""
        return Share(range(rank * lanes // world, (rank + 1) * lanes // world), lanes, batch // lanes)

    @property
    def places(self) -> range:
        """The places of its images in the batch."""
        return range(self.lanes.start * self.each, self.lanes.stop * self.each)


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

    def deal(self, lanes: int) -> Iterator[tuple[int, int, Window]]:
        """The endless windows of all epochs, each with the lane that gets it and how many images that lane was given before.

        A window goes to the lane that was given the fewest images, the lowest of several: the one that runs out first. So lanes never
        drift apart by more than a window, however the rows of windows differ.
        """
        given = [(0, lane) for lane in range(lanes)]
        for window in itertools.chain.from_iterable(self.epoch(epoch) for epoch in itertools.count()):
            start, lane = heapq.heappop(given)
            yield lane, start, window
            heapq.heappush(given, (start + window.rows, lane))

    def seek(self, share: Share, consumed: int) -> Iterator[tuple[int, int, Window]]:
        """The windows of a share's lanes in the order in which they are needed, from where each lane has `consumed` images on.

        Each with its lane, and with how many of its first rows are consumed already.
        """
        for lane, start, window in self.deal(share.of):
            if lane in share.lanes and start + window.rows > consumed:
                yield lane, max(consumed - start, 0), window
