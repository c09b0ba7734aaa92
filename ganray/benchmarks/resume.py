"""`resume`: how many runs of one and of two workers, killed three times each, end with every bit of an undisturbed run."""

from __future__ import annotations

import json
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

from ganray.benchmarks.catalogs import ROOT, sample_catalog
from ganray.benchmarks.worker_kills import Kill, draw_kills, with_kills
from ganray.checkpoint import STATE
from ganray.config import BenchmarkConfig, TrainConfig
from ganray.model_folder import WEIGHTS
from ganray.on_ray.cluster import connect
from ganray.on_ray.worker import train_worker
from ganray.on_ray.worker_group import RayWorkerGroup, Worker
from ganray.presets import preset
from ganray.runs.checkpoints import places
from ganray.storage import open_store
from ganray.verbs.train import train

PRESET, PRODUCTS, IMAGES, KILLS = "demo-32", 3072, 1600, 3
LONGEST_S = 0.5  # from the beginning of a step to the kill: a few steps


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row: the share of runs that end bit-equal, over all of them. Each repeat draws other kills; its seed is among the facts."""
    connect(config.ray)
    base = preset(PRESET)
    images = config.images or IMAGES
    changes = {"kimg": images / 1000, "checkpoint_kimg": images / 8000, "log_kimg": images / 4000, "grid_kimg": 1e6, "threads": 1}
    catalog = sample_catalog(PRODUCTS, base.model.resolution, config.ray)
    last = base.score.model_copy(update={"kimg": 0.0})  # which checkpoint is scored, and so which is published, depends on the clock
    base = base.model_copy(update={"catalog": catalog.url, "score": last, "ray": config.ray, **changes})
    seed = time.time_ns() % 10**6
    equal, failed = 0, []
    for workers in (1, 2):
        run = base.model_copy(update={"workers": workers})
        undisturbed = ended(run)
        for repeat in range(config.repeats):
            kills = draw_kills(seed + repeat, KILLS, workers, images // run.batch, run.batch, LONGEST_S)
            if killed(run, kills) == undisturbed:
                equal += 1
            else:
                failed.append(f"{workers} workers: " + "; ".join(map(str, kills)))
    total = 2 * config.repeats
    facts = {"preset": PRESET, "images": images, "kills": KILLS, "seed": seed, "failed": failed}
    return [{"name": "resume", "value": equal, "baseline": total, "ratio": equal / total, "unit": "runs", **facts}]


def killed(config: TrainConfig, kills: list[Kill]) -> tuple[str, bytes]:
    """What a run with these kills ends with."""
    done = Path(ROOT).absolute() / "kills"
    shutil.rmtree(done, ignore_errors=True)
    done.mkdir(parents=True)
    result = ended(config, with_kills(kills, str(done)))
    assert len(list(done.iterdir())) == len(kills), "some kills were not done"
    shutil.rmtree(done)
    return result


def ended(config: TrainConfig, worker: Worker = train_worker) -> tuple[str, bytes]:
    """The digest of all that a run has learned (networks, average, optimizers), as its last checkpoint has it, and the model's weights."""
    config = config.model_copy(update={"out": f"{ROOT}/resume"})
    shutil.rmtree(config.out, ignore_errors=True)
    train(config, partial(RayWorkerGroup, worker=worker))
    store = open_store(config.out)
    newest = places(store)[0]
    assert newest.num_images >= 1000 * config.kimg
    result = json.loads(store.get(f"{newest.folder}/{STATE}"))["digest"], store.get(WEIGHTS)
    shutil.rmtree(config.out, ignore_errors=True)
    return result
