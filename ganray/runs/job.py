"""What each training worker needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganray.catalog.windows import Source
from ganray.config import TrainConfig
from ganray.runs.privacy import Private


@dataclass(frozen=True)
class Readers:
    """The actors that read for one consumer, and the CPUs that each reserves; none means that they live on the consumer's own node.

    `board` is told when a store makes them wait.
    """

    num: int = 1
    cpus: float = 1.0
    board: Any = None


@dataclass(frozen=True)
class Job:
    """Everything a worker needs to know; pickled by Ray within one cluster."""

    config: TrainConfig
    source: Source
    vocabulary: dict[str, tuple[str, ...]]
    histograms: dict[str, dict[str, int]]
    catalog_digest: str
    threads: int
    readers: Readers
    board: Any
    keeper: Any = None  # of scores (scoring.py)
    titles: tuple[str, ...] = ()
    private: Private | None = None
    cutouts: Any = None  # a reference to what mattes are learned on (cutouts.py)
