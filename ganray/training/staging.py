"""Batches on their way to a GPU: the next one is copied while the step computes, from pinned memory, on a stream of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Batch(NamedTuple):
    """One worker's share of a step: images uint8 [n, H, W, 3], labels int64 [n, A], n = len(context.places(config.batch))."""

    images: Tensor
    labels: Tensor
    key: str = ""  # the step's secret in a private run (poisson.py), where n varies


def staged(batches: Iterator[Batch], device: torch.device, steps: int) -> Iterator[Batch]:
    """The batches of so many steps, on a GPU one step ahead: a step finds its own there. On a CPU they are as they were."""
    return _ahead(islice(batches, steps), device) if device.type == "cuda" else batches


def _ahead(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    stream = torch.cuda.Stream(device)

    def send(batch: Batch) -> tuple[Batch, torch.cuda.Event]:
        with torch.cuda.stream(stream):
            images, labels = (part.pin_memory().to(device, non_blocking=True) for part in (batch.images, batch.labels))
            return batch._replace(images=images, labels=labels), stream.record_event()

    for batch, sent in one_ahead(map(send, batches)):
        current = torch.cuda.current_stream(device)
        current.wait_event(sent)
        for part in (batch.images, batch.labels):
            part.record_stream(current)  # its memory is not given away before the step has read it
        yield batch


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items; the next one is taken before an item is given. What fails then is raised after that item."""
    waiting, failed = next(items, None), None
    while waiting is not None:
        item = waiting
        try:
            waiting = next(items, None)
        except Exception as error:
            waiting, failed = None, error
        yield item
    if failed is not None:
        raise failed
