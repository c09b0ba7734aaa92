"""A worker that no longer gets on: a GPU that hangs raises nothing, and a single worker has no group that would time out."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable

from ganray.storage.retry import PATIENCE_S

FACTOR = 10  # times the usual time between two rows, after which silence is told
LEAST_S = 60.0
HOPELESS_S = PATIENCE_S + 120.0  # longer than a worker waits for a store
POLL_S = 5.0
ROWS = 3  # before which nothing is usual: the first ones compile, and fill caches


class Watchdog:
    """Calls `tell` once where no row came for FACTOR times the usual interval, and `end` where none comes for HOPELESS_S either."""

    def __init__(self, tell: Callable[[str], None], end: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._end, self._clock = tell, end, clock
        self._intervals: deque[float] = deque(maxlen=9)
        self._last: float | None = None
        self._told = False
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def row(self) -> None:
        """A row was logged."""
        now = self._clock()
        if self._last is not None:
            self._intervals.append(now - self._last)
        self._last, self._told = now, False

    def look(self) -> None:
        """Tell, or end, where it is time to."""
        if self._last is None or len(self._intervals) < ROWS:
            return
        usual, silent = statistics.median(self._intervals), self._clock() - self._last
        limit = max(LEAST_S, FACTOR * usual)
        if silent > limit and not self._told:
            self._told = True
            self._tell(f"no row for {silent:.0f} s, where one comes every {usual:.0f} s: a worker waits for data, a store or a GPU")
        if silent > max(limit, HOPELESS_S):
            self._end()

    def close(self) -> None:
        """Watch no longer."""
        self._closed.set()

    def awake_after(self, seconds: float) -> None:
        """So long this thread slept instead of POLL_S: what is more, the process was stopped, or its machine."""
        if self._last is not None and seconds > 6 * POLL_S:
            self._last += seconds - POLL_S

    def _watch(self) -> None:
        before = self._clock()
        while not self._closed.wait(POLL_S):
            now = self._clock()
            self.awake_after(now - before)
            self.look()
            before = now
