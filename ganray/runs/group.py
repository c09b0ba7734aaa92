"""The port for the workers of a run: one in this process (local.py), or some on a Ray cluster (on_ray/worker_group.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ganray.config import TrainConfig
from ganray.images.codec import Pixels
from ganray.model_folder import ModelInfo
from ganray.runs.job import Job
from ganray.runs.mailbox import Mailbox
from ganray.runs.scoring import Scorer
from ganray.runs.signals import GracefulStop


class WorkerGroup(Protocol):
    """The workers of one run, and what they share. `threads` is the number of torch threads of each."""

    threads: int

    @property
    def mailbox(self) -> Mailbox:
        """Where the workers of this run send their messages."""

    def run_tasks(self, tasks: Sequence[Callable[[], list[Pixels]]], done: Callable[[int], None]) -> list[list[Pixels]]:
        """Run every task, perhaps side by side; results in the order of the tasks. `done` is told how many more have ended."""

    def start_scorer(self, config: TrainConfig, info: ModelInfo) -> Scorer:
        """Start the process that scores the run."""

    def fit(self, job: Job, stop: GracefulStop) -> None:
        """Train until the workers have ended; while they work, `stop.abort` ends them. Raises what ended them."""

    def publish(self, name: str, values: dict[str, float], tags: dict[str, str]) -> None:
        """Hand live numbers to whoever watches (Prometheus on a cluster, nobody in one process)."""

    def close(self) -> None:
        """Release everything that is left."""
