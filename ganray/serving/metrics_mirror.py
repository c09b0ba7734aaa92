"""Hands a server's numbers on to another exporter every few seconds, from a thread: a request costs nothing more.

Of several replicas behind one address GET /metrics reaches one at a time. What runs them has an exporter of its own, which is a `Sink`.
"""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from ganray.serving.metrics import Number, ServerMetrics

SECONDS = 5.0


class Sink(Protocol):
    """Where numbers go."""

    def set(self, number: Number) -> None:
        """Take the value that a number has now; that of a counter is its sum since the server began."""
        ...


class MetricsMirror:
    """Copies all numbers of a server to a sink, again and again."""

    def __init__(self, metrics: ServerMetrics, sink: Sink, seconds: float = SECONDS) -> None:
        self._metrics, self._sink, self._seconds = metrics, sink, seconds
        self._ended, self._warned = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Copy once more, and end."""
        self._ended.set()
        self._thread.join()

    def copy(self) -> None:
        """Copy all numbers once; a sink that fails is told once, and tried again."""
        try:
            for number in self._metrics.numbers():
                self._sink.set(number)
        except Exception:
            if not self._warned:
                self._warned = True
                logging.getLogger(__name__).warning("the numbers of this server do not arrive", exc_info=True)

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            self.copy()
        self.copy()
