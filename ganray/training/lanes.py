"""How a run is shared among its workers: lanes of the batch, threads, CPUs for data readers."""

from __future__ import annotations

from typing import Any

from ganray.config import TrainConfig

MOST_LANES = 8  # by default: more workers than that have as many lanes as they need


def lanes(config: TrainConfig, row_groups: int, facts: dict[str, Any]) -> int:
    """How many sequences a batch is drawn from: what is asked for, what the run began with, or up to 8 that catalog and batch can fill.

    The result of a run depends on it, and not on the number of workers, which divide the lanes among them (in even shares where they can).
    """
    if config.lanes:
        return config.lanes
    fitting = divisors(config.batch)
    if (before := facts.get("config", {}).get("lanes", 0)) in fitting and before >= config.workers:
        return int(before)
    number = max(number for number in fitting if number <= max(1, min(MOST_LANES, row_groups)))
    return number if number >= config.workers else min(number for number in fitting if number >= config.workers)


def divisors(number: int) -> list[int]:
    """All divisors of a number, the smallest first."""
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
