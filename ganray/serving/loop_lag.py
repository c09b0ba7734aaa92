"""How late the event loop is: about as long a request has waited before anything of the server saw it."""

from __future__ import annotations

import asyncio

EVERY_S = 0.05


class LoopLag:
    """A timer of the running loop that looks how late it is itself; begun by the first question."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = self._last = self._before = 0.0

    def seconds(self) -> float:
        """The lateness of now; while nothing is late, 0.0."""
        overdue = self._overdue()
        return max(self._last, overdue)

    def lasting(self) -> float:
        """The lateness that two looks in a row have found: a single pause (an import, the collector) is over by the time it is seen."""
        overdue = self._overdue()
        return max(min(overdue, self._last), min(self._last, self._before))

    def _overdue(self) -> float:
        """How long the timer should have rung already."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the timer of one that has ended does not ring
            self._loop, self._last, self._before = loop, 0.0, 0.0
            self._wait()
        return max(loop.time() - self._due, 0.0)

    def _wait(self) -> None:
        assert self._loop is not None
        self._due = self._loop.time() + EVERY_S
        self._loop.call_later(EVERY_S, self._ring)

    def _ring(self) -> None:
        assert self._loop is not None
        self._before, self._last = self._last, self._loop.time() - self._due
        self._wait()
