"""`train`: images/s of `demo-32` and `r3-64` through Ray Train (1 worker), over the same step in a plain torch loop on resident batches."""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
from typing import Any

import torch

from ganray.benchmarks.catalogs import ROOT, sample_catalog
from ganray.config import BenchmarkConfig, TrainConfig
from ganray.execution.resources import cores
from ganray.on_ray.cluster import connect
from ganray.presets import preset
from ganray.runs.throughput import bare_rate
from ganray.storage import open_store
from ganray.verbs.train import train

PRESET, PRODUCTS, IMAGES = "demo-32", 3072, 6000
LARGE, LARGE_IMAGES = "r3-64", 12_800
# A step of r3-64 takes half an hour of a CPU core: without a GPU its quarter is measured, on what a quarter can do in as long as demo-32.
QUARTER: dict[str, Any] = {"widths": (96, 96, 96, 96, 48), "blocks": 1}
QUARTER_BATCH, QUARTER_IMAGES = 16, 512


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row a preset. Both sides use as many threads; ours is the rate that training reports once it runs, data and logs included."""
    connect(config.ray)
    large, images = preset(LARGE), LARGE_IMAGES
    facts: dict[str, Any] = {"preset": LARGE}
    if not torch.cuda.is_available():
        images, facts = QUARTER_IMAGES, {"preset": f"{LARGE} of a quarter's width", "batch": QUARTER_BATCH}
        changes = {"batch": QUARTER_BATCH, "log_kimg": 4 * QUARTER_BATCH / 1000, "score": large.score.model_copy(update={"kimg": 0.0})}
        large = large.model_copy(update={"model": large.model.model_copy(update=QUARTER), **changes})
    return [
        row(preset(PRESET), config.images or IMAGES, config) | {"preset": PRESET},
        row(large, min(images, config.images or images), config) | facts,
    ]


def row(base: TrainConfig, images: int, config: BenchmarkConfig) -> dict[str, Any]:
    """Both sides in turn, `config.repeats` times."""
    threads = base.threads or cores()
    catalog = sample_catalog(PRODUCTS, base.model.resolution, config.ray)
    ours, bare = [], []
    for turn in range(config.repeats):
        run = base.model_copy(
            update={
                "catalog": catalog.url,
                "out": f"{ROOT}/train-{turn}",
                "kimg": images / 1000,
                "threads": threads,
                "executor": "ray",
                "ray": config.ray,
            }
        )
        bare.append(bare_rate(run, images, threads))
        shutil.rmtree(run.out, ignore_errors=True)
        train(run)
        ours.append(steady(run.out))
        shutil.rmtree(run.out, ignore_errors=True)
    value, baseline = statistics.median(ours), statistics.median(bare)
    facts = {"threads": threads, "images": images, "ours": [round(x, 1) for x in ours], "bare": [round(x, 1) for x in bare]}
    return {"name": "train", "value": value, "baseline": baseline, "ratio": value / baseline, "unit": "img/s", **facts}


def steady(out: str) -> float:
    """Images/s of a run by its own log, from the first row on: data, logs, checkpoints and grids included, the start of Ray not."""
    store = open_store(out)
    lines = b"".join(store.get(info.key) for info in store.list("logs") if info.key.endswith("metrics.jsonl")).splitlines()
    rows = [json.loads(line) for line in lines]
    images = [1000 * (row["kimg"] - before["kimg"]) for before, row in itertools.pairwise(rows)]
    seconds = sum(count / float(row["img_per_s"]) for count, row in zip(images, rows[1:], strict=True))
    return float(sum(images) / seconds)
