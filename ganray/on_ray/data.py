"""Streaming: a prepared catalog in any store -> decoded, augmented, shuffled uint8 batches, through Ray Data.

What is read when is decided by `catalog/order.py` alone (Ray Data itself cannot resume an iterator); Ray Data brings the parallel
tasks, the prefetching and the back-pressure. One window is one task and one block, so memory is bounded by the window.
"""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import ray.data
import torch

from ganray.catalog.order import Window
from ganray.on_ray.windows import Source, catalog_order, read_block
from ganray.training.loop import Batch

SEGMENT = 256  # windows handed to one Ray Data execution: bounds the driver's plan, amortises its start (about 0.3 s)


def stream(source: Source, rank: int, world: int, batch: int, consumed: int, tasks: int = 1) -> Generator[Batch, None, None]:
    """Endless batches of `batch` images for one rank of `world`, from where that rank has `consumed` images on.

    Images are uint8 [batch, H, W, 3], labels int64 [batch, A]. `tasks` bounds the data tasks that run at once.
    The sequence depends on (catalog, source, rank, world, batch, consumed) and on nothing else.
    """
    windows, skip = catalog_order(source).seek(rank, world, consumed)
    images: list[npt.NDArray[np.uint8]] = []
    labels: list[npt.NDArray[np.int64]] = []
    held = 0
    for block_images, block_labels in _blocks(source, windows, tasks):
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


def _blocks(source: Source, windows: Iterator[Window], tasks: int) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    read = functools.partial(read_block, source)
    while segment := list(itertools.islice(windows, SEGMENT)):
        items = [{"epoch": w.epoch, "groups": w.groups, "rows": w.rows, "key": w.key} for w in segment]
        dataset = ray.data.from_items(items, override_num_blocks=len(items))
        dataset.context.enable_progress_bars = False
        dataset.context.raise_original_map_exception = True  # otherwise an error of ours loses its kind on the way
        dataset.context.execution_options.preserve_order = True
        blocks = dataset.map_batches(read, batch_size=1, compute=ray.data.TaskPoolStrategy(size=tasks))
        for block in blocks.iter_batches(batch_size=None, prefetch_batches=source.data.prefetch):
            yield block["image"], block["label"]


def _join(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
