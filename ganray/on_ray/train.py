"""The verb `train`: a prepared catalog in, a model folder out, through Ray Train."""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
import time
from typing import Any

from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from ganray.catalog.reader import Catalog
from ganray.checkpoint import ModelInfo, load_model
from ganray.config import TrainConfig
from ganray.errors import CatalogError, CheckpointError, CollapseError, ConfigError, StorageError
from ganray.on_ray.board import make_board
from ganray.on_ray.card import model_card
from ganray.on_ray.cluster import Resources, connect, require_cpus, require_node, use_gpu
from ganray.on_ray.data import Readers
from ganray.on_ray.doubts import doubts
from ganray.on_ray.record import Recorder
from ganray.on_ray.scoring import conclude, make_keeper
from ganray.on_ray.trackers import require
from ganray.on_ray.train_worker import Job, train_worker
from ganray.on_ray.windows import Source
from ganray.storage import Store, arrow_filesystem, open_store
from ganray.training.gamma import with_gamma

RUN_FACTS = "run.json"
DECISIVE = ("seed", "batch", "lanes", "workers", "precision", "optimizer", "loss", "augment", "condition", "data", "ema_kimg", "ema_rampup")
RUN = "checkpoints"  # Ray Train's name for the run, and its folder in the model folder


def train(config: TrainConfig) -> dict[str, Any]:
    """Train until `kimg` or `minutes`; returns what the model folder holds.

    Raises ConfigError, CatalogError, CheckpointError or StorageError before anything starts, and whatever stops the training.
    """
    check(config)
    catalog = Catalog.open(config.catalog)
    vocabulary = check_catalog(config, catalog)
    config = with_gamma(config, catalog.num_images)
    store = open_store(config.out)
    config = config.model_copy(update={"lanes": lanes(config, sum(len(shard.row_groups) for shard in catalog.info.shards))})
    check_folder(config, store, catalog.info.digest)
    config = config.model_copy(update={"catalog": catalog.url, "out": store.url})  # workers have another working directory
    for doubt in doubts(config, catalog, vocabulary):
        print(f"train: {doubt}", file=sys.stderr)
    resources = connect(config.ray)
    gpu = use_gpu(config.gpu, resources, config.workers)
    threads, readers = share_cpus(config, resources, gpu)
    board = make_board()
    source = Source.of(catalog, vocabulary, config.data, config.seed, config.lanes)
    histograms = {name: catalog.info.histograms[name] for name in vocabulary}
    info = ModelInfo(
        model=config.model,
        attributes=vocabulary,
        histograms=histograms,
        catalog_url=source.url,
        catalog_digest=catalog.info.digest,
        train=config,
    )
    keeper = make_keeper(config, info, resources, config.workers * threads + 1, board)
    job = Job(config, source, vocabulary, histograms, catalog.info.digest, threads, readers, board, keeper)
    filesystem, path = arrow_filesystem(config.out)
    trainer = TorchTrainer(
        train_worker,
        train_loop_config={"job": job},
        scaling_config=ScalingConfig(
            num_workers=config.workers,
            use_gpu=gpu,
            resources_per_worker={"CPU": threads} | ({"GPU": 1} if gpu else {}),
        ),
        run_config=RunConfig(
            name=RUN,
            storage_path=path,
            storage_filesystem=filesystem,
            failure_config=FailureConfig(max_failures=config.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=config.keep),
        ),
    )
    with Recorder(board, store, config) as recorder:
        _fit(trainer, recorder)
        recorder.drain()
        collapsed = conclude(keeper, config, store) if recorder.result else None
    return _finish(config, store, recorder, collapsed)


def check(config: TrainConfig) -> None:
    """What can be seen to be wrong from the configuration alone."""
    require(config.track)
    if config.batch < config.workers:
        raise ConfigError(f"train: {config.workers} workers cannot share a batch of {config.batch}", "Use a larger batch, or fewer workers")
    if config.lanes and (config.batch % config.lanes or config.lanes < config.workers):
        fitting = ", ".join(str(number) for number in divisors(config.batch) if number >= config.workers)
        raise ConfigError(
            f"train: lanes = {config.lanes} does not fit a batch of {config.batch} and {config.workers} worker(s)",
            f"Use one of {fitting}, or 0",
        )
    if config.condition.ramp_kimg > config.kimg:
        raise ConfigError(
            f"train: condition.ramp_kimg = {config.condition.ramp_kimg:g} is over kimg = {config.kimg:g}: labels would never count",
            f"Use half of the run, {config.kimg / 2:g}, or less",
        )
    for name, url in (("catalog", config.catalog), ("out", config.out)):
        if url.startswith("memory:"):
            raise ConfigError(f"train: {name} = {url}: memory is not shared between processes", "Use a path, or a bucket")


def lanes(config: TrainConfig, row_groups: int) -> int:
    """How many sequences a batch is drawn from: what is asked for, or the most up to 8 that divide the batch and fill from the catalog.

    The result of a run depends on it, and not on the number of workers, which divide the lanes among them (in even shares where they can).
    """
    if config.lanes:
        return config.lanes
    number = max(number for number in divisors(config.batch) if number <= max(1, min(8, row_groups)))
    return number if number >= config.workers else min(number for number in divisors(config.batch) if number >= config.workers)


def divisors(number: int) -> list[int]:
    """All divisors of a number, the smallest first."""
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def check_catalog(config: TrainConfig, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """The vocabulary to condition on: attributes of one value tell nothing. Raises CatalogError where catalog and model do not fit."""
    side = config.model.resolution
    if catalog.info.resolution != side:
        raise CatalogError(
            f"{config.catalog} holds {catalog.info.resolution} px images, the model ({config.preset}) is for {side} px",
            f"Ingest with --resolution {side}, or choose another preset",
        )
    return {name: values for name, values in catalog.vocabulary(config.attributes).items() if len(values) > 1}


def check_folder(config: TrainConfig, store: Store, catalog_digest: str) -> None:
    """Refuse to start over an existing run, or to continue one on other data: both would mix two runs in one folder."""
    exists = next(iter(store.list(RUN + "/")), None) is not None or store.exists("model.json")
    if exists and not config.resume:
        raise CheckpointError(f"{config.out} holds a run already", "Add --resume to continue it, or choose another --out")
    now = config.model_dump(mode="json")
    if exists and store.exists(RUN_FACTS):
        facts = json.loads(store.get(RUN_FACTS))
        _compare(facts["config"], now)
        if facts["catalog_digest"] != catalog_digest:
            raise CheckpointError(
                f"{config.out} was begun on a catalog of {facts['catalog_digest'][:19]}, {config.catalog} is now {catalog_digest[:19]}",
                "Restore that catalog, or train into another --out",
            )
    store.put(RUN_FACTS, json.dumps({"catalog_digest": catalog_digest, "config": now}, indent=1).encode())


def _compare(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Say which settings have changed since the run began: allowed, but no longer the run that it would have been."""
    changed = [f"{name} {before.get(name)} -> {now[name]}" for name in DECISIVE if before.get(name) != now[name]]
    if changed:
        print(f"train: resuming with other settings: {'; '.join(changed)}", file=sys.stderr)


def share_cpus(config: TrainConfig, resources: Resources, gpu: bool) -> tuple[int, Readers]:
    """(torch threads a worker, data readers a worker). One CPU stays free for data: otherwise Ray would wait for ever."""
    spare = min(resources.node_cpus, (resources.cpus - 1) // config.workers)
    threads = config.threads or (1 if gpu else max(1, int(spare)))
    require_cpus(config.workers * threads + 1, resources, f"train with {config.workers} workers of {threads} threads (+ 1 for data)")
    require_node(threads, resources, f"a training worker of {threads} threads")
    free = (resources.cpus - config.workers * threads) / config.workers
    return threads, Readers(max(1, int(free)), min(1.0, math.floor(100 * free) / 100))


def _fit(trainer: TorchTrainer, recorder: Recorder) -> None:
    """`trainer.fit()`; Ctrl-C is a KeyboardInterrupt again (Ray answers it with exit 0 and keeps the handler)."""
    before = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit()
    except SystemExit:
        raise KeyboardInterrupt from None
    except Exception:
        recorder.drain()
        if recorder.error is None:
            raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def _finish(config: TrainConfig, store: Store, recorder: Recorder, collapsed: CollapseError | None) -> dict[str, Any]:
    if recorder.error is not None:
        raise recorder.error
    result = recorder.result
    if result is None:
        raise StorageError(f"{config.out}: the run ended without a model", "Run the same command with --resume")
    _, info = load_model(config.out)
    store.put("README.md", model_card(info, recorder.rows, recorder.grids).encode())
    if collapsed:
        raise collapsed
    seconds = result["minutes"] * 60
    return {
        "model": config.out,
        "digest": info.digest,
        "kimg": result["kimg"],
        **({"best": f"of {info.metrics['kimg']:g} kimg, merit {info.metrics['merit']:.3g}"} if info.metrics else {}),
        "minutes": round(result["minutes"], 2),
        "img/s": round(result["images"] / seconds, 1) if seconds > 0 and result["images"] else 0.0,
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
