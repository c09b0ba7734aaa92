"""`input`: images/s delivered as augmented batches to one consumer, over a bare Pillow loop on as many processes."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from typing import Any

import numpy as np

from ganray.benchmarks.catalogs import sample_catalog
from ganray.catalog.order import Share
from ganray.catalog.windows import Source
from ganray.config import BenchmarkConfig, DataConfig
from ganray.execution.resources import cores
from ganray.images.codec import decode_prepared
from ganray.images.transforms import augment
from ganray.on_ray.cluster import connect
from ganray.on_ray.data import Readers, stream

RESOLUTION, PRODUCTS, BATCH, IMAGES = 64, 4096, 64, 60_000
AUGMENTED = DataConfig(flip=0.5, rotate_p=0.3, scale_p=0.3, crop_p=0.3, colour_p=0.3)


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Rows of the benchmark; both sides decode and augment the same images with the same code, bytes of the bare side in memory."""
    connect(config.ray)
    catalog = sample_catalog(PRODUCTS, RESOLUTION, config.ray)
    images, processes = config.images or IMAGES, cores()
    encoded = [data for s, g, _ in catalog.row_groups() for data in catalog.read_row_group(s, g, ["image"]).column("image").to_pylist()]
    source = Source.of(catalog, catalog.info.attributes, AUGMENTED, seed=0)
    ours, bare, starts = [], [], []
    for _ in range(config.repeats):
        bare.append(bare_loop(encoded, images, processes))
        rate, start = delivered(source, images, processes)
        ours.append(rate)
        starts.append(start)
    value, baseline = statistics.median(ours), statistics.median(bare)
    facts = {"px": RESOLUTION, "processes": processes, "images": images, "start_s": round(statistics.median(starts), 2)}
    return [{"name": "input", "value": value, "baseline": baseline, "ratio": value / baseline, "unit": "img/s", **facts}]


def delivered(source: Source, images: int, readers: int) -> tuple[float, float]:
    """Images/s at the consumer after the first batch, and the seconds until that one.

    The rate is that of a full pipeline: as many images are on their way when the clock starts as when it stops.
    """
    batches = stream(source, Share.whole(BATCH), consumed=0, readers=Readers(readers))
    began = time.perf_counter()
    next(batches)
    started = time.perf_counter()
    for _ in range(images // BATCH):
        next(batches)
    seconds = time.perf_counter() - started
    batches.close()
    return images // BATCH * BATCH / seconds, started - began


def bare_loop(encoded: list[bytes], images: int, processes: int) -> float:
    """Images/s of `processes` loops of decode and augment, the slowest process deciding."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _hold, (encoded,)) as pool:
        pool.map(_loop, [64] * processes, chunksize=1)  # starts the processes
        started = time.perf_counter()
        pool.map(_loop, [images // processes] * processes, chunksize=1)
        return images // processes * processes / (time.perf_counter() - started)


_encoded: list[bytes] = []


def _hold(encoded: list[bytes]) -> None:
    _encoded[:] = encoded


def _loop(images: int) -> int:
    rng = np.random.default_rng(0)
    total = 0
    for place in range(images):
        total += int(augment(decode_prepared(_encoded[place % len(_encoded)]), rng, AUGMENTED)[0, 0, 0])
    return total
