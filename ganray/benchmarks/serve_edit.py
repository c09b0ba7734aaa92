"""Benchmark `serve-edit`: `white` over HTTP at concurrency 8, in requests/s, over the bare edit on as many processes as there are CPUs.

The photos are those of `edit-speed`, sent as data: URLs; the bare side decodes, edits and encodes them without a sandbox.
"""

from __future__ import annotations

import base64
import multiprocessing
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

from ganray.benchmarks.edit_speed import DRAWN, shoot
from ganray.benchmarks.load_generator import Load, Shot
from ganray.benchmarks.serve_sides import (
    Executor,
    Report,
    all_failures,
    in_turn,
    median,
    median_ratio,
    product_sides,
    row,
)
from ganray.config import BenchmarkConfig, ServeConfig
from ganray.edit_engine import EditEngine
from ganray.execution.resources import cores
from ganray.images.untrusted import decode_raw
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest

EXECUTORS: tuple[Executor, ...] = ("ray", "local")
CONNECTIONS = 8


@dataclass(frozen=True)
class BareEdits:
    """The bare edit in the processes of a pool."""

    pool: Pool
    files: list[bytes]
    name: str = "bare"

    def load(self, load: Load) -> Report:
        """Photos a second of all processes together."""
        rates = self.pool.map(edit_files, [(self.files, load.seconds)] * cores(), chunksize=1)
        return {"rate": sum(rates), "failures": 0}


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row for each executor."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        photos = Path(folder, "photos")
        shoot(photos, config.images or DRAWN)
        files = [path.read_bytes() for path in sorted(photos.iterdir())]
        ours = stack.enter_context(product_sides(config, ServeConfig(model=""), EXECUTORS))
        pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(cores()))
        load = Load(0, config.seconds, CONNECTIONS, shots=tuple(map(_shot, files)))
        rounds = in_turn([*ours, BareEdits(pool, files)], load, config.repeats)
    return [
        row(
            "serve-edit",
            median(rounds, side.name, "rate"),
            median(rounds, "bare", "rate"),
            "req/s",
            ratio=median_ratio(rounds, side.name, "bare", "rate"),
            executor=side.name,
            p50_ms=round(median(rounds, side.name, "p50_ms"), 1),
            p99_ms=round(median(rounds, side.name, "p99_ms"), 1),
            failures=all_failures(rounds),
        )
        for side in ours
    ]


def edit_files(task: tuple[list[bytes], float]) -> float:
    """Photos/s of one process, for so many seconds."""
    files, seconds = task
    engine = EditEngine(threads=1, decode=decode_raw)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        request = EditRequest(id=str(done), image=str(done % len(files)), edits=("white",), seed=0)
        for result in engine.edit(request, lambda key: files[int(key)]):
            encode_edited(result, "")
        done += 1
    return done / (time.perf_counter() - started)


def _shot(photo: bytes) -> Shot:
    return Shot("/v1/edit", f'{{"edits":["white"],"image":"data:image/jpeg;base64,{base64.b64encode(photo).decode()}"}}')
