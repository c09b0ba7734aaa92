"""The executor of this process: each worker is a thread, called a lane, or as many as it does shards at once.

Decoding stays in the sandbox's child processes. Lanes are ordinary threads, so that an interpreter that ends waits for the shard each is
at; a command that was interrupted does not wait (`lanes_running`, see cli.py). An abandoned shard does no harm: its writes are idempotent,
and a later run finds them made.
"""

from __future__ import annotations

import queue
import signal
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

from ganray.execution.port import Resources, ShardWork, Workers
from ganray.execution.resources import cores

R = TypeVar("R")
WAITING = 2  # computed shards that may wait for a finisher: more would only take memory
GRACE_S = 0.5  # in which lanes may end after an error or a signal
GPU_DEVICE = Path("/dev/nvidiactl")
_lanes: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


class LocalExecutor:
    """Runs work in threads of this process. There is one GPU at most to a worker, and one worker that may have it."""

    name = "local"

    def resources(self) -> Resources:
        """The cores and GPUs of this process; one logical CPU more than the cores, as on a cluster that is started on one machine."""
        return Resources(cpus=cores() + 1, gpus=_gpus(), node_cpus=cores())

    def map_shards(self, work: ShardWork[Any, R], shards: Sequence[int]) -> Iterator[R]:
        """Do every shard; results come as they are ready. The first error ends the iteration, and is raised as itself."""
        if not shards:
            return
        run: _Run[R] = _Run(work, shards)
        with _sigterm_exits():
            try:
                run.start()
                yield from run.results()
            finally:
                run.stop()

    def stream(self, task: Callable[[], Iterator[R]], workers: Workers) -> Iterator[R]:
        """Run one generator in the caller's thread, and pass on what it yields."""
        with _sigterm_exits():
            yield from task()

    def publish(self, name: str, values: dict[str, float], tags: dict[str, str]) -> None:
        """Nobody watches a process from outside: status.json has the numbers."""


def lanes_running() -> bool:
    """Whether a lane still works: at a shard that an error or a signal made needless."""
    return any(lane.is_alive() for lane in _lanes)


@dataclass(frozen=True)
class _Failure:
    """What ended a lane: any exception at all, for whoever waits for results."""

    error: BaseException


class _Run(Generic[R]):
    """The lanes of one job and what lies between them.

    What lanes share is guarded by one condition. Results go through a queue, so that a signal to the thread that waits for them can never
    leave the condition locked.
    """

    def __init__(self, work: ShardWork[Any, R], shards: Sequence[int]) -> None:
        self._work, self._total = work, len(shards)
        self._todo, self._computed = deque(shards), deque[Any]()
        self._ready: queue.SimpleQueue[R | _Failure] = queue.SimpleQueue()
        self._handed_over, self._stopped = 0, False
        self._changed = threading.Condition()
        lanes: list[Callable[[], None]] = []
        for _ in range(min(work.workers.num, self._total)):
            started: Future[Callable[[int], Any]] = Future()
            lanes += [partial(self._compute, started, starts=number == 0) for number in range(work.at_once)]
        if work.finish is not None:
            lanes += [self._finish] * min(work.finishers, self._total)
        self._lanes = [threading.Thread(target=self._guarded, args=(lane,), name=f"lane-{k}") for k, lane in enumerate(lanes)]

    def start(self) -> None:
        """Start the lanes. Signals wait until all of them run: an exception in the middle of `Thread.start` breaks its lock."""
        with _signals_held():
            for lane in self._lanes:
                _lanes.add(lane)
                lane.start()

    def results(self) -> Iterator[R]:
        """Every result as it is ready. Raises the first error of a lane, after the results that came before it."""
        for _ in range(self._total):
            result = self._ready.get()
            if isinstance(result, _Failure):
                raise result.error
            yield result

    def stop(self) -> None:
        """Let no lane take another shard, and wait for a moment for those that work."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        deadline = time.monotonic() + GRACE_S
        for lane in filter(threading.Thread.is_alive, self._lanes):
            lane.join(max(0.0, deadline - time.monotonic()))

    def _guarded(self, lane: Callable[[], None]) -> None:
        try:
            lane()
        except BaseException as error:
            with self._changed:
                self._stopped = True
                self._changed.notify_all()
            self._ready.put(_Failure(error))

    def _compute(self, started: Future[Callable[[int], Any]], starts: bool) -> None:
        """Do shards beside the other lanes of a worker, one of which starts it."""
        if starts:
            try:
                started.set_result(self._work.start())
            except BaseException as error:
                started.set_exception(error)
        process = started.result()
        while (shard := self._take()) is not None:
            made = process(shard)
            if self._work.finish is None:
                self._ready.put(made)
            else:
                self._hand_over(made)

    def _take(self) -> int | None:
        with self._changed:
            return self._todo.popleft() if self._todo and not self._stopped else None

    def _hand_over(self, made: Any) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._computed) < WAITING)
            self._computed.append(made)
            self._handed_over += 1
            self._changed.notify_all()

    def _finish(self) -> None:
        assert self._work.finish is not None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._computed or self._handed_over == self._total)
                if self._stopped or not self._computed:
                    return
                made = self._computed.popleft()
                self._changed.notify_all()
            self._ready.put(self._work.finish(made))


@contextmanager
def _sigterm_exits() -> Iterator[None]:
    """SIGTERM raises SystemExit with its number, as in a process that has joined a Ray cluster, so that the job's status is written."""
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _signals_held() -> Iterator[None]:
    """What SIGINT and SIGTERM do, they do at the end. A mask of this thread would not hold them: other threads take them for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    handlers = {number: handler for number in (signal.SIGINT, signal.SIGTERM) if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for each in held:
            signal.raise_signal(each)


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(number)


def _gpus() -> int:
    if not GPU_DEVICE.exists():
        return 0
    import torch

    return torch.cuda.device_count()
