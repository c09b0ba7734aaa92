"""What runs in each Ray Train worker: the pure loop of `training/`, given a context that speaks to Ray."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch
import torch.distributed as dist
from torch import Tensor

from ganray.catalog.order import Share
from ganray.checkpoint import EditorInfo, ModelInfo, load_state, save_editor, save_model
from ganray.config import TrainConfig
from ganray.errors import NonFiniteError, StorageError
from ganray.models import label_sizes
from ganray.on_ray import notice
from ganray.on_ray.agreement import Agreement
from ganray.on_ray.aside import Aside
from ganray.on_ray.board import Orders
from ganray.on_ray.checkpoints import Checkpoints, restore
from ganray.on_ray.data import Readers, stream
from ganray.on_ray.edit_grids import draw_edits
from ganray.on_ray.failures import ours
from ganray.on_ray.grids import draw_grid
from ganray.on_ray.patience import patiently
from ganray.on_ray.privacy import Private, private_stream
from ganray.on_ray.probe import fitting
from ganray.on_ray.scoring import Offers
from ganray.on_ray.windows import Source
from ganray.storage import open_store
from ganray.training.accountant import record
from ganray.training.context import Row, State, Turn
from ganray.training.editor import EditorState, create_editor_state
from ganray.training.loop import fit
from ganray.training.state import TrainState, create_state

GRID_NICENESS = 10  # of the thread that draws: training and its data come first
GRID_S = 60.0  # for the last grid, when training is over
LEAVING_S = 60.0  # for the last checkpoint of a process that is to end soon


@dataclass(frozen=True)
class Job:
    """Everything a worker needs to know; pickled by Ray within one cluster."""

    config: TrainConfig
    source: Source
    vocabulary: dict[str, tuple[str, ...]]
    histograms: dict[str, dict[str, int]]
    catalog_digest: str
    threads: int
    readers: Readers
    board: Any
    keeper: Any = None  # of scores (scoring.py)
    titles: tuple[str, ...] = ()
    private: Private | None = None
    cutouts: Any = None  # a reference to what mattes are learned on (cutouts.py)


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
        if known := ours(error):
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
    patiently(partial(publish, job, state), "the model", context.say)
    ray.get(job.board.post.remote("result", {"kimg": state.num_images / 1000, **facts}))


def publish(job: Job, state: State) -> None:
    """Write what was learned into the run's folder."""
    store = open_store(job.config.out)
    if isinstance(state, EditorState):
        save_editor(store, state.ema, describe_editor(job, state))
        return
    info = describe(job, state)
    if job.private:
        info = info.model_copy(update={"privacy": record(job.config, job.private.photos, state.num_images)})
    save_model(store, state.ema, info)


def memory(device: torch.device) -> Row:
    """The most that this worker has held of its GPU, in GiB; nothing on a CPU."""
    return {"gpu_gib": torch.cuda.max_memory_reserved(device) / 2**30} if device.type == "cuda" else {}


def describe(job: Job, state: TrainState) -> ModelInfo:
    """The model's description as of now."""
    return ModelInfo(
        model=job.config.model,
        attributes=job.vocabulary,
        histograms=job.histograms,
        titles=job.titles,
        catalog_url=job.source.url,
        catalog_digest=job.catalog_digest,
        num_images=state.num_images,
        train=job.config,
    )


def describe_editor(job: Job, state: EditorState) -> EditorInfo:
    """The editor's description as of now."""
    return EditorInfo(
        editor=job.config.editor,
        catalog_url=job.source.url,
        catalog_digest=job.catalog_digest,
        num_images=state.num_images,
        train=job.config,
    )


class RayContext:
    """`training.context.Context` over Ray Train: gloo or nccl for the mean, the board for news and orders, rank 0's store for the rest."""

    def __init__(self, job: Job) -> None:
        context = ray.train.get_context()
        self.rank, self.world_size = context.get_world_rank(), context.get_world_size()
        self.device = ray.train.torch.get_device()
        self.share = Share.of_rank(self.rank, self.world_size, job.config.lanes, job.config.batch)
        self._job = job
        self._offers = Offers(job.keeper, job.config)
        self._agreement = Agreement(self.world_size)
        self._turn = Turn.GO_ON
        self._store = open_store(job.config.out)
        if self.rank == 0:
            self._orders = Orders(job.board)
            self._grids = Aside("grids", self._draw, niceness=GRID_NICENESS)
            self._checkpoints = Checkpoints(self._store, job.config, job.vocabulary, self.say)
            self._started = time.monotonic() - ray.get(job.board.seconds.remote())
            self._kept_at = time.monotonic()

    def settled(self, config: TrainConfig) -> TrainConfig:
        """The config with a number of micro-batches, on every rank the same, where it was left to memory."""
        if config.accumulate:
            return config
        num, sizes = len(self.share.places), label_sizes(config.model, self._job.vocabulary)
        parts = self._agreement.most(fitting(config, sizes, num, self.device))
        self.say(f"accumulate auto: {parts} micro-batch(es) of at most {math.ceil(num / parts)} images")
        return config.model_copy(update={"accumulate": parts})

    def restore(self, state: State) -> None:
        """Put the newest whole checkpoint into the state, if there is one: rank 0 looks for it, all read the same."""
        job = self._job

        def newest() -> str:
            found = restore(state, self._store, job.config, job.vocabulary, self.say)
            return found.folder if found else ""

        folder = self._agreement.tell(patiently(newest, "the last checkpoint", self.say) if self.rank == 0 else "")
        if folder and self.rank != 0:
            read = partial(load_state, state, self._store.child(folder), job.config, job.vocabulary)
            patiently(read, "the last checkpoint", self.say)

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
        self._grids.hand((state.num_images / 1000, drawn))

    def _draw(self, item: tuple[float, Callable[[], bytes]]) -> None:
        kimg, drawn = item
        self.post("grid", (kimg, drawn()))

    def checkpoint(self, state: State, row: Row) -> None:
        """Rank 0 takes a copy; a thread of its own brings it into the run's store."""
        if self.rank == 0:
            self._checkpoints.keep(state)
            self._kept_at = time.monotonic()
            self.post("checkpoint", row)

    def turn(self) -> Turn:
        """The strongest wish of all ranks."""
        self._turn = self._agreement.exchange(self._wish())
        return self._turn

    def leaves(self, state: State) -> bool:
        """Once the last checkpoint is in the store: whether the run is to go on elsewhere, so that there is no model yet.

        Raises Gone in a worker that was told to end while the run may go on with the others.
        """
        leaving = self._turn is Turn.LEAVE and state.num_images < 1000 * self._job.config.kimg
        if self.rank == 0:
            self._checkpoints.settle(*[LEAVING_S] * leaving)
            self._grids.settle(0.0 if leaving else GRID_S)
            if leaving:
                self._say_why(state.num_images / 1000)
        self._agreement.meet()  # whoever ends first ends the others
        if leaving and notice.given.is_set() and self._job.config.min_workers:
            raise notice.Gone(f"rank {self.rank} was told to end")
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

    def _wish(self) -> Turn:
        """LEAVE is any rank's to wish; the clock, the scores and the driver are rank 0's."""
        if notice.given.is_set():
            return Turn.LEAVE
        return self._first_wish() if self.rank == 0 else Turn.GO_ON

    def _first_wish(self) -> Turn:
        config, now = self._job.config, time.monotonic()
        if self._orders.word:
            return Turn.LEAVE
        if self._offers.verdict or (config.minutes and now - self._started > 60 * config.minutes):
            return Turn.FINISH
        if config.checkpoint_minutes and now - self._kept_at > 60 * config.checkpoint_minutes:
            self._kept_at = now  # asked for
            return Turn.KEEP
        return Turn.GO_ON

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
