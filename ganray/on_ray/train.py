"""The verb `train`: a prepared catalog in, a model folder out, through Ray Train."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import ray
from ray.train import FailureConfig, RunConfig

from ganray.catalog.reader import Catalog
from ganray.checkpoint import ModelInfo, load_editor, load_model
from ganray.config import TrainConfig
from ganray.errors import CatalogError, CheckpointError, CollapseError, ConfigError, StorageError
from ganray.on_ray.board import make_board
from ganray.on_ray.card import model_card
from ganray.on_ray.checkpoints import FOLDER
from ganray.on_ray.cluster import connect, use_gpu
from ganray.on_ray.cutouts import Cutouts, gather_cutouts
from ganray.on_ray.doubts import doubts
from ganray.on_ray.edit_card import editor_card
from ganray.on_ray.leaving import Leaving, Trainer
from ganray.on_ray.notice import Notice
from ganray.on_ray.privacy import SECRET, keep_secret, with_noise
from ganray.on_ray.record import Recorder
from ganray.on_ray.regrouping import Regrouping, scaling
from ganray.on_ray.scoring import conclude, make_keeper
from ganray.on_ray.shares import check_shares, lanes, share_cpus
from ganray.on_ray.trackers import require
from ganray.on_ray.train_worker import Job, train_worker
from ganray.on_ray.windows import Source
from ganray.storage import Store, open_store
from ganray.training.editor import smallest_photo
from ganray.training.gamma import with_gamma

Worker = Callable[[dict[str, Job]], None]
Vocabulary = dict[str, tuple[str, ...]]
RUN_FACTS = "run.json"
SHOWN_TITLES = 12  # of the catalog's, kept with the model to show what it can be asked
DECISIVE = (
    "seed",
    "batch",
    "lanes",
    "workers",
    "precision",
    "optimizer",
    "loss",
    "augment",
    "condition",
    "privacy",
    "data",
    "editor",
    "ema_kimg",
    "ema_rampup",
)


def train(config: TrainConfig, worker: Worker | None = None) -> dict[str, Any]:
    """Train until `kimg` or `minutes`; returns what the model folder holds. `worker` is what runs in place of `train_worker`.

    Raises ConfigError, CatalogError, CheckpointError or StorageError before anything starts, Stopped or KeyboardInterrupt after a signal,
    and whatever else stops the training.
    """
    check(config)
    catalog = Catalog.open(config.catalog)
    vocabulary = check_catalog(config, catalog)
    config = with_gamma(config, catalog.num_images)
    store = open_store(config.out)
    facts = run_facts(config, store)
    config = with_noise(config, catalog.num_images, facts)
    config = config.model_copy(update={"lanes": lanes(config, len(catalog.row_groups()), facts)})
    check_folder(config, store, catalog.info.digest, facts)
    config = config.model_copy(update={"catalog": catalog.url, "out": store.url})  # workers have another working directory
    for doubt in doubts(config, catalog, vocabulary):
        print(f"train: {doubt}", file=sys.stderr)
    with ExitStack() as actors:
        return _train(config, catalog, vocabulary, worker or train_worker, actors)


def _train(config: TrainConfig, catalog: Catalog, vocabulary: Vocabulary, worker: Worker, actors: ExitStack) -> dict[str, Any]:
    """The run itself, when everything about it has been checked; `actors` ends those that it starts."""
    store = open_store(config.out)
    resources = connect(config.ray)
    gpu = use_gpu(config.gpu, resources, config.min_workers or config.workers)
    threads, readers = share_cpus(config, resources, gpu)
    board = make_board()
    actors.callback(ray.kill, board)
    readers = replace(readers, board=board)
    private = keep_secret(config, catalog.num_images, store)
    info = describe(config, catalog, vocabulary, bool(private))
    source = Source.of(catalog, vocabulary, config.data, config.seed, config.lanes, info.pieces)
    keeper = make_keeper(config, info, resources, config.workers * threads + 1, board)
    if keeper is not None:
        actors.callback(ray.kill, keeper)
    job = Job(config, source, vocabulary, info.histograms, info.catalog_digest, threads, readers, board, keeper, info.titles, private)
    if config.editor.tasks:
        job = replace(job, cutouts=ray.put(_cutouts(config, catalog)))
    with Leaving(board) as leaving, tempfile.TemporaryDirectory(prefix="ganray-ray-") as folder:
        leaving.trainer = make_trainer(worker, job, gpu, folder)
        leaving.trainer.alone = not resources.joined
        with Recorder(board, store, config) as recorder:
            _fit(leaving, recorder)
            recorder.drain()
            collapsed = conclude(keeper, config, store) if recorder.result else None
    if not recorder.result and (leaving.came or recorder.left):
        raise leaving.error(recorder.left)
    return _finish(config, store, recorder, collapsed)


def _cutouts(config: TrainConfig, catalog: Catalog) -> Cutouts:
    """What mattes are learned on; nothing where none are."""
    if "matte" not in config.editor.tasks:
        return np.zeros((0, 4, 1, 1), np.uint8)
    print("train: gathering products whose mattes are known", file=sys.stderr, flush=True)
    found = gather_cutouts(config, catalog)
    print(f"train: {len(found)} of them, each as often as it counts", file=sys.stderr, flush=True)
    return found


def describe(config: TrainConfig, catalog: Catalog, vocabulary: Vocabulary, private: bool) -> ModelInfo:
    """What the model will be. Of a private run's catalog neither counts of values nor the digest, which tell of single photos."""
    return ModelInfo(
        model=config.model,
        attributes=vocabulary,
        histograms={} if private else {name: catalog.info.histograms[name] for name in vocabulary},
        titles=catalog.some_titles(SHOWN_TITLES) if config.model.title_pieces else (),
        catalog_url=catalog.url,
        catalog_digest="" if private else catalog.info.digest,
        train=config,
    )


def make_trainer(worker: Worker, job: Job, gpu: bool, folder: str) -> Trainer:
    """Ray Train as it runs here. Checkpoints go their own way (checkpoints.py): it keeps nothing in its local `folder`."""
    callbacks: list[Any] = [Notice(), Regrouping(job.board)]
    return Trainer(
        worker,
        train_loop_config={"job": job},
        scaling_config=scaling(job.config.workers, job.config.min_workers, gpu, job.threads),
        run_config=RunConfig(
            name="train",
            storage_path=folder,
            failure_config=FailureConfig(max_failures=job.config.max_failures),
            callbacks=callbacks,
        ),
    )


def check(config: TrainConfig) -> None:
    """What can be seen to be wrong from the configuration alone."""
    require(config.track)
    check_shares(config)
    if config.editor.tasks and config.accumulate != 1:
        raise ConfigError("train: accumulate with editor.tasks: an editor's batch is not divided", "Use --batch to take less memory")
    if config.editor.tasks and config.model.resolution < smallest_photo(config.editor.tasks):
        least = smallest_photo(config.editor.tasks)
        raise ConfigError(
            f"train: photos of {config.model.resolution} px are too small for {', '.join(config.editor.tasks)}",
            f"Ingest with --resolution {least} or more, 512 at best",
        )
    if config.augment.target and not config.augment.p_final:
        raise ConfigError(
            f"train: augment.target = {config.augment.target:g} with augment.p_final = 0: the augmentation may not adapt above nothing",
            "Add --augment.p-final 0.6",
        )
    if config.condition.ramp_kimg > config.kimg:
        raise ConfigError(
            f"train: condition.ramp_kimg = {config.condition.ramp_kimg:g} is over kimg = {config.kimg:g}: labels would never count",
            f"Use half of the run, {config.kimg / 2:g}, or less",
        )
    for name, url in (("catalog", config.catalog), ("out", config.out)):
        if url.startswith("memory:"):
            raise ConfigError(f"train: {name} = {url}: memory is not shared between processes", "Use a path, or a bucket")


def check_catalog(config: TrainConfig, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """The vocabulary to condition on: attributes of one value tell nothing. Raises CatalogError where catalog and model do not fit."""
    side = config.model.resolution
    if catalog.info.resolution != side:
        raise CatalogError(
            f"{config.catalog} holds {catalog.info.resolution} px images, the model ({config.preset}) is for {side} px",
            f"Ingest with --resolution {side}, or choose another preset",
        )
    if config.model.title_pieces and not catalog.info.title:
        raise CatalogError(
            f"{config.catalog} holds no titles, model.title_pieces is {config.model.title_pieces}",
            "Ingest with --table and --title COLUMN, or train with --model.title-pieces 0",
        )
    return {name: values for name, values in catalog.vocabulary(config.attributes).items() if len(values) > 1}


def run_facts(config: TrainConfig, store: Store) -> dict[str, Any]:
    """What an earlier part of the run has noted of itself; empty where there is none. Raises CheckpointError unless it is to be resumed."""
    if next(iter(store.list(FOLDER)), None) is None and not store.exists("model.json") and not store.exists("editor.json"):
        return {}
    if not config.resume:
        raise CheckpointError(f"{config.out} holds a run already", "Add --resume to continue it, or choose another --out")
    facts: dict[str, Any] = json.loads(store.get(RUN_FACTS)) if store.exists(RUN_FACTS) else {}
    return facts


def check_folder(config: TrainConfig, store: Store, catalog_digest: str, facts: dict[str, Any]) -> None:
    """Refuse to continue a run on other data, which would mix two runs in one folder; note what this one is."""
    now = config.model_dump(mode="json")
    if facts:
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


def _fit(leaving: Leaving, recorder: Recorder) -> None:
    """`trainer.fit()`: how it ended is told by the recorder and by `leaving`, unless by nobody."""
    assert leaving.trainer is not None
    try:
        leaving.trainer.fit()
    except Exception:
        recorder.drain()
        if recorder.error is None and leaving.came is None:
            raise
    finally:
        leaving.trainer = None


def _finish(config: TrainConfig, store: Store, recorder: Recorder, collapsed: CollapseError | None) -> dict[str, Any]:
    if recorder.error is not None:
        raise recorder.error
    result = recorder.result
    if result is None:
        raise StorageError(f"{config.out}: the run ended without a model", "Run the same command with --resume")
    if config.editor.tasks:
        editor = load_editor(config.out)[1]
        store.put("README.md", editor_card(editor, recorder.rows, recorder.grids).encode())
        return _facts(config, editor.digest, result)
    _, info = load_model(config.out)
    store.put("README.md", model_card(info, recorder.rows, recorder.grids).encode())
    if info.privacy and info.num_images >= 1000 * config.kimg:  # nobody goes on from here: the noise can be taken off no more
        store.delete(SECRET)
    if collapsed:
        raise collapsed
    private = {"privacy": f"epsilon {info.privacy.epsilon:.3g} at delta {info.privacy.delta:g}"} if info.privacy else {}
    best = {"best": f"of {info.metrics['kimg']:g} kimg, merit {info.metrics['merit']:.3g}"} if info.metrics else {}
    return _facts(config, info.digest, result, **private, **best)


def _facts(config: TrainConfig, digest: str, result: dict[str, Any], **more: str) -> dict[str, Any]:
    """What a person is told at the end."""
    seconds = result["minutes"] * 60
    return {
        "model": config.out,
        "digest": digest,
        "kimg": result["kimg"],
        **more,
        "minutes": round(result["minutes"], 2),
        "img/s": round(result["images"] / seconds, 1) if seconds > 0 and result["images"] else 0.0,
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
