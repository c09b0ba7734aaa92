"""Streaming: a prepared catalog in any store -> decoded, augmented, shuffled uint8 batches, through Ray Data.

What is read when is decided by `catalog/order.py` alone (Ray Data itself cannot resume an iterator); Ray Data brings the parallel
readers, the prefetching and the back-pressure. One window is one call and one block, so memory is bounded by the window.

Readers are actors, since an actor can have its next windows queued: a task starts only once Ray Data has noticed the end of the one
before, which took a third of the time (tests/benchmarks/LOG.md).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import ray.data
import torch

from ganray.catalog.order import Window
from ganray.on_ray.breather import Breather
from ganray.on_ray.windows import Source, WindowReader, catalog_order, window_bytes
from ganray.training.loop import Batch

# Windows handed to one Ray Data execution, the first and the most: each costs the plan a millisecond, each execution a second.
SEGMENTS = (128, 1024)
QUEUED = 4  # windows that a reader has before it


@dataclass(frozen=True)
class Readers:
    """The actors that read for one consumer, and the CPUs that each reserves."""

    num: int = 1
    cpus: float = 1.0


def stream(source: Source, rank: int, world: int, batch: int, consumed: int, readers: Readers = Readers()) -> Generator[Batch, None, None]:
    """Endless batches of `batch` images for one rank of `world`, from where that rank has `consumed` images on.

    Images are uint8 [batch, H, W, 3], labels int64 [batch, A].
    The sequence depends on (catalog, source, rank, world, batch, consumed) and on nothing else.
    """
    windows, skip = catalog_order(source).seek(rank, world, consumed)
    images: list[npt.NDArray[np.uint8]] = []
    labels: list[npt.NDArray[np.int64]] = []
    held = 0
    for block_images, block_labels in _blocks(source, windows, readers):
        drop = min(skip, len(block_images))  # Ray Data may hand over a large window as several blocks
        skip -= drop
        images.append(block_images[drop:])
        labels.append(block_labels[drop:])
        held += len(images[-1])
        if held < batch:
            continue
        whole_images, whole_labels = _join(images), _join(labels)
        for start in range(0, held - batch + 1, batch):
            stop = start + batch
            yield Batch(torch.tensor(whole_images[start:stop]), torch.tensor(whole_labels[start:stop]))
        rest = held % batch  # copied, so that the block's memory goes back to the object store
        images, labels = [whole_images[held - rest :].copy()], [whole_labels[held - rest :].copy()]
        held = rest


def _blocks(source: Source, windows: Iterator[Window], readers: Readers) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    length, most = SEGMENTS
    ahead = 2 * (source.data.prefetch + readers.num) * window_bytes(source)  # else readers fill the object store before they rest
    while segment := list(itertools.islice(windows, length)):
        items = [{"epoch": w.epoch, "groups": w.groups, "rows": w.rows, "key": w.key} for w in segment]
        dataset = ray.data.from_items(items, override_num_blocks=len(items))
        dataset.context.enable_progress_bars = False
        dataset.context.raise_original_map_exception = True  # otherwise an error of ours loses its kind on the way
        dataset.context.custom_execution_callback_classes = [Breather]
        dataset.context.execution_options.preserve_order = True
        dataset.context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(object_store_memory=ahead)
        blocks = dataset.map_batches(
            WindowReader,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=readers.num, max_tasks_in_flight_per_actor=QUEUED),
            num_cpus=readers.cpus,
            fn_constructor_args=(source,),
        )
        for block in blocks.iter_batches(batch_size=None, prefetch_batches=source.data.prefetch):
            yield block["image"], block["label"]
        length = min(2 * length, most)


def _join(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
