"""Workers of a job on a cluster: actors that do shards, and others that finish what came of them.

Ray places actors; here is only known which shard is where. A worker takes shards from when it is ready: one that waits for a host holds
nothing up. What was with a worker or a host that is lost is done again, and another worker is asked for: at once where their number is
fixed, where they follow the cluster when there is room (growth.py). A worker never takes the last CPU
from those that finish: a job whose cluster has shrunk goes on with fewer workers. Only numbers of shards and small results pass through
this process: what goes from a worker to a finisher stays in the object store.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray
from ray.exceptions import NodeDiedError, ObjectLostError, RayActorError, RayError, WorkerCrashedError

from ganray.errors import ClusterError, StoreUnavailable
from ganray.execution.growth import Actors, Growth, Room
from ganray.execution.host import naming_host, require_same, versions
from ganray.execution.port import ShardWork
from ganray.on_ray.cluster_internals import free_nodes, reported_autoscaler
from ganray.on_ray.errors import defer_error
from ganray.storage import retry

AHEAD = 2  # shards that a worker has at least, so that it does not wait for this process; at the end one, so that all end together
UNFINISHED = 2  # shards a finisher that may wait to be finished, before no worker gets another one
TRIES = 5  # workers that a shard, or the start of a worker, may cost
SAID_AFTER_S = 20.0  # without any worker
LOOK_S = 1.0  # between looks for room
CROWDED_S = 15.0  # without any finisher, and no CPU for one, until a worker makes room
LOSSES = (RayActorError, WorkerCrashedError, NodeDiedError, ObjectLostError, StoreUnavailable)  # the last one may be of one host alone


class ShardActor:
    """A worker, or a finisher: what `start` makes lives in it."""

    def __init__(self, wanted: dict[str, str], start: list[Any]) -> None:
        retry.limit_patience(retry.PATIENCE_S / TRIES)  # then another worker tries, perhaps on another host
        self._process = defer_error(partial(_start_same, wanted, start))

    def started(self) -> None:
        """Return when it takes shards. Raises the error of its start."""
        self._process()

    def do(self, shard: Any) -> Any:
        """Do one shard, or finish what came of one."""
        return naming_host(self._process(), shard)

    def do_first_stage(self, shard: int) -> tuple[Any, None]:
        """What goes to a finisher, and a mark that it is there, which can be had without it."""
        return naming_host(self._process(), shard), None


@dataclass(frozen=True)
class _Running:
    """What a reference that is waited for stands for: the start of an actor (no shard), a shard with a worker, or one with a finisher."""

    actor: Any
    finishes: bool = False
    shard: int | None = None
    result: Any = None  # the reference of what goes to a finisher


class ShardPool:
    """Does shards with the workers that `work` asks for; `close` ends them."""

    def __init__(self, work: ShardWork[Any, Any], shards: Sequence[int]) -> None:
        self._work, self._todo = work, iter(shards)
        self._left = len(shards)  # those that no worker has yet
        self._again = deque[int]()
        self._ahead = max(AHEAD, work.at_once + 1)
        self._num = min(work.workers.num, len(shards))
        self._finishers = 0 if work.finish is None else min(work.finishers, len(shards))
        self._growth = Growth.of(work) if work.workers.follows else None
        self._grows: bool | None = None
        self._next_look = 0.0
        self._start, self._finish = ray.put(work.start), ray.put(partial(_same, work.finish))
        self._running = dict[Any, _Running]()
        self._shards_of = Counter[Any]()  # by worker, once it is ready
        self._finishing = Counter[Any]()  # by finisher, once it is ready
        self._unfinished = deque[tuple[int, Any]]()  # shards, and the references of what came of them
        self._missing = 0  # workers to ask for, once it is known that there is a finisher
        self._finisher_lives = True
        self._lost = Counter[int | None]()
        self._asked = self._crowded = time.monotonic()
        self._said = False

    def results(self) -> Iterator[Any]:
        """What comes of each shard, as it is ready. Raises what a worker or a finisher raises."""
        if self._growth is None:
            for _ in range(self._finishers):
                self._ask_for_finisher()
            self._missing = self._num
        while self._left or self._again or self._unfinished or any(each.shard is not None for each in self._running.values()):
            self._follow()
            while self._missing and self._finisher_lives:
                self._missing -= 1
                self._ask_for_worker()
            self._assign_finishers()
            self._assign_workers()
            ready, _ = ray.wait([*self._running], num_returns=1, timeout=1.0, fetch_local=False)
            for reference in ready:
                yield from self._ended(reference, self._running.pop(reference))
            self._make_room()
            self._say_if_nobody_works()

    def close(self) -> None:
        """End all workers and finishers."""
        for actor in {*self._shards_of, *self._finishing, *(running.actor for running in self._running.values())}:
            ray.kill(actor)

    def _assign_workers(self) -> None:
        """Give shards to those workers that have fewest, unless finishers lag."""
        workers = self._num if self._growth is None else len(self._shards_of)
        while (self._left or self._again) and self._shards_of and not self._lagging():
            worker, num = min(self._shards_of.items(), key=lambda item: item[1])
            if num >= (self._ahead if self._left + len(self._again) > workers else 1):
                return
            shard = self._again.popleft() if self._again else self._next()
            self._shards_of[worker] += 1
            if not self._finishers:
                self._running[worker.do.remote(shard)] = _Running(worker, shard=shard)
            else:
                result, mark = worker.do_first_stage.options(num_returns=2).remote(shard)
                self._running[mark] = _Running(worker, shard=shard, result=result)

    def _lagging(self) -> bool:
        """Whether as much waits to be finished as may."""
        finishers = self._finishers if self._growth is None else max(1, len(self._finishing))
        return bool(self._finishers) and len(self._unfinished) + self._finishing.total() >= UNFINISHED * finishers

    def _follow(self) -> None:
        """Ask for those workers and finishers that there is room for now, where their number follows the cluster."""
        if self._growth is None or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_S
        if self._grows is None:
            self._grows = reported_autoscaler()
        finishing = {each.actor for each in self._running.values() if each.finishes} | set(self._finishing)
        working = {each.actor for each in self._running.values() if not each.finishes} | set(self._shards_of)
        starting = len(finishing) + len(working) - len(self._finishing) - len(self._shards_of)
        actors = Actors(len(working), len(finishing), starting, self._left + len(self._again), self._lagging())
        workers, finishers = self._growth.requests(actors, Room(free_nodes()), bool(self._grows))
        for _ in range(finishers):
            self._ask_for_finisher()
        self._missing = workers

    def _assign_finishers(self) -> None:
        """Give what is done to those finishers that have least."""
        while self._unfinished and self._finishing:
            finisher, num = min(self._finishing.items(), key=lambda item: item[1])
            if num >= AHEAD:
                return
            shard, result = self._unfinished.popleft()
            self._finishing[finisher] += 1
            self._running[finisher.do.remote(result)] = _Running(finisher, finishes=True, shard=shard)

    def _next(self) -> int:
        self._left -= 1
        return next(self._todo)

    def _ended(self, reference: Any, running: _Running) -> Iterator[Any]:
        """Take note of what has ended; gives the result of a shard that is done."""
        actor, shard = running.actor, running.shard
        counts = self._finishing if running.finishes else self._shards_of
        try:
            value = ray.get(reference)
        except RayError as error:
            if not (isinstance(error, LOSSES) or isinstance(getattr(error, "cause", None), LOSSES)):
                self._drop(actor, counts)  # `close` knows it no more, and whoever keeps the error would keep its CPU
                raise
            self._redo(running, error)
            return
        if running.finishes:
            self._finisher_lives = True
        if shard is None:
            counts.setdefault(actor, 0)
            self._lost.pop(None, None)
            return
        if actor in counts:
            counts[actor] -= 1
        if running.result is not None:
            self._unfinished.append((shard, running.result))
        else:
            self._lost.pop(shard, None)
            self._lost.pop(None, None)  # whoever cannot start, others work
            yield value

    def _redo(self, running: _Running, error: RayError) -> None:
        """An actor or what it made is lost: another one, and the shard again. Raises ClusterError where that happens too often."""
        actor, shard = running.actor, running.shard
        counts = self._finishing if running.finishes else self._shards_of
        self._lost[shard] += 1
        cause = getattr(error, "cause", None)
        away = isinstance(cause, StoreUnavailable)
        starts = self._num if away and shard is None else 1  # all workers that start find the store away at the same time
        if self._lost[shard] >= TRIES * starts:
            if away:
                raise error
            what = "workers end before they have started" if shard is None else f"shard {shard} was lost with {TRIES} workers in turn"
            first_line = str(error).strip().splitlines()[0]
            raise ClusterError(
                f"{what} (out of memory?): {first_line}", "Run the same command again, with fewer or larger workers"
            ) from error
        if shard is not None:
            self._again.append(shard)
        if isinstance(getattr(error, "cause", error), ObjectLostError):  # the finisher is well; what it should have read is not there
            if actor in counts:
                counts[actor] -= 1
        elif shard is None or actor in counts:
            self._drop(actor, counts)
            why = str(cause) if away else type(error).__name__
            print(f"a worker was lost ({why}); another one does its shards again", file=sys.stderr, flush=True)
            if self._growth is None and running.finishes:
                self._ask_for_finisher()
            elif self._growth is None:
                self._missing += 1
            self._doubt_finishers()

    def _drop(self, actor: Any, counts: Counter[Any]) -> None:
        """Give an actor nothing more. One that cannot be reached may still be there, and is ended."""
        counts.pop(actor, None)
        with suppress(RayError):
            ray.kill(actor)

    def _doubt_finishers(self) -> None:
        """Ask those finishers that are ready whether they live: they may have been on the host that is lost."""
        for finisher in self._finishing:
            self._finisher_lives = False
            self._running[finisher.started.remote()] = _Running(finisher, finishes=True)

    def _make_room(self) -> None:
        """End a worker where workers have taken every CPU that a finisher needs: the cluster has shrunk, or others work in it."""
        if self._finishing or not self._finishers or not self._shards_of:
            self._crowded = time.monotonic()
        elif time.monotonic() - self._crowded > CROWDED_S and ray.available_resources().get("CPU", 0.0) < 1:
            self._crowded = time.monotonic()
            self._finisher_lives = False
            self._missing += self._growth is None
            worker = min(self._shards_of, key=self._shards_of.__getitem__)
            for reference, running in [*self._running.items()]:
                if running.actor is worker and running.shard is not None:
                    del self._running[reference]
                    self._again.append(running.shard)
            self._drop(worker, self._shards_of)

    def _ask_for_finisher(self) -> None:
        # By its default strategy Ray takes nodes with GPUs last, but fills one node before the next: only where there are such nodes.
        has_gpus = ray.cluster_resources().get("GPU", 0.0) > 0
        self._ask({"num_cpus": 1, "scheduling_strategy": "DEFAULT" if has_gpus else "SPREAD"}, self._finish, finishes=True)

    def _ask_for_worker(self) -> None:
        workers = self._work.workers
        needs = {"num_cpus": workers.cpus, "num_gpus": workers.gpu, "label_selector": dict(workers.labels)}
        self._ask(needs | {"scheduling_strategy": "SPREAD", "max_concurrency": self._work.at_once}, self._start, finishes=False)

    def _ask(self, options: dict[str, Any], start: Any, finishes: bool) -> None:
        actor: Any = ray.remote(ShardActor)
        asked = actor.options(**options, max_restarts=0).remote(versions(), [start])
        self._running[asked.started.remote()] = _Running(asked, finishes)

    def _say_if_nobody_works(self) -> None:
        """One line where the cluster has no room for any worker."""
        if self._shards_of or self._said:
            self._asked = time.monotonic() if self._shards_of else self._asked
        elif time.monotonic() - self._asked > SAID_AFTER_S:
            self._said = True
            workers = self._work.workers
            wanted = f"{workers.cpus} CPUs" + (f" and {workers.gpu:g} GPU" if workers.gpu else "")
            wanted += "".join(f", {name} = {value}" for name, value in workers.labels.items())
            free = ray.available_resources()
            had = f"{free.get('CPU', 0.0):g} CPUs and {free.get('GPU', 0.0):g} GPUs are free"
            print(f"waiting for a worker with {wanted}: {had} in the cluster", file=sys.stderr, flush=True)


def _start_same(wanted: dict[str, str], start: list[Any]) -> Callable[[Any], Any]:
    """What the reference in `start` makes, which is read only where the software of this host is the command's."""
    require_same(wanted)
    process: Callable[[Any], Any] = naming_host(ray.get(start[0]))
    return process


def _same(finish: Any) -> Any:
    return finish
