"""Benchmark `serve-fair`: p99 of a key that sends one request a second beside one that floods, over its p99 alone.

The flood is as many connections as a replica's queue has room for, each of which sends its next request at once.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from ganray.benchmarks.load_generator import Load, Shot
from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_sides import CONNECTIONS, MINUTE, WARM_UP, Executor, Report, Side, median, median_ratio, product_side, row
from ganray.config import BenchmarkConfig, ServeConfig
from ganray.serving.keys import hash_of, new_key

EXECUTORS: tuple[Executor, ...] = ("ray", "local")
FLOOD = 256  # connections
RATE = 1.0  # requests/s of the quiet key


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row for each executor."""
    quiet, loud = new_key(), new_key()
    with tempfile.TemporaryDirectory() as folder:
        make_model(f"{folder}/model")
        keys = Path(folder, "keys.yaml")
        keys.write_text(
            yaml.safe_dump({"keys": [{"name": name, "hash": hash_of(key)} for name, key in (("quiet", quiet), ("loud", loud))]})
        )
        served = ServeConfig(model=f"{folder}/model", keys=str(keys))
        return [_measure(config, served, executor, (_shot(quiet), _shot(loud))) for executor in EXECUTORS]


def _measure(config: BenchmarkConfig, served: ServeConfig, executor: Executor, shots: tuple[Shot, Shot]) -> dict[str, Any]:
    with product_side(config, served, executor) as side:
        side.load(Load(0, WARM_UP, CONNECTIONS, shots=shots[1:]))
        rounds = [_round(side, MINUTE * config.seconds, shots) for _ in range(config.repeats)]
    return row(
        "serve-fair",
        median(rounds, "beside", "p99_ms"),
        median(rounds, "alone", "p99_ms"),
        "ms",
        ratio=median_ratio(rounds, "beside", "alone", "p99_ms"),
        executor=executor,
        p50_ms=round(median(rounds, "beside", "p50_ms"), 1),
        alone_p50_ms=round(median(rounds, "alone", "p50_ms"), 1),
        flood_p50_ms=round(median(rounds, "flood", "p50_ms"), 1),
        flood_rate=round(median(rounds, "flood", "rate"), 1),
        flood_refused=sum(reports["flood"]["refused"] for reports in rounds),
        requests=sum(reports["beside"]["sent"] for reports in rounds),
        failures=sum(reports[name]["failures"] for reports in rounds for name in ("alone", "beside")),
    )


def _round(side: Side, seconds: float, shots: tuple[Shot, Shot]) -> dict[str, Report]:
    """The quiet key alone, and beside the flood, which begins before it and ends after it."""
    quiet = Load(0, seconds, CONNECTIONS, RATE, shots=shots[:1])
    alone = side.load(quiet)
    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(side.load, Load(0, seconds + 2 * WARM_UP, FLOOD, seed=1, shots=shots[1:]))
        beside = side.load(quiet)
        return {"alone": alone, "beside": beside, "flood": flood.result()}


def _shot(key: str) -> Shot:
    return Shot(headers={"Authorization": f"Bearer {key}"})
