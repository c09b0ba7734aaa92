"""`memory`: peak RSS of the heaviest worker while it streams 10 times the catalog, over 1 time. Memory is bounded by the window."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import ray

from ganray.benchmarks.catalogs import repeated, sample_catalog
from ganray.catalog.order import Share
from ganray.catalog.reader import Catalog
from ganray.catalog.windows import Source
from ganray.config import BenchmarkConfig, DataConfig
from ganray.on_ray.cluster import connect
from ganray.on_ray.data import Readers, stream

RESOLUTION, PRODUCTS, BATCH, TIMES = 64, 8192, 64, 10


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row, in MiB; each side in a fresh cluster, one epoch, the consumer in a worker of its own."""
    once = sample_catalog(config.images or PRODUCTS, RESOLUTION, config.ray)
    many = repeated(once, TIMES)
    baseline, value = peak(once, config), peak(many, config)
    facts = {"images": once.num_images, "times": TIMES, "px": RESOLUTION}
    return [{"name": "memory", "value": value, "baseline": baseline, "ratio": value / baseline, "unit": "MiB", **facts}]


def peak(catalog: Catalog, config: BenchmarkConfig) -> float:
    """Peak RSS in MiB of the heaviest Ray worker over one epoch, shared memory included."""
    ray.shutdown()
    connect(config.ray)
    source = Source.of(catalog, catalog.info.attributes, DataConfig(), seed=0)
    consumer: Any = ray.remote(Consumer).options(num_cpus=1).remote()
    ray.get(consumer.consume.remote(source, catalog.num_images // BATCH))
    heaviest = max(worker_peaks(ray.get(consumer.parent.remote())), default=0.0)
    ray.shutdown()
    return heaviest


class Consumer:
    """A worker that takes batches and drops them."""

    def consume(self, source: Source, batches: int) -> int:
        """Take this many batches; returns a checksum, so that each is read."""
        taken = stream(source, Share.whole(BATCH), consumed=0, readers=Readers())
        return sum(int(next(taken).images[0, 0, 0, 0]) for _ in range(batches))

    def parent(self) -> int:
        """The process that starts all workers of this cluster on this machine."""
        return os.getppid()


def worker_peaks(parent: int) -> list[float]:
    """VmHWM in MiB of every Ray worker process (Linux) that `parent` started: other clusters are not counted."""
    peaks = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if (status.parent / "cmdline").read_bytes().startswith(b"ray::"):
                facts = dict(re.findall(r"(\w+):\s+(\d+)", status.read_text()))
                if int(facts["PPid"]) == parent:
                    peaks.append(int(facts["VmHWM"]) / 1024)
        except (OSError, KeyError):  # the process has ended
            continue
    return peaks
