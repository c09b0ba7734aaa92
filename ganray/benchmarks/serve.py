"""Benchmark `serve`: requests/s at concurrency 32 through Ray Serve, over the same app in plain uvicorn (same engine, same batcher)."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ganray.benchmarks.random_model import make_model
from ganray.config import BenchmarkConfig, ServeConfig
from ganray.on_ray.cluster import connect
from ganray.on_ray.serve import serve_on_ray, serving_cpus

CONNECTIONS = 32
WARM_UP = 1.0  # seconds
BARE_APP = """
import sys, uvicorn
from ganray.config import ServeConfig
from ganray.engine import Engine
from ganray.serving.app import make_app
config = ServeConfig.model_validate_json(sys.argv[1])
app = make_app(Engine.load(config.model, threads=config.threads), config)
uvicorn.run(app, host=config.host, port=config.port, log_level="error", access_log=False)
"""


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Both servers run side by side, and are loaded in turn."""
    with tempfile.TemporaryDirectory() as folder:
        make_model(folder)
        resources = connect(config.ray)
        ours = ServeConfig(model=folder, port=_free_port(), ray=config.ray)
        threads = serving_cpus(ours, resources)
        bare = ours.model_copy(update={"port": _free_port(), "threads": threads})
        serving = serve_on_ray(ours)
        try:
            with _uvicorn(bare):
                for server in (ours, bare):
                    _load(server, WARM_UP)
                rounds = [(_load(ours, config.seconds), _load(bare, config.seconds)) for _ in range(config.repeats)]
        finally:
            serving.stop()
    value, baseline = (statistics.median(side["rate"] for side in sides) for sides in zip(*rounds, strict=True))
    latency = {name: round(statistics.median(first[name] for first, _ in rounds), 2) for name in ("p50_ms", "p99_ms")}
    return [
        {
            "name": "serve",
            "value": round(value, 1),
            "baseline": round(baseline, 1),
            "ratio": round(statistics.median(first["rate"] / second["rate"] for first, second in rounds), 4),
            "unit": "req/s",
            "threads": threads,
            **latency,
            "failures": sum(int(side["failures"]) for sides in rounds for side in sides),
        }
    ]


def _load(config: ServeConfig, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "ganray.benchmarks.load_generator", config.host, str(config.port), str(seconds), str(CONNECTIONS)]
    report: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return report


@contextmanager
def _uvicorn(config: ServeConfig) -> Iterator[None]:
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    process = subprocess.Popen([sys.executable, "-c", BARE_APP, config.model_dump_json()], env=environment)
    try:
        while True:
            if process.poll() is not None:
                raise RuntimeError("uvicorn exited before it was listening")
            with socket.socket() as probe:
                if probe.connect_ex((config.host, config.port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
