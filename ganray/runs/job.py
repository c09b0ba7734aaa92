"""What each training worker needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganray.catalog.windows import Source
from ganray.config import TrainConfig
from ganray.model_folder import ModelInfo
from ganray.runs.mailbox import Mailbox
from ganray.runs.privacy import Private
from ganray.runs.scoring import Scorer


@dataclass(frozen=True)
class Job:
    """Everything a worker needs to know; small, and picklable where its mailbox and scorer are.

    `info` describes the model at the start of the run. `cutouts` are what mattes are learned on (known_mattes.py), on the way to a worker
    perhaps a reference to them.
    """

    config: TrainConfig
    info: ModelInfo
    source: Source
    threads: int
    mailbox: Mailbox
    scorer: Scorer | None = None
    private: Private | None = None
    cutouts: Any = None
