"""Calls at times that nearly never come, as of deadlines: one timer of the event loop for all of them.

A timer of its own for each request costs 9 us, a tenth of that is taken here: `loop.call_later` keeps cancelled timers in its heap, and
compares them in Python.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable


class Alarm:
    """One call that is to be made."""

    __slots__ = ("at", "call")

    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call = at, call


class Alarms:
    """Alarms of the running event loop. Setting and taking back are O(1); when the earliest one is due, all are looked through."""

    def __init__(self) -> None:
        self._alarms: set[Alarm] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._at = math.inf  # of the timer
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._alarms)

    def set(self, at: float, call: Callable[[], None]) -> Alarm:
        """Call `call()` at `at` of time.monotonic(), unless it is taken back before."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the timer of one that has ended does not ring
            self._loop, self._timer, self._at = loop, None, math.inf
            self._alarms.clear()
        alarm = Alarm(at, call)
        self._alarms.add(alarm)
        if at < self._at:
            self._wake_at(at)
        return alarm

    def take_back(self, alarm: Alarm) -> None:
        """Do not make the call; idempotent."""
        self._alarms.discard(alarm)

    def _wake_at(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = at
        assert self._loop is not None
        self._timer = self._loop.call_later(max(0.0, at - time.monotonic()), self._ring)

    def _ring(self) -> None:
        now = time.monotonic()
        due = [alarm for alarm in self._alarms if alarm.at <= now]
        self._alarms.difference_update(due)
        self._timer, self._at = None, math.inf
        if self._alarms:
            self._wake_at(min(alarm.at for alarm in self._alarms))
        for alarm in due:
            alarm.call()
