"""Live numbers of a bulk job: the bar's note, status.json, and whatever the executor publishes them to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from ganray.bulk.commit import Tally
from ganray.bulk.status import KEY, STATES, Status
from ganray.errors import GanrayError
from ganray.storage import Store

EVERY_S = 5.0  # between two writes of it


class Reporter:
    """Counts tallies of a job of `images`, of which `before` were finished earlier. `price` is of an hour of the whole cluster, 0 where it
    is not known; `publish` takes every number of the status, `done`, and 1 or 0 for each state that an alert is about.

    `updated` moves only where a shard has come back: that is what tells a job that stalls from a slow one.
    """

    def __init__(self, store: Store, images: int, before: int, price: float, publish: Callable[[dict[str, float]], None]) -> None:
        self._store, self._price, self._publish = store, price, publish
        self._started, self._written = time.monotonic(), float("-inf")
        self.status = Status("running", images, before)
        self._write()

    def add(self, tally: Tally) -> str:
        """Count a shard; returns the note for the bar."""
        status = self.status
        status.written += tally.written
        status.existing += tally.existing
        status.quarantined += tally.quarantined
        status.untouched += tally.untouched
        status.ranked_out += tally.ranked_out
        seconds = time.monotonic() - self._started
        status.images_per_s = (status.done - status.before) / max(seconds, 1e-9)
        status.eta_s = (status.images - status.done) / status.images_per_s if status.images_per_s else None
        status.cost = self._price * seconds / 3600 if self._price else None
        if time.monotonic() - self._written > EVERY_S:
            self._write()
        parts = ("existing", "quarantined", "untouched", "ranked_out")
        notes = [f"{number:,} {name.replace('_', ' ')}" for name in parts if (number := getattr(status, name))]
        return ", ".join([*notes, *([f"cost {status.cost:.2f}"] if status.cost else [])])

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Write how the job ended: done, stopped by a person, or failed."""
        try:
            yield
        except BaseException as error:
            self._end("failed" if isinstance(error, Exception) else "stopped")
            raise
        self._end("done")

    def _end(self, state: str) -> None:
        self.status.state, self.status.eta_s = state, 0.0 if state == "done" else None
        self._write()

    def _write(self) -> None:
        self._written, self.status.updated = time.monotonic(), round(time.time(), 1)
        values = asdict(self.status)
        numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
        states = {state: float(self.status.state == state) for state in STATES}
        self._publish(numbers | states | {"done": float(self.status.done)})
        with suppress(GanrayError):  # a store that takes no status for a while is no reason to stop
            self._store.put(KEY, json.dumps(values, indent=1).encode())
