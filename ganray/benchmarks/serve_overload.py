"""Benchmark `serve-overload`: four times the rate that a server sustains, for a minute, each request with a deadline.

Three rows for each executor. Accepted answers: their p99 over the deadline. Refusals (429, 503): their slowest over 100 ms. Memory: that at
the end over that after a third of the time. What is neither answered nor refused (504, lost connections) is in every row.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from ganray.benchmarks.load_generator import Load, Shot
from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_sides import CONNECTIONS, MINUTE, WARM_UP, Executor, Side, product_side, row
from ganray.config import BenchmarkConfig, ServeConfig

EXECUTORS: tuple[Executor, ...] = ("ray", "local")
TIMES = 4.0  # the sustainable rate
DEADLINE_MS, REFUSAL_MS = 1000, 100.0
MOST_CONNECTIONS = 4000
MEMORY_BAR = 1.1
SHOT = Shot(headers={"X-Ganray-Timeout-Ms": str(DEADLINE_MS)})


class MemoryLog(threading.Thread):
    """Reads how much memory a server has, twice a second, while it is loaded."""

    def __init__(self, resident: Callable[[], int]) -> None:
        super().__init__(daemon=True)
        self._resident, self._end = resident, threading.Event()
        self.seen: list[int] = []

    def run(self) -> None:
        """Until `growth` is asked for."""
        while not self._end.wait(0.5):
            self.seen.append(self._resident())

    def growth(self) -> tuple[float, float]:
        """End; see `growth_of`."""
        self._end.set()
        self.join()
        return growth_of(self.seen or [self._resident()])


def growth_of(seen: list[int]) -> tuple[float, float]:
    """Bytes after a third of the readings, and at their end: each the median of a tenth of them."""
    few, third = max(1, len(seen) // 10), len(seen) // 3
    return statistics.median(seen[third : third + few]), statistics.median(seen[-few:])


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Three rows for each executor."""
    with tempfile.TemporaryDirectory() as folder:
        make_model(folder)
        rows = []
        for executor in EXECUTORS:
            with product_side(config, ServeConfig(model=folder), executor) as side:
                rows += _overload(side, config.seconds)
        return rows


def _overload(side: Side, seconds: float) -> list[dict[str, Any]]:
    side.load(Load(0, WARM_UP, CONNECTIONS))
    sustained = side.load(Load(0, seconds, CONNECTIONS))["rate"]
    memory = MemoryLog(side.resident)
    memory.start()
    report = side.load(Load(0, MINUTE * seconds, MOST_CONNECTIONS, TIMES * sustained, shots=(SHOT,)))
    before, after = memory.growth()
    facts = {
        "executor": side.name,
        "sustained": round(sustained, 1),
        "sent": report["sent"],
        "accepted": report["answered"],
        "refused": report["refused"],
        "neither": report["sent"] - report["answered"] - report["refused"],
        "statuses": report["statuses"],
        "goodput": round(report["rate"] / sustained, 3) if sustained else 0.0,
        "behind_p99_ms": round(report["behind_p99_ms"], 1),
    }
    mib = 2.0**20
    return [
        row("serve-overload", report["p99_ms"], DEADLINE_MS, "ms", what="accepted p99", at_most=1.0, **facts),
        row(
            "serve-overload",
            report["refused_max_ms"],
            REFUSAL_MS,
            "ms",
            what="slowest refusal",
            at_most=1.0,
            refused_p99_ms=round(report["refused_p99_ms"], 1),
            **facts,
        ),
        row("serve-overload", after / mib, before / mib, "MiB", what="memory", at_most=MEMORY_BAR, **facts),
    ]
