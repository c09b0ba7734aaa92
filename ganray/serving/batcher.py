"""The batcher: groups the samples of concurrent requests into batches of the engine's size, fairly between their callers.

`@serve.batch` of Ray Serve groups calls; a call here requests any number of samples, and a batch is a number of samples.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganray.engine import Engine
from ganray.errors import ImageError
from ganray.images.codec import Pixels
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from ganray.serving.context import RequestContext
from ganray.serving.fair_queue import FairQueue
from ganray.serving.health import Health
from ganray.serving.pace import Pace
from ganray.serving.refusals import Busy, DeadlineExceeded

RENDERED = 2  # batches that may wait to be encoded before no other one is rendered: more would only take memory


@dataclass(frozen=True)
class EncodedSample:
    """One finished sample: the image file, and the values of the attributes that are not left to a title."""

    data: bytes
    attributes: dict[str, str]


@dataclass(slots=True)
class _PendingSample:
    """One sample that a request waits for; `times` are those at which its batch began, was rendered and was encoded."""

    request: GenerateRequest
    index: int
    since: float
    deadline: float | None
    done: asyncio.Future[EncodedSample]
    times: tuple[float, float, float] = (0.0, 0.0, 0.0)


_Rendered = tuple[_PendingSample, Pixels, NDArray[np.int64]]


class Batcher:
    """Collects samples until a batch is full or the oldest has waited `wait` seconds; computes batches in threads, off the event loop."""

    def __init__(self, engine: Engine, wait: float, queue: int, encoders: int = 0, health: Health | None = None) -> None:
        """At most `queue` samples wait for a batch, each for about `wait` seconds.

        Where a device renders, `encoders` threads encode: its lane is free as soon as it has rendered, and the next full batch is drawn
        while it does. With 0, each lane encodes what it has rendered: on a CPU all cores render already.
        """
        self._engine, self._wait, self._queue = engine, wait, queue
        self._health = health or Health(engine, trials=engine.offloads)
        self._waiting: FairQueue[_PendingSample] = FairQueue()
        self._since: float | None = None  # when the queue was empty for the last time: nobody in it waits longer
        self._pace = Pace()
        self._ahead = 1 if encoders else 0  # lanes that only a full batch may take: one that is not full had better wait for more
        self._free = engine.lanes + self._ahead
        self._threads = ThreadPoolExecutor(self._free, "batch")
        self._encoders, self._share = ThreadPoolExecutor(encoders, "encode") if encoders else None, -(-engine.rows // max(1, encoders))
        self._making = 0  # samples that are being made
        self._rendered = 0  # samples that are not encoded yet
        self._timer: asyncio.TimerHandle | None = None

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
        self._require_room(request.count, context)
        loop, now, caller = asyncio.get_running_loop(), time.monotonic(), context.caller
        if not len(self._waiting):
            self._since = now
        pending = [_PendingSample(request, index, now, context.deadline, loop.create_future()) for index in range(request.count)]
        entries = [self._waiting.push(caller.key, sample, context.priority, caller.weight) for sample in pending]
        self._pump()
        try:
            made = [await pending[0].done] if len(pending) == 1 else await asyncio.gather(*(sample.done for sample in pending))
        except BaseException:  # the client disconnected, or one sample failed: the others would only fill the queue
            for sample, entry in zip(pending, entries, strict=True):
                sample.done.cancel()
                self._waiting.discard(entry, context.priority)
            raise
        began, rendered, encoded = pending[-1].times
        context.stages |= {"queue": began - now, "draw": rendered - began, "encode": encoded - rendered}
        return made

    def _require_room(self, count: int, context: RequestContext) -> None:
        """Refuse at once what the queue has no room for, and what would not be ready before its deadline."""
        waiting = len(self._waiting)
        wait = self._pace.seconds(waiting + self._making + count)
        if not self._waiting.has_room(context.caller.key, count, self._queue):
            queue = f"{waiting} of at most {self._queue} images are waiting"
            raise Busy(f"the queue has no room for {count} images: {queue}", "Retry in a second, or add replicas", max(1.0, wait))
        remaining = context.remaining()
        if remaining is not None and wait > remaining:
            raise Busy(f"{count} images would take {wait:.1f} s, and {remaining:.1f} s remain", "Retry later, or add replicas", wait)

    def _pump(self) -> None:
        """Start every batch that is due, and schedule the next call."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows = self._engine.rows
        while len(self._waiting) and self._rendered < RENDERED * rows and self._free > (0 if len(self._waiting) >= rows else self._ahead):
            assert self._since is not None
            remaining = self._since + self._wait - time.monotonic()
            if len(self._waiting) < rows and remaining > 0:
                self._timer = asyncio.get_running_loop().call_later(remaining, self._pump)
                return
            if not (batch := self._next_batch(rows)):
                continue
            self._free -= 1
            self._making += len(batch)
            if self._encoders is None:
                self._run(self._threads, self._compute, batch, self._lane_ended)
            else:
                self._run(self._threads, self._render, batch, self._hand_on)

    def _next_batch(self, rows: int) -> list[_PendingSample]:
        """The next samples, but those whose time is over: no work is done for them."""
        batch: list[_PendingSample] = []
        now = time.monotonic()
        while len(self._waiting) and len(batch) < rows:
            sample = self._waiting.pop()
            if sample.deadline is not None and sample.deadline <= now:
                if not sample.done.done():
                    sample.done.set_exception(DeadlineExceeded("the deadline passed while the request waited", "Allow more time"))
            elif not sample.done.done():
                batch.append(sample)
        self._since = now
        return batch

    def _run(self, threads: ThreadPoolExecutor, work: Callable[..., Any], given: Any, then: Callable[..., None]) -> None:
        """Do `work(given)` in a thread, and `then(given, future)` on the event loop."""
        done = asyncio.get_running_loop().run_in_executor(threads, work, given)
        done.add_done_callback(lambda future: then(given, future))

    def _compute(self, batch: list[_PendingSample]) -> list[EncodedSample | ImageError]:
        return self._encode(self._render(batch))

    def _render(self, batch: list[_PendingSample]) -> list[_Rendered]:
        began = time.monotonic()
        try:
            z, labels = self._engine.draw([(sample.request, sample.index) for sample in batch])
            pixels = self._engine.render(z, labels)
        except Exception as error:
            self._health.failed(error)
            raise
        self._health.rendered()
        rendered = time.monotonic()
        for sample in batch:
            sample.times = began, rendered, rendered
        return list(zip(batch, pixels, labels, strict=True))

    def _hand_on(self, batch: list[_PendingSample], rendering: asyncio.Future[list[_Rendered]]) -> None:
        """Free the lane, and give each encoder its share of the batch."""
        if rendering.exception():
            self._lane_ended(batch, rendering)
            return
        self._free += 1
        rendered = rendering.result()
        self._rendered += len(rendered)
        for start in range(0, len(rendered), self._share):
            assert self._encoders is not None
            self._run(self._encoders, self._encode, rendered[start : start + self._share], self._encoder_ended)
        self._pump()

    def _lane_ended(self, batch: list[_PendingSample], done: asyncio.Future[Any]) -> None:
        self._free += 1
        self._finish(batch, done)

    def _encoder_ended(self, rendered: list[_Rendered], done: asyncio.Future[Any]) -> None:
        self._rendered -= len(rendered)
        self._finish([sample for sample, _, _ in rendered], done)

    def _encode(self, rendered: list[_Rendered]) -> list[EncodedSample | ImageError]:
        return [self._encode_one(sample, image, label) for sample, image, label in rendered]

    def _encode_one(self, sample: _PendingSample, image: Pixels, label: NDArray[np.int64]) -> EncodedSample | ImageError:
        try:
            data = encode_sample(image, SampleFile.of(sample.request, sample.index, self._engine.info.digest))
        except ImageError as error:
            return error
        return EncodedSample(data, self._engine.vocabulary.names(label))

    def _finish(self, batch: list[_PendingSample], computed: asyncio.Future[list[EncodedSample | ImageError]]) -> None:
        """Answer the samples of a batch, or of a part of it."""
        failure, now = computed.exception(), time.monotonic()
        self._making -= len(batch)
        self._pace.count(len(batch), now, self.outstanding)
        for sample, result in zip(batch, [failure] * len(batch) if failure else computed.result(), strict=True):
            if sample.done.done():  # cancelled
                continue
            if isinstance(result, EncodedSample):
                sample.times = *sample.times[:2], now
                sample.done.set_result(result)
            else:
                sample.done.set_exception(result or RuntimeError("no result"))
        self._pump()
