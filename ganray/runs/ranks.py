"""One worker's place among the workers of a run: its rank, its device, its share of every batch, and what it does with the others.

Workers are processes of one torch.distributed group; who started them does not matter here. A single worker needs no group.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from ganray.catalog.order import Share
from ganray.training.consensus import Consensus
from ganray.training.gradients import Wait


class WorkerTerminated(Exception):
    """This worker ends as it was told to, and the run goes on without it; no defect."""


@dataclass(frozen=True)
class Ranks:
    """`termination_requested` is set where this worker's process is told to end (SIGTERM). `restarted`: a process that ends is started
    again, as a worker of Ray Train is."""

    rank: int
    world_size: int
    device: torch.device
    share: Share
    consensus: Consensus
    termination_requested: threading.Event = field(default_factory=threading.Event)
    restarted: bool = False

    @staticmethod
    def single(device: torch.device, batch: int, lanes: int) -> Ranks:
        """The only worker of a run, in this process."""
        return Ranks(0, 1, device, Share.of_rank(0, 1, lanes, batch), Consensus(1))

    def average(self, tensors: list[Tensor]) -> Wait | None:
        """Begin to replace each tensor by its mean over the workers, each counting by its share of the batch, in place (see `Average`).

        One flat all-reduce: a single message, and the same sum on every rank. One contiguous tensor is not copied.
        """
        if self.world_size == 1:
            return None
        flat = tensors[0] if len(tensors) == 1 else torch.cat([tensor.reshape(-1) for tensor in tensors])
        flat *= len(self.share.lanes) / self.share.of
        work = dist.all_reduce(flat, async_op=True)
        assert work is not None

        def wait() -> None:
            work.wait()
            if len(tensors) > 1:
                for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
                    tensor.copy_(part.view_as(tensor))

        return wait
