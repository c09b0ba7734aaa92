"""The workers of a training run on a Ray cluster, through Ray Train."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.train import FailureConfig, RunConfig

from ganray.config import TrainConfig
from ganray.execution.host import versions
from ganray.execution.port import Resources
from ganray.execution.resources import require_cpus, require_node, use_gpu
from ganray.images.codec import Pixels
from ganray.model_folder import ModelInfo
from ganray.on_ray.cluster import connect
from ganray.on_ray.data import Readers
from ganray.on_ray.executor import Gauges
from ganray.on_ray.mailbox import make_mailbox
from ganray.on_ray.ray_internals import CheckpointBeforeResize, TerminationNotice, Trainer, scaling
from ganray.on_ray.scoring import RayScorer
from ganray.on_ray.worker import train_worker
from ganray.runs.job import Job
from ganray.runs.scoring import scorer_threads
from ganray.runs.signals import GracefulStop

Worker = Callable[[dict[str, Any]], None]


class RayWorkerGroup:
    """A `WorkerGroup`. `worker` is what runs in place of `train_worker`."""

    def __init__(self, config: TrainConfig, worker: Worker = train_worker) -> None:
        self._resources = connect(config.ray)
        self._gpu = use_gpu(config.gpu, self._resources, config.min_workers or config.workers)
        self.threads, self._readers = training_cpus(config, self._resources, self._gpu)
        self._worker = worker
        self.mailbox = make_mailbox()
        self.publish = Gauges().publish

    def run_tasks(self, tasks: Sequence[Callable[[], list[Pixels]]], done: Callable[[int], None]) -> list[list[Pixels]]:
        """See `WorkerGroup`: each is a task of Ray."""
        run_task = ray.remote(_run_task)
        left = parts = [run_task.remote(task) for task in tasks]
        while left:
            ready, left = ray.wait(left)
            done(len(ready))
        results: list[list[Pixels]] = ray.get(parts)
        return results

    def start_scorer(self, config: TrainConfig, info: ModelInfo) -> RayScorer:
        """See `WorkerGroup`: an actor with low priority, which reserves no CPU."""
        used = config.workers * self.threads + 1
        return RayScorer.start(config, info, scorer_threads(config, int(self._resources.node_cpus), used), self.mailbox)

    def fit(self, job: Job, stop: GracefulStop) -> None:
        """See `WorkerGroup`: `trainer.fit()`."""
        if job.cutouts is not None:
            job = replace(job, cutouts=ray.put(job.cutouts))
        with tempfile.TemporaryDirectory(prefix="ganray-ray-") as folder:
            trainer = self._make_trainer(job, folder)
            trainer.on_start = lambda abort: setattr(stop, "abort", abort)
            trainer.alone = not self._resources.joined
            trainer.fit()

    def close(self) -> None:
        """See `WorkerGroup`: the mailbox's process ends."""
        ray.kill(self.mailbox.actor)

    def _make_trainer(self, job: Job, folder: str) -> Trainer:
        """Ray Train as it runs here. Checkpoints are written elsewhere (runs/checkpoints.py): it keeps nothing in its local `folder`."""
        callbacks: list[Any] = [TerminationNotice(), CheckpointBeforeResize(self.mailbox)]
        return Trainer(
            self._worker,
            train_loop_config={"work": ray.put((job, self._readers)), "versions": versions()},
            scaling_config=scaling(job.config.workers, job.config.min_workers, self._gpu, job.threads),
            run_config=RunConfig(
                name="train",
                storage_path=folder,
                failure_config=FailureConfig(max_failures=job.config.max_failures),
                callbacks=callbacks,
            ),
        )


def _run_task(task: Callable[[], list[Pixels]]) -> list[Pixels]:
    return task()


def training_cpus(config: TrainConfig, resources: Resources, gpu: bool) -> tuple[int, Readers]:
    """(torch threads a worker, data readers a worker). One CPU stays free for data: otherwise Ray would wait for ever.

    In a run that may be smaller readers reserve nothing, and live beside their worker: what a node reserved would be gone with it.
    """
    least = config.min_workers or config.workers
    spare = min(resources.node_cpus, (resources.cpus - 1) // config.workers)
    threads = config.threads or (1 if gpu else max(1, int(spare)))
    require_node(threads, resources, f"a training worker of {threads} threads")
    if least < config.workers:
        require_cpus(least * threads, resources, f"train with {least} workers of {threads} threads")
        return threads, Readers(1, 0.0)
    require_cpus(least * threads + 1, resources, f"train with {least} workers of {threads} threads (+ 1 for data)")
    free = (resources.cpus - config.workers * threads) / config.workers
    return threads, Readers(max(1, int(free)), min(1.0, math.floor(100 * free) / 100))
