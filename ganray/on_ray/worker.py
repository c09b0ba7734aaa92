"""What runs in each Ray Train worker: `runs/worker.py`, with the ranks of Ray Train and readers of Ray Data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import ray
import ray.train
import ray.train.torch
import torch

from ganray.catalog.order import Share
from ganray.errors import ClusterError, GanrayError
from ganray.execution.host import name_host, require_same
from ganray.on_ray.data import Readers, stream
from ganray.on_ray.errors import find_ganray_error
from ganray.on_ray.ray_internals import termination_requested
from ganray.runs.job import Job
from ganray.runs.learners import Batches
from ganray.runs.messages import Failed
from ganray.runs.ranks import Ranks
from ganray.runs.worker import run_worker
from ganray.training.consensus import Consensus


def train_worker(config: dict[str, Any]) -> None:
    """The function that Ray Train runs on every worker, again after every failure.

    `config` refers to the job: Ray Train's controller unpacks `config`, too, and would import all that a job consists of.
    """
    job, readers = cast(tuple[Job, Readers], ray.get(config["work"]))
    torch.set_num_threads(job.threads)
    if job.mailbox.failed():
        return  # Ray Train restarts the group after an error of ours too: it ends here
    try:
        require_same(config["versions"])
    except ClusterError as error:
        job.mailbox.deliver(Failed(error))
        raise
    if job.cutouts is not None:
        job = replace(job, cutouts=ray.get(job.cutouts))
    ranks = ray_ranks(job)
    readers = readers.on(ray.cluster_resources().get("CPU", 0.0) - ranks.world_size * job.threads, ranks.world_size)

    def open_batches(num_images: int) -> Batches:
        consumed = num_images // job.config.batch * ranks.share.each
        return stream(job.source, ranks.share, consumed, readers, job.mailbox)

    run_worker(job, ranks, open_batches, _find_error)


def _find_error(error: BaseException) -> GanrayError | None:
    known = find_ganray_error(error)
    return None if known is None else name_host(known)


def ray_ranks(job: Job) -> Ranks:
    """This worker's place among those of Ray Train."""
    context = ray.train.get_context()
    rank, world_size = context.get_world_rank(), context.get_world_size()
    share = Share.of_rank(rank, world_size, job.config.lanes, job.config.batch)
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return Ranks(rank, world_size, device, share, Consensus(world_size), termination_requested, restarted=True)
