"""Ranks that must act at the same step: the strongest request of any rank wins, one step later."""

from __future__ import annotations

from datetime import timedelta

import torch
import torch.distributed as dist

from ganray.training.context import Decision

BARRIER_TIMEOUT = timedelta(minutes=15)  # the last rank to arrive may be waiting for a store


class Consensus:
    """The strongest request of all ranks, exchanged beside a step: no rank waits for another, and no GPU for its host.

    It uses gloo, whatever backend the gradients use. Every rank must call `exchange` after the same steps.
    """

    def __init__(self, world_size: int) -> None:
        self._group = dist.new_group(backend="gloo") if world_size > 1 else None
        self._request = torch.zeros(1, dtype=torch.int32)
        self._pending: dist.Work | None = None

    def exchange(self, request: Decision) -> Decision:
        """Give this rank's request, get the strongest one of the step before; a single worker gets its own at once."""
        if self._group is None:
            return request
        agreed = self._result()
        self._request.fill_(int(request))
        self._pending = dist.all_reduce(self._request, dist.ReduceOp.MAX, group=self._group, async_op=True)
        return agreed

    def maximum(self, number: int) -> int:
        """The largest number that any rank gives."""
        if self._group is None:
            return number
        largest = torch.tensor([number])
        dist.all_reduce(largest, dist.ReduceOp.MAX, group=self._group)
        return int(largest)

    def broadcast(self, text: str) -> str:
        """Rank 0's text, on every rank; the other ranks' texts are ignored."""
        if self._group is None:
            return text
        texts = [text]
        dist.broadcast_object_list(texts, src=0, group=self._group)
        return texts[0]

    def barrier(self) -> None:
        """Wait until every rank is here, or raise where one does not come. Nothing is pending afterwards."""
        if self._group is not None:
            self._result()
            dist.monitored_barrier(self._group, BARRIER_TIMEOUT)

    def _result(self) -> Decision:
        if self._pending is None:
            return Decision.GO_ON
        self._pending.wait()
        self._pending = None
        return Decision(int(self._request))
