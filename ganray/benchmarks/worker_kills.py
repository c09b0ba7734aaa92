"""Workers that die on purpose: how the benchmark `resume` and the tests kill them at moments that nobody chose."""

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
    """`rank` is killed (SIGKILL) `delay` seconds after it was given the batch that begins at `num_images`; once in a run."""

    name: str
    rank: int
    num_images: int
    delay: float

    def __str__(self) -> str:
        return f"rank {self.rank} {self.delay:.3f} s after image {self.num_images}"


def draw_kills(seed: int, num: int, world: int, steps: int, batch: int, longest: float) -> list[Kill]:
    """So many deaths of any rank at any step and up to `longest` seconds later: inside a half of a step, a mean, or a checkpoint."""
    rng = random.Random(seed)
    return [Kill(f"{seed}-{i}", rng.randrange(world), batch * rng.randrange(steps), rng.uniform(0, longest)) for i in range(num)]


def with_kills(deaths: list[Kill], folder: str) -> Callable[[dict[str, Any]], None]:
    """A `train_worker` that dies so; `folder` remembers, for the workers that come after, who has.

    A death that training was too fast for comes when the worker has done everything: none is left out.
    """

    def worker(told: dict[str, Any]) -> None:
        module: Any = importlib.import_module("ganray.on_ray.worker")
        living = module.stream
        mine = [death for death in deaths if death.rank == ray.train.get_context().get_world_rank()]
        doom: list[threading.Timer] = []  # nobody dies twice

        def meet(seen: float) -> None:
            due = [] if doom else [death for death in mine if death.num_images <= seen]
            if chosen := next((death for death in due if _first(Path(folder) / death.name)), None):
                doom.append(threading.Timer(chosen.delay, os.kill, (os.getpid(), signal.SIGKILL)))
                doom[0].start()

        def stream(source: Any, share: Any, consumed: int, *rest: Any) -> Generator[Any, None, None]:
            seen = consumed * share.of  # images, over all workers
            for batch in living(source, share, consumed, *rest):
                meet(seen)
                yield batch
                seen += share.each * share.of

        module.stream = stream
        module.train_worker(told)
        meet(math.inf)
        for timer in doom:
            timer.join()

    return worker


def _first(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
