"""What runs in each Ray Train worker: the pure loop of `training/`, given a context that speaks to Ray."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch
import torch.distributed as dist
from torch import Tensor

from ganray.catalog.order import Share
from ganray.checkpoint import load_state
from ganray.config import TrainConfig
from ganray.errors import NonFiniteError, StorageError
from ganray.models import label_sizes
from ganray.on_ray import ray_internals
from ganray.on_ray.data import stream
from ganray.on_ray.errors import find_ganray_error
from ganray.on_ray.mailbox import CommandListener
from ganray.on_ray.scoring import ScoreClient
from ganray.runs.background import LatestItemWorker
from ganray.runs.checkpoints import Checkpoints, restore
from ganray.runs.editor_grids import draw_edits
from ganray.runs.job import Job
from ganray.runs.privacy import private_stream
from ganray.runs.publish import describe, publish
from ganray.runs.sample_grids import draw_grid
from ganray.storage import open_store
from ganray.storage.retry import retry_while_unavailable
from ganray.training.consensus import Consensus
from ganray.training.context import Decision, Row, State
from ganray.training.editor import EditorState, create_editor_state
from ganray.training.loop import fit
from ganray.training.memory_probe import fewest_micro_batches
from ganray.training.state import TrainState, create_state

GRID_NICENESS = 10  # of the thread that draws: training and its data come first
GRID_S = 60.0  # for the last grid, when training is over
LEAVING_S = 60.0  # for the last checkpoint of a process that is to end soon


def train_worker(config: dict[str, Job]) -> None:
    """The function that Ray Train runs on every worker, again after every failure."""
    job = config["job"]
    torch.set_num_threads(job.threads)
    if ray.get(job.board.failed.remote()):
        return  # an error of ours is no accident: Ray Train restarts the group, and it ends here
    context = RayContext(job)
    try:
        _run(job, context)
    except Exception as error:
        context.settle(error)
        if known := find_ganray_error(error):
            ray.get(job.board.post.remote("error", known))
        raise  # ends the group, so that no rank waits for this one in a collective
    finally:
        context.close()


def _run(job: Job, context: RayContext) -> None:
    job = replace(job, config=context.settled(job.config))
    state: State
    if job.config.editor.tasks:
        state = create_editor_state(job.config, torch.from_numpy(ray.get(job.cutouts)), context.device)
    else:
        state = create_state(job.config, label_sizes(job.config.model, job.vocabulary), context.device)
    if state.note:
        context.post("note", state.note)
    context.restore(state)
    context.post("start", state.num_images / 1000)
    if job.config.min_workers:
        context.say(f"{context.world_size} of {job.config.workers} workers")
    if job.private:
        batches = private_stream(job.source, job.config, job.private, state.num_images)
    else:
        batches = stream(job.source, context.share, state.num_images // job.config.batch * context.share.each, job.readers)
    started = time.monotonic()
    first = state.num_images
    fit(state, batches, job.config, context)
    if context.leaves(state) or context.rank != 0:
        return
    facts = {"minutes": (time.monotonic() - started) / 60, "images": state.num_images - first}
    retry_while_unavailable(partial(publish, job, state), "the model", context.say)
    ray.get(job.board.post.remote("result", {"kimg": state.num_images / 1000, **facts}))


def memory(device: torch.device) -> Row:
    """The most that this worker has held of its GPU, in GiB; nothing on a CPU."""
    return {"gpu_gib": torch.cuda.max_memory_reserved(device) / 2**30} if device.type == "cuda" else {}


class RayContext:
    """`training.context.Context` over Ray Train: gloo or nccl for the mean, the board for news and orders, rank 0's store for the rest."""

    def __init__(self, job: Job) -> None:
        context = ray.train.get_context()
        self.rank, self.world_size = context.get_world_rank(), context.get_world_size()
        self.device = ray.train.torch.get_device()
        self.share = Share.of_rank(self.rank, self.world_size, job.config.lanes, job.config.batch)
        self._job = job
        self._offers = ScoreClient(job.keeper, job.config)
        self._agreement = Consensus(self.world_size)
        self._turn = Decision.GO_ON
        self._store = open_store(job.config.out)
        if self.rank == 0:
            self._orders = CommandListener(job.board)
            self._grids = LatestItemWorker("grids", self._draw, niceness=GRID_NICENESS)
            self._checkpoints = Checkpoints(self._store, job.config, job.vocabulary, self.say)
            self._started = time.monotonic() - ray.get(job.board.seconds.remote())
            self._kept_at = time.monotonic()

    def settled(self, config: TrainConfig) -> TrainConfig:
        """The config with a number of micro-batches, on every rank the same, where it was left to memory."""
        if config.accumulate:
            return config
        num, sizes = len(self.share.places), label_sizes(config.model, self._job.vocabulary)
        parts = self._agreement.most(fewest_micro_batches(config, sizes, num, self.device))
        self.say(f"accumulate auto: {parts} micro-batch(es) of at most {math.ceil(num / parts)} images")
        return config.model_copy(update={"accumulate": parts})

    def restore(self, state: State) -> None:
        """Put the newest whole checkpoint into the state, if there is one: rank 0 looks for it, all read the same."""
        job = self._job

        def newest() -> str:
            found = restore(state, self._store, job.config, job.vocabulary, self.say)
            return found.folder if found else ""

        folder = self._agreement.tell(retry_while_unavailable(newest, "the last checkpoint", self.say) if self.rank == 0 else "")
        if folder and self.rank != 0:
            read = partial(load_state, state, self._store.child(folder), job.config, job.vocabulary)
            retry_while_unavailable(read, "the last checkpoint", self.say)

    def places(self, batch: int) -> range:
        """The places of this rank's lanes."""
        return self.share.places

    def average_(self, tensors: list[Tensor]) -> None:
        """One flat all-reduce: a single message, and the same sum on every rank (RAY.md 1.4)."""
        if self.world_size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        flat *= len(self.share.lanes) / self.share.of
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def log(self, state: State, row: Row) -> None:
        """News for the driver's bar and TensorBoard; and weights for the keeper of scores, where it is time."""
        self.post("log", row | memory(self.device))
        if self.rank == 0 and isinstance(state, TrainState):
            self._offers.offer(state)

    def grid(self, state: State) -> None:
        """A sheet of samples, drawn beside training from a copy of the average."""
        if self.rank != 0:
            return
        drawn: Callable[[], bytes]
        if isinstance(state, EditorState):
            drawn = partial(draw_edits, copy.deepcopy(state.ema), self._job.source, state.cutouts)
        else:
            drawn = partial(draw_grid, copy.deepcopy(state.ema), describe(self._job, state), self.device)
        self._grids.submit((state.num_images / 1000, drawn))

    def _draw(self, item: tuple[float, Callable[[], bytes]]) -> None:
        kimg, drawn = item
        self.post("grid", (kimg, drawn()))

    def checkpoint(self, state: State, row: Row) -> None:
        """Rank 0 takes a copy; a thread of its own brings it into the run's store."""
        if self.rank == 0:
            self._checkpoints.keep(state)
            self._kept_at = time.monotonic()
            self.post("checkpoint", row)

    def turn(self) -> Decision:
        """The strongest wish of all ranks."""
        self._turn = self._agreement.exchange(self._wish())
        return self._turn

    def leaves(self, state: State) -> bool:
        """Once the last checkpoint is in the store: whether the run is to go on elsewhere, so that there is no model yet.

        Raises Gone in a worker that was told to end while the run may go on with the others.
        """
        leaving = self._turn is Decision.LEAVE and state.num_images < 1000 * self._job.config.kimg
        if self.rank == 0:
            self._checkpoints.settle(*[LEAVING_S] * leaving)
            self._grids.settle(0.0 if leaving else GRID_S)
            if leaving:
                self._say_why(state.num_images / 1000)
        self._agreement.meet()  # whoever ends first ends the others
        if leaving and ray_internals.termination_requested.is_set() and self._job.config.min_workers:
            raise ray_internals.WorkerTerminated(f"rank {self.rank} was told to end")
        return leaving

    def _say_why(self, kimg: float) -> None:
        """To the driver, which ends the run; to the controller, which changes the number of workers; or to a person."""
        board = self._job.board
        if self._orders.word == "regroup":
            ray.get([board.post.remote("note", f"regrouping at {kimg:g} kimg, after a checkpoint"), board.rest.remote()])
        elif self._orders.word or not self._job.config.min_workers:
            ray.get(board.post.remote("left", kimg))
        else:
            self.say(f"a worker was told to end (SIGTERM): the run goes on without it, from {kimg:g} kimg")

    def _wish(self) -> Decision:
        """LEAVE is any rank's to wish; the clock, the scores and the driver are rank 0's."""
        if ray_internals.termination_requested.is_set():
            return Decision.LEAVE
        return self._first_wish() if self.rank == 0 else Decision.GO_ON

    def _first_wish(self) -> Decision:
        config, now = self._job.config, time.monotonic()
        if self._orders.word:
            return Decision.LEAVE
        if self._offers.verdict or (config.minutes and now - self._started > 60 * config.minutes):
            return Decision.FINISH
        if config.checkpoint_minutes and now - self._kept_at > 60 * config.checkpoint_minutes:
            self._kept_at = now  # asked for
            return Decision.KEEP
        return Decision.GO_ON

    def post(self, kind: str, item: Any) -> None:
        """Rank 0 leaves news on the board and does not wait."""
        if self.rank == 0:
            self._job.board.post.remote(kind, item)

    def say(self, text: str) -> None:
        """A line for a person."""
        self.post("note", text)

    def settle(self, error: Exception) -> None:
        """Before a run that failed ends: what was taken is brought into the store, if that goes.

        A value that is not finite all ranks see at once: none ends, and with it the others, before rank 0 is done.
        """
        if self.rank == 0:
            with suppress(StorageError):
                self._checkpoints.settle(LEAVING_S)
        if isinstance(error, NonFiniteError):
            self._agreement.meet()

    def close(self) -> None:
        """End rank 0's threads."""
        if self.rank == 0:
            self._orders.close()
            self._grids.close()
            self._checkpoints.close()
