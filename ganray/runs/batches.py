"""Batches of one worker's share of a run, put together from windows of the catalog in the order of `catalog/order.py`.

What is read when is decided by that order alone; who reads ahead, and in which processes or threads, changes no pixel.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterator

import numpy as np
import numpy.typing as npt
import torch

from ganray.catalog.order import Share, Window
from ganray.catalog.windows import Source, catalog_order, joined
from ganray.training.staging import Batch

Rows = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]  # images uint8 [n, H, W, 3] and labels int64 [n, A + T]
ReadWindows = Callable[[Iterator[Window]], Generator[Rows, None, None]]  # their rows in order; a window may come in several parts


def share_batches(source: Source, share: Share, consumed: int, read: ReadWindows) -> Generator[Batch, None, None]:
    """Endless batches of one worker's `share`, from where each lane has `consumed` images on.

    Images are uint8 [n, H, W, 3], labels int64 [n, A + T], n = len(share.places), in the order of their places in the whole batch.
    The sequence depends on (catalog, source, share, consumed) and on nothing else; workers' shares together are the whole's batches.
    """
    lanes = {lane: _Lane() for lane in share.lanes}
    for lane, images, labels in _pieces(catalog_order(source).seek(share, consumed), read):
        lanes[lane].add(images, labels)
        while all(other.rows >= share.each for other in lanes.values()):
            parts = [part for other in lanes.values() for part in other.take(share.each)]
            pixels, columns = (torch.tensor(joined(arrays)) for arrays in zip(*parts, strict=True))
            yield Batch(pixels, columns)


class _Lane:
    """Rows of one lane that wait for their batch."""

    def __init__(self) -> None:
        self.rows = 0
        self._parts: deque[Rows] = deque()

    def add(self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> None:
        self._parts.append((images, labels))
        self.rows += len(images)

    def take(self, num: int) -> Iterator[Rows]:
        """The first `num` rows, which must be there, in a few parts."""
        self.rows -= num
        while num:
            images, labels = self._parts.popleft()
            if len(images) > num:
                self._parts.appendleft((images[num:], labels[num:]))
            yield images[:num], labels[:num]
            num -= len(images[:num])


def _pieces(
    dealt: Iterator[tuple[int, int, Window]], read: ReadWindows
) -> Iterator[tuple[int, npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    """The windows' rows as they come, each with its lane; rows to skip are left out."""
    dealt, plan = itertools.tee(dealt)
    left = skip = lane = 0
    for images, labels in read(window for _, _, window in plan):
        start = 0
        while start < len(images):  # rows of several windows may come at once, and those of a large window in parts
            if not left:
                lane, skip, window = next(dealt)
                left = window.rows
            stop = min(start + left, len(images))
            left -= stop - start
            drop = min(skip, stop - start)
            skip -= drop
            if start + drop < stop:
                yield lane, images[start + drop : stop], labels[start + drop : stop]
            start = stop
