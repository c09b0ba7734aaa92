"""Work beside training: a thread that takes the newest item it was given, so that no step waits for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestItemWorker(Generic[T]):
    """Calls `work(item)` in a thread of its own. An item that is submitted meanwhile waits; it replaces one that waits already.

    An exception of `work` is a defect: it is raised by the next `submit` or `flush`.
    `niceness` is what the thread adds to its process's own (Linux), up to 19, which takes only what a core has left.
    """

    def __init__(self, name: str, work: Callable[[T], None], niceness: int = 0) -> None:
        self._work, self._niceness = work, niceness
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._busy = self._closed = False
        self._defect: Exception | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, item: T) -> None:
        """Leave an item to the thread."""
        with self._changed:
            self._raise()
            self._waiting = [item]
            self._changed.notify_all()

    def superseded(self, limit_s: float) -> bool:
        """For `work` to ask: whether a newer item or the end comes within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._waiting) or self._closed, limit_s)

    def flush(self, limit_s: float) -> bool:
        """Wait until nothing is left to do, for `limit_s` seconds at most; returns whether that is so."""
        with self._changed:
            done = self._changed.wait_for(lambda: not self._busy and not self._waiting, limit_s)
            self._raise()
            return done

    def close(self) -> None:
        """End the thread after what it does now, without waiting for it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _raise(self) -> None:
        if self._defect:
            raise self._defect

    def _run(self) -> None:
        if self._niceness and hasattr(os, "setpriority"):
            with suppress(OSError):
                thread = threading.get_native_id()
                os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + self._niceness))
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closed)
                if self._closed:
                    return
                item, self._waiting, self._busy = self._waiting[0], [], True
            try:
                self._work(item)
            except Exception as error:
                self._defect = error
            with self._changed:
                self._busy = False
                self._changed.notify_all()
