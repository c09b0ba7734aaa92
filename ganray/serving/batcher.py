"""The batcher: groups the samples of concurrent requests into batches of the engine's size, fairly between their callers.

`@serve.batch` of Ray Serve groups calls; a call here requests any number of samples, and a batch is a number of samples.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ganray.engine import Engine
from ganray.errors import ImageError
from ganray.images.codec import Pixels
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from ganray.serving.alarms import Alarms
from ganray.serving.context import Caller, RequestContext
from ganray.serving.fair_queue import Entry, FairQueue
from ganray.serving.health import Health
from ganray.serving.pace import Pace
from ganray.serving.priority import give_way
from ganray.serving.refusals import Busy, DeadlineExceeded

RENDERED = 2  # batches that may wait to be encoded before no other one is rendered: more would only take memory
MARGIN = 2.0  # times the time that a request is expected to take must remain until its deadline: refusals themselves slow down what is made


@dataclass(frozen=True, slots=True)
class EncodedSample:
    """One finished sample: the image file, and the values of the attributes that are not left to a title."""

    data: bytes
    attributes: dict[str, str]


@dataclass(eq=False, slots=True)
class _Pending:
    """A request in the queue or under way: one future for all its samples, as futures are most of what a request costs here."""

    request: GenerateRequest
    since: float
    deadline: float
    done: asyncio.Future[None]
    samples: list[EncodedSample | None]
    begun: int = 0  # samples that are in batches or were
    finished: int = 0
    stages: dict[str, float] | None = None  # seconds of the sample that was finished last
    entry: Entry[_Pending] | None = None


@dataclass(eq=False, slots=True)
class _Batch:
    """Samples that are rendered together, each a request and an index."""

    samples: list[tuple[_Pending, int]]
    began: float = 0.0
    rendered: float = 0.0

    def part(self, start: int, stop: int) -> _Batch:
        """Some of its samples, for one encoder."""
        return _Batch(self.samples[start:stop], self.began, self.rendered)


_Pixels = tuple[Pixels, NDArray[np.int64]]  # with labels
_Result = EncodedSample | ImageError | None  # None: nobody waits for it


class Batcher:
    """Collects samples until a batch is full or the oldest has waited `wait` seconds; computes batches in threads, off the event loop.

    Of one event loop. Its queue is fair between keys (fair_queue.py), in what is made next and in who has room.
    """

    def __init__(self, engine: Engine, wait: float, queue: int, encoders: int = 0, health: Health | None = None) -> None:
        """At most `queue` samples wait for a batch, each for about `wait` seconds.

        Where a device renders, `encoders` threads encode: its lane is free as soon as it has rendered, and the next full batch is drawn
        while it does. With 0, each lane encodes what it has rendered: on a CPU all cores render already.
        """
        self._engine, self._wait, self._queue = engine, wait, queue
        self._health = health or Health(engine, trials=engine.offloads)
        self._waiting: FairQueue[_Pending] = FairQueue()
        self._since = 0.0  # nobody in the queue has waited longer, but for who came after one that was taken with the last batch
        self._pace, self._alarms = Pace(), Alarms()
        self._ahead = 1 if encoders else 0  # lanes that only a full batch may take: one that is not full had better wait for more
        self._free = engine.lanes + self._ahead
        self._busy = engine.rows * self._free  # samples that fill every lane
        self._threads = ThreadPoolExecutor(self._free, "batch", give_way)
        self._encoders = ThreadPoolExecutor(encoders, "encode", give_way) if encoders else None
        self._share = -(-engine.rows // max(1, encoders))
        self._making = 0  # samples that are being made
        self._rendered = 0  # samples that are not encoded yet
        self._timer: asyncio.TimerHandle | None = None
        self.on_batch: Callable[[int, int], None] = lambda drawn, rows: None  # for metrics: samples of a batch, and rows of its shape

    @property
    def rows(self) -> int:
        """Samples of a full batch."""
        return self._engine.rows

    @property
    def waiting(self) -> int:
        """Samples that wait for a batch."""
        return len(self._waiting)

    @property
    def outstanding(self) -> int:
        """Samples that wait or are being made."""
        return len(self._waiting) + self._making

    async def make(self, request: GenerateRequest, context: RequestContext | None = None) -> list[EncodedSample]:
        """All samples of a request, in order. `context` says who waits for them, how urgently and until when.

        Raises Busy, DeadlineExceeded, RequestError for an unknown attribute, ImageError if a label cannot be verified.
        """
        context = context or RequestContext()
        self._engine.vocabulary.encode(request)
        loop, now = asyncio.get_running_loop(), time.monotonic()
        self.check_room(request.count, context)
        self._push_out(request.count)
        pending = _Pending(request, now, context.deadline or math.inf, loop.create_future(), [None] * request.count)
        if not len(self._waiting):
            self._since = now
        entry = self._waiting.push(context.caller.key, pending, context.priority, context.caller.weight, request.count)
        pending.entry = entry
        alarm = None if context.deadline is None else self._alarms.set(context.deadline, partial(self._expire, pending))
        self._pump()
        try:
            await pending.done
        except BaseException:  # the client has gone, the time is over, or one sample failed: the others would only fill the queue
            self._waiting.discard(entry)
            if not pending.begun:
                context.stages["queue"] = time.monotonic() - now
            raise
        finally:
            if alarm is not None:
                self._alarms.take_back(alarm)
        context.stages |= pending.stages or {}
        return cast("list[EncodedSample]", pending.samples)

    def check_room(self, count: int, context: RequestContext) -> None:
        """Raise what `make` would raise at once for `count` samples: Busy, DeadlineExceeded. Nothing changes.

        Refused is what would not be ready before its deadline, and what the queue has no room for.
        """
        caller, waiting, now = context.caller, len(self._waiting), time.monotonic()
        if context.deadline is not None:
            remaining = context.deadline - now
            if remaining <= 0:
                raise DeadlineExceeded("the deadline passed before the request was queued", "Allow more time")
            wait = self._pace.seconds(waiting + self._making + count, now)
            if waiting and wait * MARGIN > remaining:  # with nothing waiting it is tried: what was measured may be over
                before = self._waiting.ahead(caller.key, count, context.priority, caller.weight)
                wait = self._pace.seconds(before + self._making, now)
                if wait * MARGIN > remaining:
                    message = f"{count} images would take {wait:.1f} s, and {remaining:.1f} s remain"
                    raise Busy(message, "Retry later, allow more time, or add replicas", max(1.0, wait))
        if waiting + count > self._queue and not self._has_share(count, caller):
            queue = f"{waiting} of at most {self._queue} images are waiting"
            wait = self._pace.seconds(waiting + self._making, now)
            raise Busy(f"the queue has no room for {count} images: {queue}", "Retry in a second, or add replicas", max(1.0, wait))

    def _has_share(self, count: int, caller: Caller) -> bool:
        """Whether a key would hold no more than its share of the queue."""
        held = self._waiting.held(caller.key)
        weights = self._waiting.weights() + (0.0 if held else caller.weight)
        return held + count <= self._queue * caller.weight / weights

    def _push_out(self, count: int) -> None:
        """Make room for a key that holds less than its share of the queue.

        The newest requests of the key with the longest queue are refused in their place (longest queue drop: Suter, Lakshman, Stiliadis,
        Choudhury 1999). So a key that asks alone may use the whole queue, which a reserve for others would forbid. While there is no room,
        some key holds more than its share.
        """
        while len(self._waiting) + count > self._queue:
            entry = self._waiting.newest(self._waiting.longest())
            self._waiting.discard(entry)
            if not entry.item.done.done():
                wait = self._pace.seconds(len(self._waiting) + self._making, time.monotonic())
                text = "the queue is full, and other keys have less than their share of it"
                entry.item.done.set_exception(Busy(text, "Retry in a second, or add replicas", max(1.0, wait)))

    def _expire(self, pending: _Pending) -> None:
        """The time of a request is over: it leaves the queue, and what of it is being made is thrown away."""
        if pending.entry is not None:
            self._waiting.discard(pending.entry)
        if not pending.done.done():
            where = "while its images were made" if pending.begun else "while the request waited"
            pending.done.set_exception(DeadlineExceeded(f"the deadline passed {where}", "Allow more time"))

    def _pump(self) -> None:
        """Start every batch that is due, and schedule the next call."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows = self._engine.rows
        while (waiting := len(self._waiting)) and self._rendered < RENDERED * rows and self._free > (0 if waiting >= rows else self._ahead):
            now = time.monotonic()
            remaining = self._since + self._wait - now
            if waiting < rows and remaining > 0:
                self._timer = asyncio.get_running_loop().call_later(remaining, self._pump)
                return
            batch = _Batch(self._next_samples(rows, now))
            if not batch.samples:
                continue
            self._free -= 1
            self._making += len(batch.samples)
            self.on_batch(len(batch.samples), rows)
            if self._encoders is None:
                self._run(self._threads, self._compute, batch, self._lane_ended)
            else:
                self._run(self._threads, self._render, batch, self._hand_on)

    def _next_samples(self, rows: int, now: float) -> list[tuple[_Pending, int]]:
        """The next samples, but those whose time is over or whose client has gone: no work is done for them."""
        samples: list[tuple[_Pending, int]] = []
        while len(self._waiting) and len(samples) < rows:
            pending = self._waiting.pop()
            if pending.deadline <= now:
                self._expire(pending)
            elif not pending.done.done():
                samples.append((pending, pending.begun))
                pending.begun += 1
                self._since = pending.since
        return samples

    def _run(self, threads: ThreadPoolExecutor, work: Callable[..., Any], given: Any, then: Callable[..., None]) -> None:
        """Do `work(given)` in a thread, and `then(given, future)` on the event loop."""
        done = asyncio.get_running_loop().run_in_executor(threads, work, given)
        done.add_done_callback(lambda future: then(given, future))

    def _compute(self, batch: _Batch) -> list[_Result]:
        return self._encode(batch, self._render(batch))

    def _render(self, batch: _Batch) -> _Pixels:
        batch.began = time.monotonic()
        try:
            z, labels = self._engine.draw([(pending.request, index) for pending, index in batch.samples])
            pixels = self._engine.render(z, labels)
        except Exception as error:
            self._health.failed(error)
            raise
        self._health.rendered()
        batch.rendered = time.monotonic()
        return pixels, labels

    def _hand_on(self, batch: _Batch, rendering: asyncio.Future[_Pixels]) -> None:
        """Free the lane, and give each encoder its share of the batch."""
        if rendering.exception():
            self._lane_ended(batch, rendering)
            return
        self._free += 1
        pixels, labels = rendering.result()
        self._rendered += len(batch.samples)
        assert self._encoders is not None
        for start in range(0, len(batch.samples), self._share):
            stop = start + self._share
            part, rows = batch.part(start, stop), (pixels[start:stop], labels[start:stop])
            self._run(self._encoders, partial(self._encode, pixels=rows), part, self._encoder_ended)
        self._pump()

    def _lane_ended(self, batch: _Batch, done: asyncio.Future[Any]) -> None:
        self._free += 1
        self._finish(batch, done)

    def _encoder_ended(self, batch: _Batch, done: asyncio.Future[Any]) -> None:
        self._rendered -= len(batch.samples)
        self._finish(batch, done)

    def _encode(self, batch: _Batch, pixels: _Pixels) -> list[_Result]:
        return [self._encode_one(*sample, image, label) for sample, image, label in zip(batch.samples, *pixels, strict=True)]

    def _encode_one(self, pending: _Pending, index: int, image: Pixels, label: NDArray[np.int64]) -> _Result:
        if pending.done.done():  # its time is over, or its client has gone
            return None
        try:
            data = encode_sample(image, SampleFile.of(pending.request, index, self._engine.info.digest))
        except ImageError as error:
            return error
        return EncodedSample(data, self._engine.vocabulary.names(label))

    def _finish(self, batch: _Batch, computed: asyncio.Future[list[_Result]]) -> None:
        """Answer the samples of a batch, or of a part of it."""
        failure, now, num = computed.exception(), time.monotonic(), len(batch.samples)
        self._making -= num
        self._pace.count(num, now, self.outstanding >= self._busy)
        results = [failure] * num if failure else computed.result()
        for (pending, index), result in zip(batch.samples, results, strict=True):
            if pending.done.done():
                continue
            if isinstance(result, EncodedSample):
                pending.samples[index] = result
                pending.finished += 1
                if pending.finished == len(pending.samples):
                    began, rendered = batch.began, batch.rendered
                    pending.stages = {"queue": began - pending.since, "draw": rendered - began, "encode": now - rendered}
                    pending.done.set_result(None)
            else:
                pending.done.set_exception(result or RuntimeError("no result"))
                if pending.entry is not None:
                    self._waiting.discard(pending.entry)
        self._pump()
