"""Benchmark `serve-cache`: answers 304 a second, over answers that are drawn a second, at concurrency 32.

A client that has an answer sends its ETag, and is told 304 without a picture being drawn.
"""

from __future__ import annotations

import http.client
import tempfile
from dataclasses import replace
from typing import Any

from ganray.benchmarks.load_generator import Load, Shot
from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_sides import (
    CONNECTIONS,
    Executor,
    all_failures,
    in_turn,
    median,
    median_ratio,
    product_side,
    row,
)
from ganray.config import BenchmarkConfig, ServeConfig

EXECUTORS: tuple[Executor, ...] = ("ray", "local")
KNOWN = 64  # answers that the client has


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row for each executor."""
    with tempfile.TemporaryDirectory() as folder:
        make_model(folder)
        return [_measure(config, folder, executor) for executor in EXECUTORS]


def _measure(config: BenchmarkConfig, folder: str, executor: Executor) -> dict[str, Any]:
    with product_side(config, ServeConfig(model=folder), executor) as side:
        known = tuple(_known(side.port, f'{{"seed":{seed}}}') for seed in range(KNOWN))
        sides = [replace(side, name="known"), replace(side, name="drawn")]
        rounds = in_turn(sides, Load(0, config.seconds, CONNECTIONS), config.repeats, {"known": known})
    return row(
        "serve-cache",
        median(rounds, "known", "rate"),
        median(rounds, "drawn", "rate"),
        "req/s",
        ratio=median_ratio(rounds, "known", "drawn", "rate"),
        executor=executor,
        drawn_again=sum(reports["known"]["statuses"].get("200", 0) for reports in rounds),
        failures=all_failures(rounds),
    )


def _known(port: int, body: str) -> Shot:
    """The request of a client that has the answer of `body`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/v1/generate", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        tag = answer.headers["ETag"]
    finally:
        connection.close()
    assert answer.status == 200 and tag, f"status {answer.status}, ETag {tag}"
    return Shot(body=body, headers={"If-None-Match": tag})
