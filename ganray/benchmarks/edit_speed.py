"""`edit-speed`: photos/s of the bulk chain white, conform, over its slowest bare stage (decode, edit, encode) on as many processes.

The photos are drawn products before plain walls, 1000 px, as JPEG; both sides are on the same files, and the job's start is not timed.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganray.benchmarks.generate import MEMORY
from ganray.catalog.sample import draw, product
from ganray.config import BenchmarkConfig, EditConfig
from ganray.edit_engine import EditEngine, EditResult
from ganray.execution.resources import cores
from ganray.images.untrusted import decode_raw
from ganray.on_ray.cluster import connect
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest
from ganray.verbs.edit import edit

PHOTOS, DRAWN, SIDE = 240, 24, 1000
CHAIN = ("white", "conform:amazon-main")


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row: both sides in turn."""
    connect(config.ray)
    num, processes = config.images or PHOTOS, cores()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        photos = Path(folder, "photos")
        shoot(photos, num)
        files = [path.read_bytes() for path in sorted(photos.iterdir())[:DRAWN]]
        rounds = []
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for repeat in range(config.repeats):
                job = EditConfig(source=str(photos), edits=CHAIN, model="", out=f"{folder}/out-{repeat}", workers=processes, ray=config.ray)
                report = edit(job)
                assert report["written"] == num, report
                value = num / (report["seconds"] - report["startup_seconds"])
                rates = pool.map(stages, [(files, config.seconds)] * processes, chunksize=1)
                rounds.append((value, {name: sum(rate[name] for rate in rates) for name in rates[0]}))
    value = statistics.median(rate for rate, _ in rounds)
    bare = {name: statistics.median(rates[name] for _, rates in rounds) for name in rounds[0][1]}
    slowest = min(bare, key=lambda name: bare[name])
    ratio = statistics.median(rate / min(rates.values()) for rate, rates in rounds)
    facts = {"photos": num, "px": SIDE, "processes": processes, "slowest": slowest} | {name: round(rate, 1) for name, rate in bare.items()}
    return [{"name": "edit-speed", "value": value, "baseline": bare[slowest], "ratio": ratio, "unit": "img/s", **facts}]


def shoot(folder: Path, num: int) -> None:
    """So many JPEGs, every DRAWN-th the same picture."""
    folder.mkdir()
    for index in range(DRAWN):
        pixels, mask = draw(product(2, index), SIDE)
        share = mask[..., None] / 255
        wall = np.array([196, 203, 210]) * np.linspace(1, 0.9, SIDE)[:, None, None]
        grain = np.random.default_rng(index).normal(0, 2, (SIDE, SIDE, 1))
        buffer = BytesIO()
        Image.fromarray(np.clip(pixels * share + (wall + grain) * (1 - share), 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
        for copy in range(index, num, DRAWN):
            (folder / f"{copy:05d}.jpg").write_bytes(buffer.getvalue())


def stages(task: tuple[list[bytes], float]) -> dict[str, float]:
    """Photos/s of one process in each stage alone, each for so many seconds."""
    files, seconds = task
    engine = EditEngine(threads=1)
    requests = [EditRequest(id=str(index), image=str(index), edits=CHAIN, seed=0) for index in range(len(files))]
    made = [next(engine.edit(request, lambda key: files[int(key)])) for request in requests]
    raws = [decode_raw(data) for data in files]
    known = EditEngine(threads=1, decode=lambda data: raws[int(data)])

    def edit_one(index: int) -> EditResult:
        return next(known.edit(requests[index], lambda key: key.encode()))

    return {
        "decode": _rate(lambda index: decode_raw(files[index]), len(files), seconds),
        "edit": _rate(edit_one, len(files), seconds),
        "encode": _rate(lambda index: encode_edited(made[index], ""), len(files), seconds),
    }


def _rate(work: Callable[[int], object], num: int, seconds: float) -> float:
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        work(done % num)
        done += 1
    return done / (time.perf_counter() - started)
