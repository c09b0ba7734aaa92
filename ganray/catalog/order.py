"""The order of training data: a pure function of (seed, epoch), so that a position is a single number and a resume is exact.

An epoch is a permutation of the catalog's row groups, cut into *windows* of about `window` images; the rows of a window are
shuffled when it is read. The windows of all epochs form an endless stream, which is distributed over a fixed number of *lanes*. A batch
takes the same number of images from each lane, in the order of the lanes; each worker has some of the lanes. A batch therefore has the
same images in the same places for any number of workers.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ganray.errors import CatalogError

GROUPS_STREAM, ROWS_STREAM = 0, 1  # keys of the two independent random streams of a seed


@dataclass(frozen=True)
class Window:
    """A unit of reading: `groups` are (shard index, row group index) pairs, `rows` the number of images, `key` its random stream."""

    epoch: int
    groups: tuple[tuple[int, int], ...]
    rows: int
    key: tuple[int, ...]

    def rng(self) -> np.random.Generator:
        """The random stream of the window: shuffling and augmentation of its rows, in row order."""
        return np.random.default_rng(self.key)


@dataclass(frozen=True)
class Share:
    """The part of a worker in every batch: `each` images from each of its `lanes`, of `of` lanes in total."""

    lanes: range
    of: int
    each: int

    @staticmethod
    def whole(batch: int) -> Share:
        """The whole batch, from a single lane."""
        return Share(range(1), 1, batch)

    @staticmethod
    def of_rank(rank: int, world: int, lanes: int, batch: int) -> Share:
        """The share of worker `rank` of `world`: neighbouring lanes; the numbers of lanes differ by at most one."""
        return Share(range(rank * lanes // world, (rank + 1) * lanes // world), lanes, batch // lanes)

    @property
    def places(self) -> range:
        """The positions of its images in the batch."""
        return range(self.lanes.start * self.each, self.lanes.stop * self.each)


class Order:
    """The order of a catalog: `sizes[s][g]` is the number of rows of row group g of shard s. Raises CatalogError if it is empty."""

    def __init__(self, sizes: Sequence[Sequence[int]], seed: int, window: int) -> None:
        self._groups = [(s, g, rows) for s, shard in enumerate(sizes) for g, rows in enumerate(shard) if rows > 0]
        self._seed, self._window = seed, window
        self.images = sum(rows for _, _, rows in self._groups)
        if not self.images:
            raise CatalogError("the catalog holds no images", "Check its quarantine, then ingest again")

    def epoch(self, epoch: int) -> list[Window]:
        """The windows of one epoch; every image of the catalog is in exactly one of them."""
        return list(self._windows(epoch))

    def _windows(self, epoch: int) -> Iterator[Window]:
        """The same, made one by one: a million windows of a large catalog would take half a gigabyte in each worker."""
        permutation = np.random.default_rng((self._seed, GROUPS_STREAM, epoch)).permutation(len(self._groups))
        place = 0
        pending: list[tuple[int, int]] = []
        rows = 0
        for number in permutation:
            shard, group, size = self._groups[number]
            pending.append((shard, group))
            rows += size
            if rows >= self._window:
                yield self._close(epoch, place, pending, rows)
                pending, rows, place = [], 0, place + 1
        if pending:
            yield self._close(epoch, place, pending, rows)

    def _close(self, epoch: int, place: int, groups: list[tuple[int, int]], rows: int) -> Window:
        return Window(epoch, tuple(groups), rows, (self._seed, ROWS_STREAM, epoch, place))

    def deal(self, lanes: int) -> Iterator[tuple[int, int, Window]]:
        """The endless windows of all epochs as (lane, images that the lane had before, window).

        A window goes to the lane with the fewest images so far, the lowest of several. Lanes therefore never differ by more than a window,
        even if windows differ in size.
        """
        lengths = [(0, lane) for lane in range(lanes)]
        for window in itertools.chain.from_iterable(self._windows(epoch) for epoch in itertools.count()):
            start, lane = heapq.heappop(lengths)
            yield lane, start, window
            heapq.heappush(lengths, (start + window.rows, lane))

    def seek(self, share: Share, consumed: int) -> Iterator[tuple[int, int, Window]]:
        """The windows of a share's lanes in the order of use, starting where each lane has `consumed` images.

        Yields (lane, number of rows of the window that are consumed already, window).
        """
        for lane, start, window in self.deal(share.of):
            if lane in share.lanes and start + window.rows > consumed:
                yield lane, max(consumed - start, 0), window
