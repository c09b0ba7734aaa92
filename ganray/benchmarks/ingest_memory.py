"""`ingest-memory`: peak RSS of the driver, and of the heaviest worker on Ray, while 10 times the photos are ingested, over 1 time.

The photos are one small JPEG with a different comment in each, made when they are read: a million of them need no disk but the catalog's.
"""

from __future__ import annotations

import os
import resource
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, BinaryIO

import ray
from PIL import Image

from ganray.benchmarks.generate import MEMORY
from ganray.benchmarks.memory import worker_peaks
from ganray.config import BenchmarkConfig, IngestConfig
from ganray.on_ray.cluster import connect
from ganray.storage import SCHEMES, ObjectInfo, Store
from ganray.verbs.ingest import ingest

IMAGES, TIMES, SIDE, CATEGORIES = 10_000, 10, 16, 12
SCHEME = "synthetic"


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """Two rows, in MiB: the driver, whose peak is this process's, and the heaviest worker."""
    once, many = (peaks(times * (config.images or IMAGES), config) for times in (1, TIMES))
    facts = {"images": config.images or IMAGES, "times": TIMES}
    rows = zip(("driver", "worker"), once, many, strict=True)
    return [
        {"name": "ingest-memory", "what": what, "value": value, "baseline": baseline, "ratio": value / baseline, "unit": "MiB", **facts}
        for what, baseline, value in rows
    ]


def peaks(num: int, config: BenchmarkConfig) -> tuple[float, float]:
    """Peak RSS in MiB of this process so far, and of the heaviest worker of a fresh cluster, when `num` photos are ingested."""
    ray.shutdown()
    connect(config.ray)
    SCHEMES[SCHEME] = lambda rest: Synthetic(int(rest))
    try:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            parent: int = ray.get(ray.remote(_parent).remote())
            with _watch(parent) as heaviest:
                info = ingest(IngestConfig(source=f"{SCHEME}://{num}", out=folder, resolution=8, executor="ray", ray=config.ray))
        assert info.counts.accepted == num
    finally:
        del SCHEMES[SCHEME]
        ray.shutdown()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, max(heaviest, default=0.0)


@contextmanager
def _watch(parent: int) -> Iterator[list[float]]:
    """Look at the peaks of Ray's workers every half second, as they end with their work; the list fills meanwhile."""
    peaks: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            peaks.append(max(worker_peaks(parent), default=0.0))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _parent() -> int:
    return os.getppid()


class Synthetic(Store):
    """A read-only store of `num` photos."""

    def __init__(self, num: int) -> None:
        super().__init__(f"{SCHEME}://{num}")
        self._num, buffer = num, BytesIO()
        Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB").save(buffer, "JPEG")
        self._jpeg = buffer.getvalue()

    def __reduce__(self) -> tuple[type[Synthetic], tuple[int]]:
        return Synthetic, (self._num,)

    def list(self, prefix: str = "", suffix: str = "") -> Iterator[ObjectInfo]:
        """All photos."""
        now, size = datetime.now(UTC), len(self.get("0/0.jpg"))
        return (
            ObjectInfo(f"category{place % CATEGORIES}/a-product-photo-{place:09d}.jpg", size, f"{place:032x}", now)
            for place in range(self._num)
        )

    def get(self, key: str) -> bytes:
        """The photo, with its key as a JPEG comment."""
        comment = key.rpartition("/")[2].rjust(40).encode()
        return self._jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + self._jpeg[2:]

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """A part of a photo."""
        return self.get(key)[start : start + length]

    def head(self, key: str) -> ObjectInfo:
        """A photo's size."""
        return ObjectInfo(key, len(self.get(key)), "", datetime.now(UTC))

    def put(self, key: str, data: bytes | memoryview) -> str:
        """Not supported."""
        raise NotImplementedError

    create = put

    def delete(self, key: str) -> None:
        """Not supported."""
        raise NotImplementedError

    def child(self, prefix: str) -> Store:
        """Not supported."""
        raise NotImplementedError

    def open_seekable(self, key: str) -> BinaryIO:
        """A photo as a file."""
        return BytesIO(self.get(key))
