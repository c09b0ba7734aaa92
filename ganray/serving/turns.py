"""Turns at a few lanes: who waits for one gets it in the order of a fair queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ganray.serving.context import RequestContext
from ganray.serving.fair_queue import FairQueue


class Turns:
    """`lanes` requests run at a time; the others wait, fairly between keys. Of one event loop."""

    def __init__(self, lanes: int) -> None:
        self._free, self._running = lanes, 0
        self._queue: FairQueue[asyncio.Future[None]] = FairQueue()

    @property
    def outstanding(self) -> int:
        """Requests that wait or run."""
        return len(self._queue) + self._running

    @asynccontextmanager
    async def turn(self, context: RequestContext) -> AsyncIterator[None]:
        """Wait for a lane, and have it until the context ends."""
        if self._free and not len(self._queue):
            self._free -= 1
        else:
            await self._wait(context)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._hand_on()

    async def _wait(self, context: RequestContext) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = self._queue.push(context.caller.key, turn, context.priority, context.caller.weight)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # its turn came together with its end
                self._hand_on()
            self._queue.discard(entry)
            raise

    def _hand_on(self) -> None:
        while len(self._queue):
            turn = self._queue.pop()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
