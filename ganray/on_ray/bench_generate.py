"""Benchmark `generate`: images/s of the bulk job, over the slower of its two bare stages: the forward pass, and PNG encoding.

Each bare loop has what the job gives to that stage: the engine's threads, or as many processes as there are writing tasks. Loading
torch and the model is outside of both sides: the job's clock starts when its first engine is ready, and stops with its books closed.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganray.checkpoint import load_model
from ganray.config import BenchmarkConfig, GenerateConfig
from ganray.engine import ROWS, Engine
from ganray.images.codec import Pixels, encode
from ganray.on_ray.bench_model import make_model
from ganray.on_ray.cluster import connect
from ganray.on_ray.generate import generate, share_cpus

IMAGES = 24_576
MEMORY = Path("/dev/shm")  # ext4 searches long for a free inode for minutes after files were deleted: 50 or 800 us a file


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """The job and the bare loops in turn."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        model = f"{folder}/model"
        make_model(model)
        resources = connect(config.ray)
        job = GenerateConfig(model=model, num=config.images or IMAGES, gpu=False, ray=config.ray)
        threads, writers = share_cpus(job, resources)
        sample = Engine.load(model, "cpu").render(
            np.random.default_rng(0).standard_normal((64, 64), np.float32), np.zeros((64, 1), np.int64)
        )
        rounds = []
        with multiprocessing.get_context("spawn").Pool(writers) as pool:
            for repeat in range(config.repeats):
                report = generate(job.model_copy(update={"out": f"{folder}/out-{repeat}"}))
                value = float(report["images"]) / (float(report["seconds"]) - float(report["startup_seconds"]))
                forward = pool.apply(_forward, (model, threads, config.seconds / 2))
                encoding = sum(pool.map(_encode, [(sample, config.seconds / 2)] * writers, chunksize=1))
                rounds.append((value, forward, encoding))
    value, forward, encoding = (statistics.median(side) for side in zip(*rounds, strict=True))
    return [
        {
            "name": "generate",
            "value": round(value, 1),
            "baseline": round(min(forward, encoding), 1),
            "ratio": round(statistics.median(one / min(two, three) for one, two, three in rounds), 4),
            "unit": "img/s",
            "forward": round(forward, 1),
            "encode": round(encoding, 1),
            "threads": threads,
            "writers": writers,
        }
    ]


@torch.inference_mode()
def _forward(model: str, threads: int, seconds: float) -> float:
    """Images/s of the network alone, in the engine's shape."""
    torch.set_num_threads(threads)
    generator, rows = load_model(model)[0], ROWS["cpu"]
    z, labels = torch.randn(rows, generator.z_dim), torch.zeros(rows, len(generator.label_sizes), dtype=torch.int64)
    generator(z, labels)
    images, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        generator(z, labels)
        images += rows
    return images / (time.perf_counter() - started)


def _encode(task: tuple[Pixels, float]) -> float:
    """Images/s of PNG encoding alone in one process."""
    (pixels, seconds), images, started = task, 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        encode(pixels[images % len(pixels)], "png")
        images += 1
    return images / (time.perf_counter() - started)
