"""`training.context.Context` for a whole run: logs, grids, checkpoints, scores, and what the ranks decide together.

It needs two things of the place where the run is: the ranks (ranks.py) and the mailbox (mailbox.py). There are one of each for this
process, and others for Ray Train.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import torch

from ganray.checkpoint import load_state
from ganray.config import TrainConfig
from ganray.errors import NonFiniteError, StorageError
from ganray.runs.background import LatestItemWorker
from ganray.runs.checkpoints import Checkpoints, restore
from ganray.runs.job import Job
from ganray.runs.learners import learner_of
from ganray.runs.mailbox import Command, CommandListener
from ganray.runs.messages import Checkpointed, CheckpointWritten, Grid, HandedOver, Log, Message, Note
from ganray.runs.ranks import Ranks, WorkerTerminated
from ganray.runs.scoring import ScoreClient
from ganray.runs.watchdog import Watchdog
from ganray.storage import open_store
from ganray.storage.retry import retry_while_unavailable
from ganray.training.context import Decision, Row, State
from ganray.training.gradients import Average
from ganray.training.memory_probe import fewest_micro_batches

GRID_NICENESS = 10  # of the thread that draws: training and its data come first
GRID_S = 60.0  # for the last grid, when training is over
HUNG = 70  # exit status of a worker that the watchdog ends
LAST_CHECKPOINT_S = 60.0  # for the last checkpoint of a process that is to end soon


def gpu_memory(device: torch.device) -> Row:
    """The most that this worker has held of its GPU, in GiB; nothing on a CPU."""
    return {"gpu_gib": torch.cuda.max_memory_reserved(device) / 2**30} if device.type == "cuda" else {}


class RunContext:
    """See `Context`. Messages, grids, checkpoints and scores are rank 0's."""

    def __init__(self, job: Job, ranks: Ranks) -> None:
        self.rank, self.world_size, self.device = ranks.rank, ranks.world_size, ranks.device
        self._job, self._ranks, self._learner = job, ranks, learner_of(job.config)
        self._consensus = ranks.consensus
        self._scores = ScoreClient(job.scorer, job.config)
        self._decision = Decision.GO_ON
        self._store = open_store(job.config.out)
        if self.rank == 0:
            self._listener = CommandListener(job.mailbox)
            self._grids = LatestItemWorker("grids", self._draw, niceness=GRID_NICENESS)
            written = self._announce_checkpoint
            self._checkpoints = Checkpoints(self._store, job.config, job.info.attributes, self.say, written)
            self._started = time.monotonic() - job.mailbox.elapsed_s()
            self._checkpoint_time = time.monotonic()
        self._watchdog = Watchdog(self.say, self._end_hung_process)

    def with_micro_batches(self, config: TrainConfig) -> TrainConfig:
        """The config with a number of micro-batches, the same on every rank, where it was left to memory."""
        if config.accumulate:
            return config
        num = len(self._ranks.share.places)
        parts = self._consensus.maximum(fewest_micro_batches(config, self._job.info.label_sizes, num, self.device))
        self.say(f"accumulate auto: {parts} micro-batch(es) of at most {math.ceil(num / parts)} images")
        return config.model_copy(update={"accumulate": parts})

    def restore(self, state: State) -> None:
        """Load the newest whole checkpoint into the state, if there is one: rank 0 looks for it, all read the same one."""
        config, attributes = self._job.config, self._job.info.attributes

        def newest() -> str:
            checkpoint = restore(state, self._store, config, attributes, self.say)
            return checkpoint.folder if checkpoint else ""

        folder = self._consensus.broadcast(retry_while_unavailable(newest, "the last checkpoint", self.say) if self.rank == 0 else "")
        if folder and self.rank != 0:
            read = partial(load_state, state, self._store.child(folder), config, attributes)
            retry_while_unavailable(read, "the last checkpoint", self.say)

    def places(self, batch: int) -> range:
        """The places of this rank's lanes."""
        return self._ranks.share.places

    @property
    def average(self) -> Average | None:
        """See `Context`."""
        return self._ranks.average if self.world_size > 1 else None

    def log(self, state: State, row: Row) -> None:
        """A row for the recorder; and weights for the scorer, when they are due."""
        self._watchdog.row()
        self.send(Log(row | gpu_memory(self.device)))
        if self.rank == 0 and self._scores.due(state.num_images):
            self._scores.offer(self._learner.weights(state), state.num_images)

    def grid(self, state: State) -> None:
        """A sheet of samples, drawn beside training from a copy of the average."""
        if self.rank == 0:
            self._grids.submit((state.num_images / 1000, self._learner.draw(self._job, state, self.device)))

    def _draw(self, item: tuple[float, Callable[[], bytes]]) -> None:
        kimg, draw = item
        try:
            self.send(Grid(kimg, draw()))
        except torch.OutOfMemoryError:  # training has the memory, and needs no grid
            self.say(f"no sample grid at {kimg:g} kimg: it did not fit into the GPU's memory beside training")

    def checkpoint(self, state: State, row: Row) -> None:
        """Rank 0 takes a copy; a thread of its own writes it to the run's store."""
        if self.rank == 0:
            self._checkpoints.keep(state)
            self._checkpoint_time = time.monotonic()
            self.send(Checkpointed(row))

    def _announce_checkpoint(self, kimg: float) -> None:
        self.send(CheckpointWritten(kimg))

    def decide(self) -> Decision:
        """The strongest request of all ranks."""
        self._decision = self._consensus.exchange(self._request())
        return self._decision

    def should_exit(self, state: State) -> bool:
        """Wait for the last checkpoint; returns whether another process is to continue the run, so that there is no model yet.

        Raises WorkerTerminated in a worker that was told to end while the run may go on with the others.
        """
        self._watchdog.close()  # no more rows: a checkpoint, a grid and the model have limits of their own
        hand_over = self._decision is Decision.HAND_OVER and state.num_images < 1000 * self._job.config.kimg
        if self.rank == 0:
            self._checkpoints.flush(*[LAST_CHECKPOINT_S] * hand_over)
            self._grids.flush(0.0 if hand_over else GRID_S)
            if hand_over:
                self._announce_exit(state.num_images / 1000)
        self._consensus.barrier()  # whoever ends first ends the others
        if hand_over and self._ranks.termination_requested.is_set() and self._job.config.min_workers:
            raise WorkerTerminated(f"rank {self.rank} was told to end")
        return hand_over

    def _announce_exit(self, kimg: float) -> None:
        """To the driver, which ends the run; to the controller, which changes the number of workers; or to a person."""
        mailbox = self._job.mailbox
        if self._listener.command is Command.RESIZE:
            mailbox.deliver(Note(f"resizing at {kimg:g} kimg, after a checkpoint"))
            mailbox.acknowledge()
        elif self._listener.command is Command.STOP or not self._job.config.min_workers:
            mailbox.deliver(HandedOver(kimg))
        else:
            self.say(f"a worker was told to end (SIGTERM): the run goes on without it, from {kimg:g} kimg")

    def _request(self) -> Decision:
        """Any rank may ask to hand over; the clock, the scores and the driver are rank 0's."""
        if self._ranks.termination_requested.is_set():
            return Decision.HAND_OVER
        return self._first_request() if self.rank == 0 else Decision.GO_ON

    def _first_request(self) -> Decision:
        config, now = self._job.config, time.monotonic()
        if self._listener.command:
            return Decision.HAND_OVER
        if self._scores.collapse or (config.minutes and now - self._started > 60 * config.minutes):
            return Decision.FINISH
        if config.checkpoint_minutes and now - self._checkpoint_time > 60 * config.checkpoint_minutes:
            self._checkpoint_time = now  # requested
            return Decision.CHECKPOINT
        return Decision.GO_ON

    def send(self, message: Message) -> None:
        """Rank 0 leaves a message and does not wait."""
        if self.rank == 0:
            self._job.mailbox.send(message)

    def say(self, text: str) -> None:
        """A line for a person."""
        self.send(Note(text))

    def flush_after(self, error: Exception) -> None:
        """Before a run that failed ends: write the checkpoint that is pending, if possible.

        A value that is not finite all ranks see at once: none ends, and with it the others, before rank 0 is done.
        """
        if self.rank == 0:
            with suppress(StorageError):
                self._checkpoints.flush(LAST_CHECKPOINT_S)
        if isinstance(error, NonFiniteError):
            self._consensus.barrier()

    def _end_hung_process(self) -> None:
        """End this worker, in which nothing raises any more, where it is a process that is started again, from the last checkpoint."""
        if self._ranks.restarted and self._job.config.max_failures:
            print(f"rank {self.rank} hangs: its process ends", file=sys.stderr, flush=True)
            os._exit(HUNG)

    def close(self) -> None:
        """End this worker's threads."""
        self._watchdog.close()
        if self.rank == 0:
            self._listener.close()
            self._grids.close()
            self._checkpoints.close()
