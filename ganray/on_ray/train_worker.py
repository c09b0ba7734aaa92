"""What runs in each Ray Train worker: the pure loop of `training/`, given a context that speaks to Ray."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch
import torch.distributed as dist
from torch import Tensor

from ganray import __version__
from ganray.catalog.order import Share
from ganray.checkpoint import ModelInfo, load_state, save_model, save_state
from ganray.config import TrainConfig
from ganray.engine import Engine
from ganray.images.provenance import Label, encode_labelled
from ganray.images.transforms import contact_sheet
from ganray.on_ray.data import Readers, stream
from ganray.on_ray.failures import ours
from ganray.on_ray.scoring import Offers
from ganray.on_ray.windows import Source
from ganray.requests import GenerateRequest
from ganray.storage import open_store
from ganray.training.context import Row
from ganray.training.loop import fit
from ganray.training.state import TrainState, create_state

GRID_COLUMNS, GRID_ROWS = 8, 12


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


def train_worker(config: dict[str, Job]) -> None:
    """The function that Ray Train runs on every worker, again after every failure."""
    job = config["job"]
    torch.set_num_threads(job.threads)
    context = RayContext(job)
    if ray.get(job.board.failed.remote()):
        return  # an error of ours is no accident: Ray Train restarts the group, and it ends here
    try:
        _run(job, context)
    except Exception as error:
        if known := ours(error):
            ray.get(job.board.post.remote("error", known))
        raise  # ends the group, so that no rank waits for this one in a collective


def _run(job: Job, context: RayContext) -> None:
    state = create_state(job.config, tuple(len(values) for values in job.vocabulary.values()), context.device)
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            load_state(state, Path(folder), job.config, job.vocabulary)
    context.post("start", state.num_images / 1000)
    batches = stream(job.source, context.share, state.num_images // job.config.batch * context.share.each, job.readers)
    started = time.monotonic()
    first = state.num_images
    fit(state, batches, job.config, context)
    if context.rank == 0:
        facts = {"minutes": (time.monotonic() - started) / 60, "images": state.num_images - first}
        save_model(open_store(job.config.out), state.ema, describe(job, state))
        ray.get(job.board.post.remote("result", {"kimg": state.num_images / 1000, **facts}))


def describe(job: Job, state: TrainState) -> ModelInfo:
    """The model's description as of now."""
    return ModelInfo(
        model=job.config.model,
        attributes=job.vocabulary,
        histograms=job.histograms,
        catalog_url=job.source.url,
        catalog_digest=job.catalog_digest,
        num_images=state.num_images,
        train=job.config,
    )


class RayContext:
    """`training.context.Context` over Ray Train: gloo or nccl for the mean, the board for news, `report` for checkpoints."""

    def __init__(self, job: Job) -> None:
        context = ray.train.get_context()
        self.rank, self.world_size = context.get_world_rank(), context.get_world_size()
        self.device = ray.train.torch.get_device()
        self.share = Share.of_rank(self.rank, self.world_size, job.config.lanes, job.config.batch)
        self._job = job
        self._started = time.monotonic()
        self._offers = Offers(job.keeper, job.config.score.kimg)

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

    def log(self, state: TrainState, row: Row) -> None:
        """News for the driver's bar and TensorBoard; and weights for the keeper of scores, where it is time."""
        self.post("log", row)
        if self.rank == 0:
            self._offers.offer(state)

    def grid(self, state: TrainState) -> None:
        """A sheet of fixed latents, a row per value of the first attribute, drawn on rank 0 in a few engine batches."""
        if self.rank == 0:
            self.post("grid", (state.num_images / 1000, draw_grid(state, describe(self._job, state), self.device)))

    def checkpoint(self, state: TrainState, row: Row) -> None:
        """Rank 0's state goes into the run's store through Ray Train; every rank takes part in the report."""
        if self.rank != 0:
            ray.train.report(row)
            return
        with tempfile.TemporaryDirectory(prefix="ganray-checkpoint-") as folder:
            save_state(state, Path(folder), self._job.config, self._job.vocabulary)
            name = f"kimg-{state.num_images / 1000:09.3f}-{time.time_ns():x}"
            ray.train.report(row, checkpoint=ray.train.Checkpoint.from_directory(folder), checkpoint_dir_name=name)
        self.post("checkpoint", row)

    def should_stop(self) -> bool:
        """Whether `minutes` are over, by rank 0's clock, or the scores say that the run has collapsed."""
        limit = self._job.config.minutes
        over = (bool(limit) and time.monotonic() - self._started > 60 * limit) or bool(self._offers.verdict)
        if (limit or self._job.keeper is not None) and self.world_size > 1:
            flag = torch.tensor([float(over)], device=self.device)
            dist.broadcast(flag, src=0)
            over = bool(flag.item())
        return over

    def post(self, kind: str, item: Any) -> None:
        """Rank 0 leaves news on the board and does not wait."""
        if self.rank == 0:
            self._job.board.post.remote(kind, item)


def draw_grid(state: TrainState, info: ModelInfo, device: torch.device) -> bytes:
    """A labelled PNG: what the moving average draws for the same requests at any time of the run."""
    deterministic = torch.backends.cudnn.deterministic
    engine = Engine(state.ema, info, device=device.type, threads=1)
    torch.backends.cudnn.deterministic = deterministic  # the engine's choice, not the training's
    names = list(info.attributes)
    values = info.attributes[names[0]][:GRID_ROWS] if names else ("",) * GRID_ROWS
    rows = []
    for place, value in enumerate(values):
        attributes = {names[0]: value} if names else {}
        # not validated: a catalog's values may be longer than what a request can name
        request = GenerateRequest.model_construct(id=f"grid-{place}", attributes=attributes, seed=place, count=GRID_COLUMNS)
        rows.append((value, [sample.pixels for sample in engine.generate([request])]))
    label = Label(model_digest="in training", request_id=f"grid at {state.num_images} images", seed=0, software=f"ganray {__version__}")
    return encode_labelled(contact_sheet(rows), "png", label)
