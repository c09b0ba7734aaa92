"""Workers of a job on a cluster: actors that do shards, and tasks that finish what came of them.

Ray places actors and tasks; here is only known which shard is where. A worker takes shards from when it is ready: one that waits for a
host holds nothing up. What was with a worker or a host that is lost is done again, and another worker is asked for. Only numbers of shards
and small results pass through this process: what goes from a worker to a finisher stays in the object store.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import NodeDiedError, ObjectLostError, RayActorError, RayError, WorkerCrashedError

from ganray.errors import ClusterError
from ganray.execution.port import ShardWork
from ganray.on_ray.errors import defer_error

AHEAD = 2  # shards that a worker has at a time, so that it does not wait for this process; at the end one, so that all end together
UNFINISHED = 2  # shards a finisher that may wait to be finished, before no worker gets another one
TRIES = 5  # workers that a shard, or the start of a worker, may cost
SAID_AFTER_S = 20.0  # without any worker
LOSSES = (RayActorError, WorkerCrashedError, NodeDiedError, ObjectLostError)


class ShardActor:
    """A worker: what `start` makes lives in it."""

    def __init__(self, start: Callable[[], Callable[[int], Any]]) -> None:
        self._process = defer_error(start)

    def started(self) -> None:
        """Return when it takes shards. Raises the error of its start."""
        self._process()

    def do(self, shard: int) -> Any:
        """Do one shard."""
        return self._process()(shard)

    def do_first_stage(self, shard: int) -> tuple[Any, None]:
        """What goes to a finisher, and a mark that it is there, which can be had without it."""
        return self._process()(shard), None


@dataclass(frozen=True)
class _Running:
    """What a reference that is waited for stands for: the start of a worker, a shard with one, or a shard that is being finished."""

    worker: Any = None
    shard: int | None = None
    result: Any = None  # the reference of what goes to a finisher


class ShardPool:
    """Does shards with the workers that `work` asks for; `close` ends them."""

    def __init__(self, work: ShardWork[Any, Any], shards: Sequence[int]) -> None:
        self._work, self._todo = work, iter(shards)
        self._left = len(shards)  # those that no worker has yet
        self._again = deque[int]()
        self._num, self._finishers = (min(count, len(shards)) for count in (work.workers.num, work.finishers))
        self._start, self._finish = ray.put(work.start), ray.put(work.finish) if work.finish is not None else None
        self._running = dict[Any, _Running]()
        self._shards_of = Counter[Any]()  # by worker, once it is ready
        self._lost = Counter[int | None]()
        self._asked, self._said = time.monotonic(), False

    def results(self) -> Iterator[Any]:
        """What comes of each shard, as it is ready. Raises what a worker or a finisher raises."""
        if self._finish is not None:
            _warm_up(self._work.finish, self._finishers)
        for _ in range(self._num):
            self._ask_for_worker()
        while self._left or self._again or any(each.shard is not None for each in self._running.values()):
            self._assign()
            ready, _ = ray.wait([*self._running], num_returns=1, timeout=1.0, fetch_local=False)
            for reference in ready:
                yield from self._ended(reference, self._running.pop(reference))
            self._say_if_nobody_works()

    def close(self) -> None:
        """End all workers, and what finishers have not begun."""
        for reference, running in self._running.items():
            if running.worker is None:
                ray.cancel(reference)
        for worker in {*self._shards_of, *(running.worker for running in self._running.values() if running.worker is not None)}:
            ray.kill(worker)

    def _assign(self) -> None:
        """Give shards to those workers that have fewest, unless finishers lag."""
        finishing = sum(running.worker is None for running in self._running.values())
        while (self._left or self._again) and self._shards_of and finishing < UNFINISHED * max(1, self._finishers):
            worker, num = min(self._shards_of.items(), key=lambda item: item[1])
            if num >= (AHEAD if self._left + len(self._again) > self._num else 1):
                return
            shard = self._again.popleft() if self._again else self._next()
            self._shards_of[worker] += 1
            if self._finish is None:
                self._running[worker.do.remote(shard)] = _Running(worker, shard)
            else:
                result, mark = worker.do_first_stage.options(num_returns=2).remote(shard)
                self._running[mark] = _Running(worker, shard, result)

    def _next(self) -> int:
        self._left -= 1
        return next(self._todo)

    def _ended(self, reference: Any, running: _Running) -> Iterator[Any]:
        """Take note of what has ended; gives the result of a shard that is done."""
        worker, shard = running.worker, running.shard
        try:
            value = ray.get(reference)
        except RayError as error:
            if not (isinstance(error, LOSSES) or isinstance(getattr(error, "cause", None), LOSSES)):
                raise
            self._redo(running, error)
            return
        if shard is None:
            self._shards_of[worker] = 0
            self._lost.pop(None, None)
            return
        if worker in self._shards_of:
            self._shards_of[worker] -= 1
        if running.result is not None:
            finish: Any = ray.remote(num_cpus=1)(_finish)
            self._running[finish.remote(self._finish, running.result)] = _Running(shard=shard)
        else:
            self._lost.pop(shard, None)
            yield value

    def _redo(self, running: _Running, error: RayError) -> None:
        """A worker or what it made is lost: another worker, and the shard again. Raises ClusterError where that happens too often."""
        worker, shard = running.worker, running.shard
        self._lost[shard] += 1
        if self._lost[shard] >= TRIES:
            what = "workers end before they have started" if shard is None else f"shard {shard} was lost with {TRIES} workers in turn"
            cause = str(error).strip().splitlines()[0]
            raise ClusterError(f"{what} (out of memory?): {cause}", "Run the same command again, with fewer or larger workers") from error
        if shard is not None:
            self._again.append(shard)
        if worker is not None and (shard is None or worker in self._shards_of):
            self._shards_of.pop(worker, None)
            with suppress(RayError):
                ray.kill(worker)  # one that cannot be reached may still be there
            print(f"a worker was lost ({type(error).__name__}); another one does its shards again", file=sys.stderr, flush=True)
            self._ask_for_worker()

    def _ask_for_worker(self) -> None:
        workers = self._work.workers
        actor: Any = ray.remote(ShardActor)
        options = {"num_cpus": workers.cpus, "num_gpus": int(workers.gpu), "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        worker = actor.options(**options).remote(self._start)
        self._running[worker.started.remote()] = _Running(worker)

    def _say_if_nobody_works(self) -> None:
        """One line where the cluster has no room for any worker."""
        if self._shards_of or self._said:
            self._asked = time.monotonic() if self._shards_of else self._asked
        elif time.monotonic() - self._asked > SAID_AFTER_S:
            self._said = True
            workers = self._work.workers
            wanted = f"{workers.cpus} CPUs" + (" and a GPU" if workers.gpu else "")
            free = ray.available_resources()
            had = f"{free.get('CPU', 0.0):g} CPUs and {free.get('GPU', 0.0):g} GPUs are free"
            print(f"waiting for a worker with {wanted}: {had} in the cluster", file=sys.stderr, flush=True)


def _finish(finish: Callable[[Any], Any], result: Any) -> Any:
    return finish(result)


def _warm_up(finish: Any, num: int) -> None:
    """Let that many idle workers import what they will need while the engines load. Returns at once."""
    task = ray.remote(num_cpus=1)(load_modules)
    for _ in range(num):
        task.remote((getattr(finish, "func", finish).__module__,))


def load_modules(names: Sequence[str]) -> None:
    """Import modules; a later task in this process finds it done."""
    for name in names:
        importlib.import_module(name)
