"""Benchmark `serve-latency`: p99 of `ganray serve` at half of the rate that it sustains, over that of the plain server at the same rate.

The sustained rate is that of the slower side at concurrency 32. Arrivals are random (open loop), the same for both sides.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from typing import Any

from ganray.benchmarks.load_generator import Load
from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_sides import (
    CONNECTIONS,
    Executor,
    all_failures,
    in_turn,
    median,
    median_ratio,
    plain_side,
    product_sides,
    row,
)
from ganray.config import BenchmarkConfig, ServeConfig

EXECUTORS: tuple[Executor, ...] = ("ray", "local")
SHARE = 0.5
OPEN_CONNECTIONS = 512


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row for each executor."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        make_model(folder)
        ours = stack.enter_context(product_sides(config, ServeConfig(model=folder), EXECUTORS))
        sides = [*ours, stack.enter_context(plain_side(folder))]
        full = in_turn(sides, Load(0, config.seconds, CONNECTIONS), 1)
        rate = SHARE * min(report["rate"] for report in full[0].values())
        rounds = in_turn(sides, Load(0, 2 * config.seconds, OPEN_CONNECTIONS, rate), config.repeats)
    return [
        row(
            "serve-latency",
            median(rounds, side.name, "p99_ms"),
            median(rounds, "plain", "p99_ms"),
            "ms",
            ratio=median_ratio(rounds, side.name, "plain", "p99_ms"),
            executor=side.name,
            rate=round(rate, 1),
            p50_ms=round(median(rounds, side.name, "p50_ms"), 2),
            plain_p50_ms=round(median(rounds, "plain", "p50_ms"), 2),
            behind_p99_ms=round(median(rounds, side.name, "behind_p99_ms"), 2),
            failures=all_failures(rounds),
        )
        for side in ours
    ]
