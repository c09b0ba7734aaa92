"""The live numbers of a bulk job: a note on the bar, a small JSON object in the job's store, and Prometheus metrics of Ray's own exporter.

status.json is news and no part of the books: it is written over, it tells the time, and a job without it is the same job.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ganray.errors import GanrayError
from ganray.storage import Store

KEY = "status.json"
STATES = ("running", "failed")  # published as 1 or 0: a gauge has no text


@dataclass
class Status:
    """`done` = finished before this command + written + existing + quarantined + untouched + ranked_out, of `images`; rates and cost are of
    this command alone."""

    state: str
    images: int
    before: int
    written: int = 0
    existing: int = 0
    quarantined: int = 0
    images_per_s: float = 0.0
    eta_s: float | None = None
    cost: float | None = None
    updated: float = 0.0
    untouched: int = 0
    ranked_out: int = 0

    @property
    def done(self) -> int:
        """Images that nothing remains to be done for."""
        return self.before + self.written + self.existing + self.quarantined + self.untouched + self.ranked_out


def read_status(store: Store) -> Status | None:
    """The last news of a job; None where there is none, or none that can be read."""
    try:
        found: dict[str, Any] = json.loads(store.get(KEY))
        return Status(**found)
    except (GanrayError, ValueError, TypeError):
        return None
