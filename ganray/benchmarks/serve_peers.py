"""Benchmark `serve-peers`: requests/s and p99 of `ganray serve` at concurrency 32, beside LitServe and BentoML around the same Engine.

Both peers have their own batching, at most as many requests as the engine has rows, and a process for each CPU. They run in an environment
of their own (peer_environment.py). The bars are of Ray Serve; rows of the executor `local` are for comparison.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ganray.benchmarks.load_generator import SEED, Load, Shot
from ganray.benchmarks.peer_environment import find_python
from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_sides import (
    CONNECTIONS,
    Executor,
    Side,
    free_port,
    in_turn,
    median,
    median_ratio,
    process_side,
    product_sides,
    row,
)
from ganray.config import BenchmarkConfig, ServeConfig
from ganray.execution.resources import cores

EXECUTORS: tuple[Executor, ...] = ("ray", "local")
SHOTS = {
    "litserve": (Shot("/predict"),),
    "bentoml": (Shot("/generate", f'{{"requests":[{{"seed":{SEED}}}]}}'),),
}


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Two rows for each executor and peer: rate, and p99."""
    python = find_python()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        make_model(folder)
        ours = stack.enter_context(product_sides(config, ServeConfig(model=folder), EXECUTORS))
        peers = [stack.enter_context(side(python, folder)) for side in (litserve_side, bentoml_side)]
        rounds = in_turn([*ours, *peers], Load(0, config.seconds, CONNECTIONS), config.repeats, SHOTS)
    return [
        row(
            "serve-peers",
            median(rounds, side.name, figure),
            median(rounds, peer.name, figure),
            unit,
            ratio=median_ratio(rounds, side.name, peer.name, figure),
            executor=side.name,
            peer=peer.name,
            failures=sum(reports[side.name]["failures"] for reports in rounds),
            peer_failures=sum(reports[peer.name]["failures"] for reports in rounds),
            **bar,
        )
        for side in ours
        for peer in peers
        for figure, unit, bar in (("rate", "req/s", {"at_least": 1.0}), ("p99_ms", "ms", {"at_most": 1.0}))
    ]


@contextmanager
def litserve_side(python: str, folder: str) -> Iterator[Side]:
    """LitServe in the peers' environment."""
    port = free_port()
    command = [python, "-m", "ganray.benchmarks.peer_litserve", folder, str(port), str(cores())]
    with process_side("litserve", command, port) as side:
        yield side


@contextmanager
def bentoml_side(python: str, folder: str) -> Iterator[Side]:
    """BentoML in the peers' environment."""
    port = free_port()
    settings = {"PEER_FOLDER": folder, "PEER_WORKERS": str(cores()), "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": f"{folder}/bentoml"}
    command = [python, "-m", "bentoml", "serve", "ganray.benchmarks.peer_bentoml:Peer", "--host", "127.0.0.1", "--port", str(port)]
    with process_side("bentoml", command, port, os.environ | settings) as side:
        yield side
