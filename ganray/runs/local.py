"""The only worker of a run, in this process and its main thread: under a debugger or a profiler it is a plain function call."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial

import torch

from ganray.config import TrainConfig
from ganray.errors import ConfigError
from ganray.execution.resources import cores
from ganray.images.codec import Pixels
from ganray.model_folder import ModelInfo
from ganray.runs.batches import share_batches
from ganray.runs.job import Job
from ganray.runs.learners import Batches
from ganray.runs.local_readers import read_ahead
from ganray.runs.mailbox import LocalMailbox
from ganray.runs.messages import Note
from ganray.runs.ranks import Ranks
from ganray.runs.score_process import ScoreProcess
from ganray.runs.scoring import scorer_threads
from ganray.runs.signals import GracefulStop
from ganray.runs.worker import own_error, run_worker

MAX_READERS = 4


class LocalWorkerGroup:
    """A `WorkerGroup` of one. Learns the same bits as one Ray Train worker with as many threads on the same device."""

    def __init__(self, config: TrainConfig) -> None:
        if config.workers > 1:
            raise ConfigError(f"{config.workers} workers do not fit into this process", "Use --executor ray, or --workers 1")
        if config.gpu and not torch.cuda.is_available():
            raise ConfigError("gpu: torch finds no GPU on this machine", "Use --no-gpu, or --executor ray and a cluster with GPUs")
        on_gpu = torch.cuda.is_available() if config.gpu is None else config.gpu
        self.mailbox = LocalMailbox()
        self.threads = config.threads or (1 if on_gpu else cores())
        self._device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")

    def run_tasks(self, tasks: Sequence[Callable[[], list[Pixels]]], done: Callable[[int], None]) -> list[list[Pixels]]:
        """See `WorkerGroup`: one after the other."""
        results = []
        for task in tasks:
            results.append(task())
            done(1)
        return results

    def start_scorer(self, config: TrainConfig, info: ModelInfo) -> ScoreProcess:
        """See `WorkerGroup`: a child process with low priority."""
        return ScoreProcess(config, info, scorer_threads(config, cores(), self.threads + 1), self.mailbox)

    def fit(self, job: Job, stop: GracefulStop) -> None:
        """See `WorkerGroup`: the worker runs in this thread."""
        config = job.config
        ranks = Ranks.single(self._device, config.batch, config.lanes)
        readers = max(1, min(MAX_READERS, cores() - self.threads))
        read = partial(read_ahead, job.source, readers, lambda text: self.mailbox.send(Note(text)))

        def open_batches(num_images: int) -> Batches:
            return share_batches(job.source, ranks.share, num_images // config.batch * ranks.share.each, read)

        threads_before = torch.get_num_threads()
        torch.set_num_threads(job.threads)
        stop.abort = partial(_interrupt, stop)
        try:
            run_worker(job, ranks, open_batches, own_error)
        finally:
            stop.abort = None
            torch.set_num_threads(threads_before)

    def publish(self, name: str, values: dict[str, float], tags: dict[str, str]) -> None:
        """See `WorkerGroup`: progress.html has the numbers."""

    def close(self) -> None:
        """See `WorkerGroup`: nothing is left."""


def _interrupt(stop: GracefulStop) -> None:
    """Raise KeyboardInterrupt in the main thread, where the worker runs; from another thread by the signal once more.

    A real one: `_thread.interrupt_main` does not wake a thread that waits.
    """
    if threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, stop.received or signal.SIGINT)
