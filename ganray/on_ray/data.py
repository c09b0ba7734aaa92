"""Streaming: a prepared catalog in any store -> decoded, augmented, shuffled uint8 batches, through Ray Data.

What is read when is decided by `catalog/order.py` alone (Ray Data itself cannot resume an iterator); Ray Data brings the parallel
readers, the prefetching and the back-pressure. A call reads about `window` images into one block, so memory is bounded by that.

Readers are actors, since an actor can have its next windows queued: a task starts only once Ray Data has noticed the end of the one
before, which took a third of the time (tests/benchmarks/LOG.md).
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import ray.data
import torch

from ganray.catalog.order import Share, Window
from ganray.catalog.windows import Source, catalog_order, joined, packed, read_bytes, read_window, unpacked
from ganray.on_ray.ray_internals import IdleLoopThrottle
from ganray.runs.job import Readers
from ganray.storage.retry import retry_while_unavailable
from ganray.training.loop import Batch

# Calls handed to one Ray Data execution, the first and the most: each costs the plan a millisecond, each execution a second.
SEGMENTS = (128, 1024)
AHEAD = 3  # times what is asked for and being read: Ray Data counts a block more than once, and at 2 readers rest a third of the time
QUEUED = 4  # calls that a reader has before it
NODE = "ray.io/node-id"  # the label that Ray gives each node
Rows = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]  # images uint8 [n, H, W, 3] and labels int64 [n, A + T]


def stream(source: Source, share: Share, consumed: int, readers: Readers) -> Generator[Batch, None, None]:
    """Endless batches of one worker's `share`, from where each lane has `consumed` images on.

    Images are uint8 [n, H, W, 3], labels int64 [n, A + T], n = len(share.places), in the order of their places in the whole batch.
    The sequence depends on (catalog, source, share, consumed) and on nothing else; workers' shares together are the whole's batches.
    """
    held = {lane: _Lane() for lane in share.lanes}
    for lane, images, labels in _pieces(source, catalog_order(source).seek(share, consumed), readers):
        held[lane].add(images, labels)
        while all(other.rows >= share.each for other in held.values()):
            taken = [part for other in held.values() for part in other.take(share.each)]
            pixels, columns = (torch.tensor(joined(parts)) for parts in zip(*taken, strict=True))
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
    source: Source, dealt: Iterator[tuple[int, int, Window]], readers: Readers
) -> Iterator[tuple[int, npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    """The windows' rows as they come, each with its lane; rows to skip are left out."""
    dealt, plan = itertools.tee(dealt)
    left = skip = lane = 0
    for images, labels in _blocks(source, (window for _, _, window in plan), readers):
        start = 0
        while start < len(images):  # a block holds several windows, and Ray Data may hand over a large window as several blocks
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


def _blocks(source: Source, windows: Iterator[Window], readers: Readers) -> Iterator[Rows]:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    length, most = SEGMENTS
    ahead = AHEAD * (source.data.prefetch + readers.num) * read_bytes(source)  # else readers fill the object store before they rest
    reads = _reads(windows, source.data.window)
    while segment := list(itertools.islice(reads, length)):
        dataset = ray.data.from_items([{"windows": packed(read)} for read in segment], override_num_blocks=len(segment))
        dataset.context.enable_progress_bars = False
        dataset.context.raise_original_map_exception = True  # otherwise an error of ours loses its kind on the way
        dataset.context.custom_execution_callback_classes = [IdleLoopThrottle]
        dataset.context.execution_options.preserve_order = True
        dataset.context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(object_store_memory=ahead)
        blocks = dataset.map_batches(
            WindowReader,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=readers.num, max_tasks_in_flight_per_actor=QUEUED),
            num_cpus=readers.cpus,
            label_selector=None if readers.cpus else {NODE: ray.get_runtime_context().get_node_id()},
            fn_constructor_args=(source, readers.board),
        )
        for block in blocks.iter_batches(batch_size=None, prefetch_batches=source.data.prefetch):
            yield block["image"], block["label"]
        length = min(2 * length, most)


def _reads(windows: Iterator[Window], images: int) -> Iterator[list[Window]]:
    """Windows that are read at once: of about as many images together, since every call and every block costs its own time."""
    read: list[Window] = []
    for window in windows:
        read.append(window)
        if sum(each.rows for each in read) >= images:
            yield read
            read = []


class WindowReader:
    """The actor of Ray Data that reads: some windows in, one block out; its catalog stays open from one call to the next."""

    def __init__(self, source: Source, board: Any = None) -> None:
        self._source, self._board = source, board

    def __call__(self, item: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
        """`read_window` one after the other, as Ray Data calls it: on a batch of one `packed` item."""
        windows = unpacked(str(item["windows"][0]))
        read = [
            retry_while_unavailable(partial(read_window, self._source, window), f"reading {self._source.url}", self._say)
            for window in windows
        ]
        images, labels = zip(*read, strict=True)
        return {"image": joined(images), "label": joined(labels)}

    def _say(self, text: str) -> None:
        if self._board is not None:
            self._board.post.remote("note", text)
