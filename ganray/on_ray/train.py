"""The verb `train`: a prepared catalog in, a model folder out, through Ray Train."""

from __future__ import annotations

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
from ganray.catalog.windows import Source
from ganray.config import TrainConfig
from ganray.errors import CollapseError, ConfigError, StorageError
from ganray.execution.resources import use_gpu
from ganray.model_folder import load_editor, load_model
from ganray.on_ray.cluster import connect
from ganray.on_ray.cpus import training_cpus
from ganray.on_ray.mailbox import make_mailbox
from ganray.on_ray.ray_internals import CheckpointBeforeResize, TerminationNotice, Trainer, scaling
from ganray.on_ray.scoring import make_scorer, score_final_model
from ganray.on_ray.signals import GracefulStop
from ganray.on_ray.worker import train_worker
from ganray.runs.catalog_warnings import catalog_warnings
from ganray.runs.editor_card import editor_card
from ganray.runs.job import Job
from ganray.runs.known_mattes import (
    TIMES,
    Cutouts,
    _some,
    drawn_cutouts,
    mined_cutouts,
    read_cutouts,
)
from ganray.runs.model_card import model_card
from ganray.runs.preflight import Vocabulary, check, check_catalog, check_folder, describe, run_facts
from ganray.runs.privacy import SECRET, keep_secret, with_noise
from ganray.runs.recorder import Recorder
from ganray.storage import Store, open_store
from ganray.training.gamma import with_gamma
from ganray.training.lanes import lanes


def gather_cutouts(config: TrainConfig, catalog: Catalog) -> Cutouts:
    """All of them, the same for the same config and catalog. Raises ConfigError where there is none to learn from."""
    editor, seed = config.editor, config.seed
    tasks = [ray.remote(drawn_cutouts).remote(first, min(60, editor.drawn - first)) for first in range(0, editor.drawn, 60)]
    parts = [ray.remote(mined_cutouts).remote(catalog.url, *place) for place in _some(catalog, editor.mined, seed)]
    groups = {"cutout": list(read_cutouts(editor.cutouts)) if editor.cutouts else []}
    groups["mined"] = [one for part in ray.get(parts) for one in part]
    groups["drawn"] = [one for part in ray.get(tasks) for one in part]
    found = [one for name, group in groups.items() for one in group for _ in range(TIMES[name])]
    if not found:
        raise ConfigError("editor.tasks has matte, but there is nothing to learn it from", "Name cut-outs with --editor.cutouts")
    return np.ascontiguousarray(np.stack(found).transpose(0, 3, 1, 2))


Worker = Callable[[dict[str, Job]], None]


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
    for doubt in catalog_warnings(config, catalog, vocabulary):
        print(f"train: {doubt}", file=sys.stderr)
    with ExitStack() as actors:
        return _train(config, catalog, vocabulary, worker or train_worker, actors)


def _train(config: TrainConfig, catalog: Catalog, vocabulary: Vocabulary, worker: Worker, actors: ExitStack) -> dict[str, Any]:
    """The run itself, when everything about it has been checked; `actors` ends those that it starts."""
    store = open_store(config.out)
    resources = connect(config.ray)
    gpu = use_gpu(config.gpu, resources, config.min_workers or config.workers)
    threads, readers = training_cpus(config, resources, gpu)
    board = make_mailbox()
    actors.callback(ray.kill, board)
    readers = replace(readers, board=board)
    private = keep_secret(config, catalog.num_images, store)
    info = describe(config, catalog, vocabulary, bool(private))
    source = Source.of(catalog, vocabulary, config.data, config.seed, config.lanes, info.pieces)
    keeper = make_scorer(config, info, resources, config.workers * threads + 1, board)
    if keeper is not None:
        actors.callback(ray.kill, keeper)
    job = Job(config, source, vocabulary, info.histograms, info.catalog_digest, threads, readers, board, keeper, info.titles, private)
    if config.editor.tasks:
        job = replace(job, cutouts=ray.put(_cutouts(config, catalog)))
    with GracefulStop(board) as leaving, tempfile.TemporaryDirectory(prefix="ganray-ray-") as folder:
        leaving.trainer = make_trainer(worker, job, gpu, folder)
        leaving.trainer.alone = not resources.joined
        with Recorder(board, store, config) as recorder:
            _fit(leaving, recorder)
            recorder.drain()
            collapsed = score_final_model(keeper, config, store) if recorder.result else None
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


def make_trainer(worker: Worker, job: Job, gpu: bool, folder: str) -> Trainer:
    """Ray Train as it runs here. Checkpoints go their own way (checkpoints.py): it keeps nothing in its local `folder`."""
    callbacks: list[Any] = [TerminationNotice(), CheckpointBeforeResize(job.board)]
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


def _fit(leaving: GracefulStop, recorder: Recorder) -> None:
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
