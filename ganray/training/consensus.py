"""Ranks that must act at the same step: what one of them wishes after a step, all do after the next one."""

from __future__ import annotations

from datetime import timedelta

import torch
import torch.distributed as dist

from ganray.training.context import Decision

BARRIER_TIMEOUT = timedelta(minutes=15)  # the last to come may be waiting for a store


class Consensus:
    """The strongest wish of all ranks, exchanged beside a step: no rank waits for another, and no GPU for its host.

    It speaks gloo, whatever the gradients speak. Every rank must call `exchange` after the same steps.
    """

    def __init__(self, world_size: int) -> None:
        self._group = dist.new_group(backend="gloo") if world_size > 1 else None
        self._asked = torch.zeros(1, dtype=torch.int32)
        self._pending: dist.Work | None = None

    def exchange(self, wish: Decision) -> Decision:
        """Give this rank's wish, get the strongest one of the step before; a lone worker gets its own at once."""
        if self._group is None:
            return wish
        agreed = self._answer()
        self._asked.fill_(int(wish))
        self._pending = dist.all_reduce(self._asked, dist.ReduceOp.MAX, group=self._group, async_op=True)
        return agreed

    def most(self, number: int) -> int:
        """The largest number that any rank gives."""
        if self._group is None:
            return number
        given = torch.tensor([number])
        dist.all_reduce(given, dist.ReduceOp.MAX, group=self._group)
        return int(given)

    def tell(self, word: str) -> str:
        """What rank 0 says, to all; the others' words are not heard."""
        if self._group is None:
            return word
        words = [word]
        dist.broadcast_object_list(words, src=0, group=self._group)
        return words[0]

    def meet(self) -> None:
        """Wait until every rank is here, or raise where one does not come. Nothing is under way afterwards."""
        if self._group is not None:
            self._answer()
            dist.monitored_barrier(self._group, BARRIER_TIMEOUT)

    def _answer(self) -> Decision:
        if self._pending is None:
            return Decision.GO_ON
        self._pending.wait()
        self._pending = None
        return Decision(int(self._asked))
