"""Benchmark `serve-kill`: a replica of two is killed (SIGKILL) every ten seconds for a minute, under load.

Counted are answers with other bytes than the engine's own, and requests that a client which retries once does not get answered: 0 each.
"""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ganray.benchmarks.load_generator import Load, Shot
from ganray.benchmarks.plain_server import make_files
from ganray.benchmarks.random_model import make_model
from ganray.benchmarks.serve_sides import MINUTE, Side, product_side, row
from ganray.config import BenchmarkConfig, ServeConfig
from ganray.engine import Engine
from ganray.requests import GenerateRequest

REPLICAS = 2
CONNECTIONS = 8
EVERY, FIRST = 10.0, 3.0  # seconds
KNOWN = 64  # requests, whose answers are drawn before


class Killer(threading.Thread):
    """Kills the replica that has answered for longest, again and again. `alone` are kills of the only one."""

    def __init__(self, pids: Callable[[], list[int]], seconds: float) -> None:
        super().__init__(daemon=True)
        self._pids, self._until = pids, time.monotonic() + seconds
        self.kills = self.alone = 0

    def run(self) -> None:
        """Until the time is over."""
        due = time.monotonic() + FIRST
        while due < self._until:
            time.sleep(max(0.0, due - time.monotonic()))
            due += EVERY
            if running := self._pids():
                os.kill(running[0], signal.SIGKILL)
                self.kills += 1
                self.alone += len(running) == 1


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row for wrong answers, and one for failures."""
    with tempfile.TemporaryDirectory() as folder:
        make_model(folder)
        shots = known_shots(folder)
        served = ServeConfig(model=folder, replicas=REPLICAS, threads=1)
        with product_side(config, served, "ray") as side:
            report, killer = _under_kills(side, Load(0, MINUTE * config.seconds, CONNECTIONS, retries=1, shots=shots))
    facts = {
        "kills": killer.kills,
        "of_the_only_one": killer.alone,
        "sent": report["sent"],
        "retried": report["retried"],
        "statuses": report["statuses"],
        "slowest_p99_ms": round(report["p99_ms"], 1),
    }
    return [
        row("serve-kill", report[figure], 1.0, "requests", what=what, at_most=0.0, **facts)
        for figure, what in (("wrong", "wrong answers"), ("failures", "failures after one retry"))
    ]


def _under_kills(side: Side, load: Load) -> tuple[dict[str, Any], Killer]:
    before = side.load(replace(load, seconds=1.0))
    assert not before["wrong"] and not before["failures"], f"before any kill: {before}"
    killer = Killer(side.pids, load.seconds)
    killer.start()
    report = side.load(load)
    killer.join()
    return report, killer


def known_shots(folder: str) -> tuple[Shot, ...]:
    """Requests, each with the digest of its answer."""
    engine = Engine.load(folder, device="cpu", threads=1)
    requests = [GenerateRequest(id=f"known-{seed}", seed=seed) for seed in range(KNOWN)]
    files = make_files(engine, requests)
    return tuple(
        Shot(body=f'{{"id":"{request.id}","seed":{request.seed}}}', sha256=(hashlib.sha256(data).hexdigest(),))
        for request, data in zip(requests, files, strict=True)
    )
