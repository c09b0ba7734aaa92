"""Benchmark `serve`: requests/s at concurrency 32 through `ganray serve`, over a plain server around the same Engine (plain_server.py).

The bar is of Ray Serve; `local` is the same app in one process, without Ray.
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


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """All servers run side by side, and are loaded in turn. A row for each executor."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        make_model(folder)
        ours = stack.enter_context(product_sides(config, ServeConfig(model=folder), EXECUTORS))
        sides = [*ours, stack.enter_context(plain_side(folder))]
        rounds = in_turn(sides, Load(0, config.seconds, CONNECTIONS), config.repeats)
    return [
        row(
            "serve",
            median(rounds, side.name, "rate"),
            median(rounds, "plain", "rate"),
            "req/s",
            ratio=median_ratio(rounds, side.name, "plain", "rate"),
            executor=side.name,
            p50_ms=round(median(rounds, side.name, "p50_ms"), 2),
            p99_ms=round(median(rounds, side.name, "p99_ms"), 2),
            plain_p99_ms=round(median(rounds, "plain", "p99_ms"), 2),
            failures=all_failures(rounds),
        )
        for side in ours
    ]
