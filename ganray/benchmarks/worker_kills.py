"""Kill training workers (SIGKILL) at random moments, for the benchmark `resume` and for tests."""

from __future__ import annotations

import importlib
import math
import os
import random
import signal
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.train


@dataclass(frozen=True)
class Kill:
    """`rank` is killed (SIGKILL) `delay` seconds after it receives the batch that begins at `num_images`; once in a run."""

    name: str
    rank: int
    num_images: int
    delay: float

    def __str__(self) -> str:
        return f"rank {self.rank} {self.delay:.3f} s after image {self.num_images}"


def draw_kills(seed: int, num: int, world: int, steps: int, batch: int, longest: float) -> list[Kill]:
    """Draw `num` kills of any rank at any step, up to `longest` seconds later: within a step, an all-reduce or a checkpoint."""
    rng = random.Random(seed)
    return [Kill(f"{seed}-{i}", rng.randrange(world), batch * rng.randrange(steps), rng.uniform(0, longest)) for i in range(num)]


def with_kills(kills: list[Kill], folder: str) -> Callable[[dict[str, Any]], None]:
    """A `train_worker` with these kills. `folder` records which are done, for the workers that come after.

    A kill whose moment training did not reach is done when the worker is finished: none is left out.
    """

    def worker(config: dict[str, Any]) -> None:
        module: Any = importlib.import_module("ganray.on_ray.worker")
        original = module.stream
        own = [kill for kill in kills if kill.rank == ray.train.get_context().get_world_rank()]
        pending: list[threading.Timer] = []  # at most one kill a process

        def start_due(seen: float) -> None:
            due = [] if pending else [kill for kill in own if kill.num_images <= seen]
            if chosen := next((kill for kill in due if _create(Path(folder) / kill.name)), None):
                pending.append(threading.Timer(chosen.delay, os.kill, (os.getpid(), signal.SIGKILL)))
                pending[0].start()

        def stream(source: Any, share: Any, consumed: int, *rest: Any) -> Generator[Any, None, None]:
            seen = consumed * share.of  # images, over all workers
            for batch in original(source, share, consumed, *rest):
                start_due(seen)
                yield batch
                seen += share.each * share.of

        module.stream = stream
        module.train_worker(config)
        start_due(math.inf)
        for timer in pending:
            timer.join()

    return worker


def _create(path: Path) -> bool:
    """Whether the file is new."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
