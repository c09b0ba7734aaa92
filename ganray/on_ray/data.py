"""Streaming: a prepared catalog in any store -> decoded, augmented, shuffled uint8 batches, through Ray Data.

What is read when is decided by `catalog/order.py` alone (Ray Data itself cannot resume an iterator); Ray Data brings the parallel
readers, the prefetching and the back-pressure. A call reads about `window` images into one block, so memory is bounded by that.

Readers are actors, since an actor can have its next windows queued: a task starts only once Ray Data has noticed the end of the one
before, which took a third of the time (tests/benchmarks/LOG.md).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial

import ray.data

from ganray.catalog.order import Share, Window
from ganray.catalog.windows import Source, packed, read_bytes
from ganray.on_ray.ray_internals import throttle_idle_loops
from ganray.runs.batches import Rows, share_batches
from ganray.runs.mailbox import Mailbox
from ganray.runs.window_reader import WindowReader
from ganray.training.staging import Batch

# Calls handed to one Ray Data execution, the first and the most: each costs the plan a millisecond, each execution a second.
SEGMENTS = (128, 1024)
AHEAD = 3  # times what is asked for and being read: Ray Data counts a block more than once, and at 2 readers rest a third of the time
QUEUED = 4  # calls that a reader has before it
NODE = "ray.io/node-id"  # the label that Ray gives each node


@dataclass(frozen=True)
class Readers:
    """The actors that read for one consumer, and the CPUs that each reserves; none means that they live on the consumer's own node."""

    num: int = 1
    cpus: float = 1.0

    def on(self, cpus: float, consumers: int) -> Readers:
        """These, where so many CPUs are enough for the readers of all consumers; else one that reserves nothing.

        A reader that waits for a CPU waits for ever: a run that was planned for more hosts than there are left would stand.
        """
        return self if consumers * self.num * self.cpus <= cpus else Readers(1, 0.0)


def stream(source: Source, share: Share, consumed: int, readers: Readers, mailbox: Mailbox | None = None) -> Generator[Batch, None, None]:
    """Endless batches of one worker's `share`, from where each lane has `consumed` images on: see `share_batches`.

    `mailbox` gets a note where a store makes the readers wait.
    """
    return share_batches(source, share, consumed, partial(_blocks, source, readers, mailbox))


def _blocks(source: Source, readers: Readers, mailbox: Mailbox | None, windows: Iterator[Window]) -> Generator[Rows, None, None]:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    throttle_idle_loops()
    length, most = SEGMENTS
    ahead = AHEAD * (source.data.prefetch + readers.num) * read_bytes(source)  # else readers fill the object store before they rest
    reads = _reads(windows, source.data.window)
    while segment := list(itertools.islice(reads, length)):
        dataset = ray.data.from_items([{"windows": packed(read)} for read in segment], override_num_blocks=len(segment))
        dataset.context.enable_progress_bars = False
        dataset.context.raise_original_map_exception = True  # otherwise an error of ours loses its kind on the way
        dataset.context.execution_options.preserve_order = True
        dataset.context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(object_store_memory=ahead)
        blocks = dataset.map_batches(
            WindowReader,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=readers.num, max_tasks_in_flight_per_actor=QUEUED),
            num_cpus=readers.cpus,
            label_selector=None if readers.cpus else {NODE: ray.get_runtime_context().get_node_id()},
            fn_constructor_args=(source, mailbox),
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
