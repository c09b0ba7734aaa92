"""Benchmark `generate`: images/s of the bulk job, over the slower of its two bare stages: the forward pass, and PNG encoding.

Each bare loop has what the job gives to that stage: the engine's threads, or as many processes as there are writing tasks. Loading
torch and the model is outside of both sides: the job's clock starts when its first engine is ready, and stops with its books closed.
Beside the ratio stands where the time goes: `us`, CPU time of every stage an image, and the half that is the bottleneck.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganray.benchmarks.random_model import make_model
from ganray.bulk.commit import write_shard
from ganray.bulk.generate_shard import load_renderer
from ganray.bulk.job import GenerateOptions, count, make_generate_job, open_job
from ganray.config import BenchmarkConfig, GateConfig, GenerateConfig
from ganray.engine import ROWS, Engine
from ganray.images.codec import Pixels, encode
from ganray.model_folder import load_model
from ganray.on_ray.cluster import connect
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from ganray.storage import Store, open_store
from ganray.verbs.generate import generate, plan_engines
from ganray.vocabulary import spread_requests

IMAGES = 24_576
MEMORY = Path("/dev/shm")  # ext4 searches long for a free inode for minutes after files were deleted: 50 or 800 us a file


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """The job and the bare loops in turn."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        model = f"{folder}/model"
        make_model(model)
        resources = connect(config.ray)
        job = GenerateConfig(model=model, num=config.images or IMAGES, gpu=False, ray=config.ray)
        workers, writers = plan_engines(job, resources)
        threads = workers.cpus
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
            spent = pool.apply(stages, (model, f"{folder}/stages"))
    value, forward, encoding = (statistics.median(side) for side in zip(*rounds, strict=True))
    engines, writing = (sum(spent[name] for name in half) for half in (ENGINE_STAGES, WRITER_STAGES))
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
            "us": spent,
            "bottleneck": "engines" if engines / threads > writing / writers else "writers",
        }
    ]


ENGINE_STAGES, WRITER_STAGES = ("draw", "forward", "table"), ("encode", "label", "create", "books")
STAGED, ROUNDS = 512, 3  # images


def stages(model: str, out: str) -> dict[str, float]:
    """CPU time of each stage of a shard, one after the other on one thread, in microseconds an image; the least of some rounds."""
    torch.set_num_threads(1)
    engine, store = Engine.load(model, "cpu", 1), open_store(out)
    requests = [request.resolved() for request in spread_requests(STAGED, engine.info.attributes)]
    digest, side, rows = engine.info.digest, engine.resolution, ROWS["cpu"]
    options = GenerateOptions(model_digest=digest, resolution=side, shard_images=STAGED, device="cpu", rows=rows)
    plan = make_generate_job(count(lambda: iter(requests), engine.vocabulary.encode), engine.vocabulary, options)
    plan = open_job(store, plan, lambda: iter(requests))
    renderer, samples = load_renderer(model, plan, store, 1, GateConfig()), [(request, 0) for request in requests]
    found: dict[str, float] = {}

    def timed(name: str, work: Callable[..., Any], *given: Any) -> Any:
        started = time.process_time()
        result = work(*given)
        spent = 1e6 * (time.process_time() - started) / STAGED
        found[name] = round(min(found.get(name, math.inf), spent), 1)
        return result

    for number in range(ROUNDS):
        pixels = timed("forward", engine.render, *timed("draw", engine.draw, samples))
        table = timed("rendered", renderer, 0).drop_columns(["shard", "ready"])
        timed("encode", lambda images: [encode(image, "png") for image in images], pixels)
        files = timed("labelled", lambda images: list(map(_labelled, images, requests)), pixels)
        one, other = (open_store(f"{out}/{number}-{k}") for k in range(2))
        timed("create", _create, one, files)
        timed("written", write_shard, other, 0, table, plan)
    found["table"] = round(found.pop("rendered") - found["draw"] - found["forward"], 1)
    found["books"] = round(found.pop("written") - found["labelled"] - found["create"], 1)
    found["label"] = round(found.pop("labelled") - found["encode"], 1)
    return {name: found[name] for name in (*ENGINE_STAGES, *WRITER_STAGES)}


def _create(store: Store, files: list[bytes]) -> None:
    for place, data in enumerate(files):
        store.create(f"images/{place}.png", data)


def _labelled(image: Pixels, request: GenerateRequest) -> bytes:
    return encode_sample(image, SampleFile(request.id, 0, request.seed or 0, "png", "0" * 64))


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
