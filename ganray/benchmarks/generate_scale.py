"""`generate-scale`: images/s of a bulk job of 100,000 images over one of 1,000, and what the heavier processes hold in each."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
from typing import Any

import ray

from ganray.benchmarks.generate import MEMORY
from ganray.benchmarks.memory import worker_peaks
from ganray.benchmarks.random_model import make_model
from ganray.config import BenchmarkConfig, GenerateConfig
from ganray.on_ray.cluster import connect
from ganray.verbs.generate import generate

SMALL, LARGE = 1000, 100_000


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Two rows: rates, and peak memory (MiB) of the heaviest Ray worker; each side in a fresh cluster.

    The small job runs `repeats` times before the large one, and counts by its median.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        make_model(f"{folder}/model")
        job = GenerateConfig(model=f"{folder}/model", gpu=False, ray=config.ray)
        small = [side(job, SMALL, f"{folder}/small-{repeat}") for repeat in range(config.repeats)]
        rate, peak = side(job, config.images or LARGE, f"{folder}/large")
    baseline, small_peak = (statistics.median(found) for found in zip(*small, strict=True))
    driver = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    facts = {"images": config.images or LARGE, "driver_mib": round(driver)}
    return [
        {"name": "generate-scale", "value": rate, "baseline": baseline, "ratio": rate / baseline, "unit": "img/s", **facts},
        {"name": "generate-rss", "value": peak, "baseline": small_peak, "ratio": peak / small_peak, "unit": "MiB", "at_most": 1.1},
    ]


def side(job: GenerateConfig, num: int, out: str) -> tuple[float, float]:
    """(images/s, MiB) of one job."""
    ray.shutdown()
    connect(job.ray)
    report = generate(job.model_copy(update={"num": num, "out": out}))
    rate = float(report["images"]) / (float(report["seconds"]) - float(report["startup_seconds"]))
    parent: Any = ray.remote(_parent)
    peak = max(worker_peaks(ray.get(parent.options(num_cpus=0).remote())), default=0.0)
    ray.shutdown()
    return rate, peak


def _parent() -> int:
    """The process that starts all workers of this machine."""
    return os.getppid()
