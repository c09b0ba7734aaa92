"""How late the event loop is: about as long a request has waited before anything of the server saw it."""

from __future__ import annotations

import asyncio

EVERY_S = 0.05


class LoopLag:
    """A timer of the running loop that looks how late it is itself; begun by the first question."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = self._last = 0.0

    def seconds(self) -> float:
        """The lateness of now; while nothing is late, 0.0."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the timer of one that has ended does not ring
            self._loop, self._last = loop, 0.0
            self._wait()
        return max(self._last, loop.time() - self._due, 0.0)

    def _wait(self) -> None:
        assert self._loop is not None
        self._due = self._loop.time() + EVERY_S
        self._loop.call_later(EVERY_S, self._ring)

    def _ring(self) -> None:
        assert self._loop is not None
        self._last = self._loop.time() - self._due
        self._wait()
