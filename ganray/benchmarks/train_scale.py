"""`train-scale`: images/s of two workers of one thread, over one such worker with the same number of images a step."""

from __future__ import annotations

import shutil
import statistics
from typing import Any

from ganray.benchmarks.catalogs import ROOT, sample_catalog
from ganray.benchmarks.train import IMAGES, PRESET, PRODUCTS, steady
from ganray.config import BenchmarkConfig, TrainConfig
from ganray.on_ray.cluster import connect
from ganray.presets import preset
from ganray.verbs.train import train

WORKERS = 2


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row; both sides through Ray Train, by the rate that training reports once it runs, data, logs and checkpoints included."""
    base = preset(PRESET)
    connect(config.ray)
    catalog = sample_catalog(PRODUCTS, base.model.resolution, config.ray)
    images = config.images or IMAGES
    rates: dict[int, list[float]] = {1: [], WORKERS: []}
    for _ in range(config.repeats):
        for workers, measured in rates.items():
            measured.append(rate(base, catalog.url, workers, images, config))
    value, baseline = statistics.median(rates[WORKERS]), statistics.median(rates[1])
    facts = {"preset": PRESET, "batch": base.batch, "images": images, "one": rounded(rates[1]), "two": rounded(rates[WORKERS])}
    return [{"name": "train-scale", "value": value, "baseline": baseline, "ratio": value / baseline, "unit": "img/s", **facts}]


def rate(base: TrainConfig, catalog: str, workers: int, images: int, config: BenchmarkConfig) -> float:
    """Images/s of so many workers, each with the preset's batch and `images` images."""
    changes = {"workers": workers, "batch": workers * base.batch, "kimg": workers * images / 1000, "threads": 1, "executor": "ray"}
    quiet = base.score.model_copy(update={"kimg": 0.0})  # scoring needs a core, and training takes both
    run = base.model_copy(update={"catalog": catalog, "out": f"{ROOT}/train-scale", "score": quiet, "ray": config.ray, **changes})
    shutil.rmtree(run.out, ignore_errors=True)
    train(run)
    images_per_s = steady(run.out)
    shutil.rmtree(run.out, ignore_errors=True)
    return images_per_s


def rounded(rates: list[float]) -> list[float]:
    """With one decimal."""
    return [round(rate, 1) for rate in rates]
