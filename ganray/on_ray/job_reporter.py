"""Live numbers of a bulk job: the bar's note, status.json and Prometheus metrics through Ray's exporter."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from ray.util.metrics import Gauge

from ganray.bulk.commit import Tally
from ganray.bulk.job import JobIdentity
from ganray.bulk.status import KEY, Status
from ganray.errors import GanrayError
from ganray.storage import Store

EVERY_S = 5.0  # between two writes of it


class Reporter:
    """Takes tallies as they come. `price` is of an hour of the whole cluster, 0 where nobody has said."""

    def __init__(self, store: Store, plan: JobIdentity, before: int, price: float, verb: str = "generate") -> None:
        self._store, self._price = store, price
        self._started, self._told = time.monotonic(), float("-inf")
        self.status = Status("running", plan.images, before)
        labels = ("job", "number")
        self._gauge = Gauge(f"ganray_{verb}", "Numbers of a bulk job, see status.json", labels)
        self._gauge.set_default_tags({"job": store.url})
        self._tell()

    def add(self, tally: Tally) -> str:
        """Count a shard; returns the note for the bar."""
        status = self.status
        status.written += tally.written
        status.existing += tally.existing
        status.quarantined += tally.quarantined
        status.untouched += tally.untouched
        seconds = time.monotonic() - self._started
        status.images_per_s = (status.done - status.before) / max(seconds, 1e-9)
        status.eta_s = (status.images - status.done) / status.images_per_s if status.images_per_s else None
        status.cost = self._price * seconds / 3600 if self._price else None
        if time.monotonic() - self._told > EVERY_S:
            self._tell()
        parts = {"existing": status.existing, "quarantined": status.quarantined, "untouched": status.untouched}
        noted = [f"{number:,} {name}" for name, number in parts.items() if number]
        return ", ".join([*noted, *([f"cost {status.cost:.2f}"] if status.cost else [])])

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say how it ended: done, stopped by a person, or failed."""
        try:
            yield
        except BaseException as error:
            self.end("failed" if isinstance(error, Exception) else "stopped")
            raise
        self.end("done")

    def end(self, state: str) -> None:
        """The last news: done, stopped or failed."""
        self.status.state, self.status.eta_s = state, 0.0 if state == "done" else None
        self._tell()

    def _tell(self) -> None:
        self._told, self.status.updated = time.monotonic(), round(time.time(), 1)
        for name, number in asdict(self.status).items():
            if isinstance(number, int | float):
                self._gauge.set(float(number), {"number": name})
        with suppress(GanrayError):  # a store that takes no news for a while is no reason to stop
            self._store.put(KEY, json.dumps(asdict(self.status), indent=1).encode())
