"""What a bulk job will take, before anything is spent: the first images of it are drawn and encoded here, and multiplied."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ganray.bulk.job import GenerateJob
from ganray.config.keep import num_kept
from ganray.engine import Engine
from ganray.errors import ImageError
from ganray.execution.port import Workers
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest

SAMPLE = 64  # images that are tried
PIXEL_SECONDS = 0.8e-6  # CPU time of a pixel, all stages: 830 us an image of 32 px (tests/benchmarks/LOG.md, `generate`)
BYTES_BESIDE = 150  # a row of a receipt and of the manifest, measured


def estimate_there(
    model: str, requests: list[GenerateRequest], plan: GenerateJob, places: tuple[Workers, int], price: float
) -> dict[str, Any]:
    """`estimate` where an engine of the job would run, which its device is of; `places` are the engines and how many write."""
    workers, writers = places
    return estimate(Engine.load(model, plan.device, workers.cpus), iter(requests), plan, workers.num, writers, price)


def estimate(
    engine: Engine, requests: Iterator[GenerateRequest], plan: GenerateJob, engines: int, writers: int, price: float
) -> dict[str, Any]:
    """Images, bytes, hours and cost of the whole job: as if `engines` such engines and as many writers ran beside each other.

    A store's own pace is not in it. `price` is of an hour of the cluster.
    """
    tried = list(islice(((request, index) for request in requests for index in range(request.count)), SAMPLE))
    z, labels = engine.draw(tried)
    engine.render(z[:1], labels[:1])  # the first batch pays for what is made once
    started = time.perf_counter()
    pixels = engine.render(z, labels)
    drawn = time.perf_counter()
    sizes = []
    for (request, index), image in zip(tried, pixels, strict=True):
        try:
            sizes.append(len(encode_sample(image, SampleFile.of(request, index, plan.model_digest))))
        except ImageError:
            sizes.append(0)
    encoded = time.perf_counter()
    kept = share_kept(plan.keep, [request for request, index in tried if index == 0])
    draws, writes = engines * len(tried) / (drawn - started), writers * len(tried) / (encoded - drawn) / kept
    return {
        "requests": plan.requests,
        "images": plan.images,
        "shards": plan.shards,
        "tried": len(tried),
        "gigabytes": three_digits(plan.images * kept * (sum(sizes) / len(sizes) + BYTES_BESIDE) / 1e9),
        "slowest stage": "engines" if draws <= writes else "encoding",
    } | time_and_cost(plan.images, min(draws, writes), price)


def share_kept(keep: str, requests: Sequence[GenerateRequest]) -> float:
    """The share of these requests' samples that is written."""
    return sum(num_kept(keep, request.count) for request in requests) / sum(request.count for request in requests)


def cpu_seconds(images: int, resolution: int) -> float:
    """A rough guess, made without a look at the model: CPU time on one core. `estimate` tries some images instead."""
    return images * resolution**2 * PIXEL_SECONDS


def time_and_cost(images: int, rate: float, price: float) -> dict[str, Any]:
    """What so many images take at `rate` images/s; with a `price` of an hour also what they cost."""
    hours = images / rate / 3600
    facts = {"img/s": three_digits(rate), "hours": three_digits(hours)}
    return facts | ({"cost": three_digits(hours * price), "cost per million": three_digits(price * 1e6 / rate / 3600)} if price else {})


def three_digits(value: float) -> float:
    """Three digits: an estimate knows no more, and a small job's hours are no zero."""
    return float(f"{value:.3g}")


def format_estimate(facts: dict[str, Any]) -> str:
    """An estimate for a person, a line a number."""
    numbers = {name: f"{value:,}" if isinstance(value, int | float) else value for name, value in facts.items()}
    return "\n".join(f"{name:<17} {value}" for name, value in numbers.items())
