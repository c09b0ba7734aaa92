"""`gpu-feed`: the share of its time that a GPU of an H100's speed computes, in bulk and in serving, over what the encoders' cores allow.

There is no GPU: `SimulatedDevice` waits. Node and cores are scaled: with c cores that encode, where an H100 has 15, each batch takes 15 / c
times as long. `worker` is what no cores can mend: a worker of a bulk job at the full speed of an H100, whose store answers after 30 ms, and
whose tables nobody encodes.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from ganray.benchmarks.generate import MEMORY
from ganray.benchmarks.simulated_device import BATCH_SECONDS, CORES, SimulatedDevice, cheap_model
from ganray.bulk import commit
from ganray.bulk.generate_shard import AT_ONCE, Renderer
from ganray.bulk.job import MAX_BLOCK, GenerateJob, GenerateOptions, count, make_generate_job, open_job
from ganray.config import BenchmarkConfig, ServeConfig
from ganray.execution.local import LocalExecutor
from ganray.execution.port import ShardWork, Workers
from ganray.execution.resources import cores
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from ganray.serving.batcher import Batcher
from ganray.storage import Store, open_store
from ganray.vocabulary import spread_requests

ANSWER_S = 0.03  # of a bucket
CLIENTS, SAMPLES = 16, 16  # of serving: requests at a time, and samples of each: as many as its queue holds
FEWEST_SHARDS = 24  # several times as many as lie between worker and encoders


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """A row for each side in pixels and each way."""
    rows = []
    for side, seconds in BATCH_SECONDS.items():
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            cheap_model(f"{folder}/model", side)
            encoders = max(1, cores() - 1)
            scaled = seconds * CORES / encoders
            rounds = [_round(Path(folder, f"{repeat}"), scaled, encoders, config.seconds) for repeat in range(config.repeats)]
            rows += [_row(f"bulk {side}", [(bulk, possible) for bulk, _, possible in rounds], encoders)]
            rows += [_row(f"serve {side}", [(served, possible) for _, served, possible in rounds], encoders)]
            alone = [
                worker_alone(SimulatedDevice(f"{folder}/model", seconds), open_store(f"{folder}/worker-{repeat}"), config.seconds)
                for repeat in range(config.repeats)
            ]
            rows += [_row(f"worker {side}", [(share, 1.0) for share in alone], encoders)]
    return rows


def _round(folder: Path, seconds: float, encoders: int, length: float) -> tuple[float, float, float]:
    """Shares of bulk and of serving, and the share that bare encoding allows."""
    model = str(folder.parent / "model")
    device = SimulatedDevice(model, seconds)
    bulk = bulk_share(device, open_store(str(folder)), encoders, length)
    possible = min(1.0, bare_encoding(device, encoders, length / 5) * seconds / device.rows)
    return bulk, serving_share(SimulatedDevice(model, seconds), encoders, length), possible


def _row(name: str, shares: list[tuple[float, float]], encoders: int) -> dict[str, Any]:
    value, baseline = (statistics.median(side) for side in zip(*shares, strict=True))
    ratio = statistics.median(share / possible for share, possible in shares)
    return {
        "name": "gpu-feed",
        "value": round(value, 3),
        "baseline": round(baseline, 3),
        "ratio": round(ratio, 4),
        "unit": "busy",
        "what": name,
        "encoders": encoders,
    }


def bulk_share(device: SimulatedDevice, store: Store, encoders: int, length: float) -> float:
    """The busy share in a bulk job of some seconds, by the local executor."""
    plan = _job(device, store, length, shard_images=2 * device.rows)
    work = ShardWork(
        start=partial(_renderer, device, plan, store),
        workers=Workers(1, 1, 1.0),
        finish=partial(commit.write, store=store, plan=plan),
        finishers=encoders,
        at_once=AT_ONCE["cuda"],
    )
    return _run(device, work, plan)


def worker_alone(device: SimulatedDevice, store: Store, length: float) -> float:
    """The busy share at an H100's own speed, where tables are dropped; shards are as large as Ray takes them."""
    most = MAX_BLOCK // (3 * device.resolution**2) // device.rows * device.rows
    plan = _job(device, store, length, most)
    read = store.get

    def slowly(key: str) -> bytes:
        time.sleep(ANSWER_S)
        return read(key)

    store.get = slowly  # type: ignore[method-assign]
    start = partial(_renderer, device, plan, store)
    return _run(device, ShardWork(start, Workers(1, 1, 1.0), _drop, 1, AT_ONCE["cuda"]), plan)


def _job(device: SimulatedDevice, store: Store, length: float, shard_images: int) -> GenerateJob:
    """A job of shards of at most so many images, that takes the device about `length` seconds."""
    batches = max(FEWEST_SHARDS, round(length / device.seconds))
    size = max(1, min(shard_images // device.rows, batches // FEWEST_SHARDS)) * device.rows
    requests = [request.resolved() for request in spread_requests(batches * device.rows, device.info.attributes)]
    options = GenerateOptions(
        model_digest=device.info.digest, resolution=device.resolution, shard_images=size, device="cpu", rows=device.rows
    )
    counted = count(lambda: iter(requests), device.vocabulary.encode)
    return open_job(store, make_generate_job(counted, device.vocabulary, options), lambda: iter(requests))


def _run(device: SimulatedDevice, work: ShardWork[pa.Table, Any], plan: GenerateJob) -> float:
    done = sum(1 for _ in LocalExecutor().map_shards(work, range(plan.shards)))
    assert done == plan.shards
    return device.busy


def _renderer(device: SimulatedDevice, plan: GenerateJob, store: Store) -> Callable[[int], pa.Table]:
    return Renderer(device, None, plan, store)


def _drop(table: pa.Table) -> int:
    return len(table)


def serving_share(device: SimulatedDevice, encoders: int, length: float) -> float:
    """The busy share behind the batcher of `ganray serve`, with as many requests at a time as its queue holds."""
    config = ServeConfig()
    stop = time.perf_counter() + length

    async def client(batcher: Batcher, number: int) -> None:
        seed = number * 10**6
        while time.perf_counter() < stop:
            seed += 1
            await batcher.make(GenerateRequest(id=f"{seed}", seed=seed, count=SAMPLES))

    async def load() -> None:
        batcher = Batcher(device, config.wait_ms / 1000.0, config.queue, encoders)
        await asyncio.gather(*(client(batcher, number) for number in range(CLIENTS)))

    asyncio.run(load())
    return device.busy


def bare_encoding(device: SimulatedDevice, encoders: int, length: float) -> float:
    """Labelled images/s of that many threads that do nothing else."""
    pixels = device.pictures(device.draw([(GenerateRequest(id="bare", seed=0), index) for index in range(device.rows)])[0])

    def encode(number: int) -> float:
        images, started = 0, time.perf_counter()
        while time.perf_counter() - started < length:
            encode_sample(pixels[images % len(pixels)], SampleFile(f"{number}", images, 0, "png", device.info.digest))
            images += 1
        return images / (time.perf_counter() - started)

    with ThreadPoolExecutor(encoders) as threads:
        return sum(threads.map(encode, range(encoders)))
