"""The batcher: groups the samples of concurrent requests into batches of the engine's size.

`@serve.batch` of Ray Serve groups calls; a call here requests any number of samples, and a batch is a number of samples.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ganray.engine import Engine
from ganray.errors import GanrayError, ImageError
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest


class Busy(GanrayError):
    """The queue has no room."""

    code = "busy"


@dataclass(frozen=True)
class EncodedSample:
    """One finished sample: the image file, and the values of the attributes that are not left to a title."""

    data: bytes
    attributes: dict[str, str]


@dataclass
class _PendingSample:
    """One sample that a request waits for."""

    request: GenerateRequest
    index: int
    since: float
    done: asyncio.Future[EncodedSample]


class Batcher:
    """Collects samples until a batch is full or the oldest has waited `wait` seconds; computes batches in threads, off the event loop."""

    def __init__(self, engine: Engine, wait: float, queue: int) -> None:
        """At most `queue` samples wait for a batch, each for about `wait` seconds."""
        self._engine, self._wait, self._queue = engine, wait, queue
        self._waiting: deque[_PendingSample] = deque()
        self._free = engine.lanes
        self._threads = ThreadPoolExecutor(engine.lanes, "batch")
        self._timer: asyncio.TimerHandle | None = None

    async def make(self, request: GenerateRequest) -> list[EncodedSample]:
        """All samples of a request, in order.

        Raises Busy, RequestError for an unknown attribute, ImageError if a label cannot be verified.
        """
        self._engine.vocabulary.encode(request)
        if len(self._waiting) + request.count > self._queue:
            queue = f"{len(self._waiting)} of at most {self._queue} images are waiting"
            raise Busy(f"the queue has no room for {request.count} images: {queue}", "Retry in a second, or add replicas")
        loop, now = asyncio.get_running_loop(), time.monotonic()
        pending = [_PendingSample(request, index, now, loop.create_future()) for index in range(request.count)]
        self._waiting.extend(pending)
        self._pump()
        try:
            return await asyncio.gather(*(sample.done for sample in pending))
        except BaseException:  # the client disconnected, or one sample failed: the others would only fill the queue
            for sample in pending:
                sample.done.cancel()
            self._waiting = deque(sample for sample in self._waiting if not sample.done.done())
            raise

    def _pump(self) -> None:
        """Start every batch that is due, and schedule the next call."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._free and self._waiting:
            remaining = self._waiting[0].since + self._wait - time.monotonic()
            if len(self._waiting) < self._engine.rows and remaining > 0:
                self._timer = asyncio.get_running_loop().call_later(remaining, self._pump)
                return
            batch = [self._waiting.popleft() for _ in range(min(self._engine.rows, len(self._waiting)))]
            self._free -= 1
            asyncio.get_running_loop().run_in_executor(self._threads, self._compute, batch).add_done_callback(
                lambda computed, batch=batch: self._finish(batch, computed)  # type: ignore[misc]
            )

    def _compute(self, batch: list[_PendingSample]) -> list[EncodedSample | ImageError]:
        z, labels = self._engine.draw([(sample.request, sample.index) for sample in batch])
        pixels = self._engine.render(z, labels)
        return [self._encode(sample, image, label) for sample, image, label in zip(batch, pixels, labels, strict=True)]

    def _encode(self, sample: _PendingSample, image: Any, label: Any) -> EncodedSample | ImageError:
        try:
            data = encode_sample(image, SampleFile.of(sample.request, sample.index, self._engine.info.digest))
        except ImageError as error:
            return error
        return EncodedSample(data, self._engine.vocabulary.names(label))

    def _finish(self, batch: list[_PendingSample], computed: asyncio.Future[list[EncodedSample | ImageError]]) -> None:
        self._free += 1
        failure = computed.exception()
        for sample, result in zip(batch, [failure] * len(batch) if failure else computed.result(), strict=True):
            if sample.done.done():  # cancelled
                continue
            if isinstance(result, EncodedSample):
                sample.done.set_result(result)
            else:
                sample.done.set_exception(result or RuntimeError("no result"))
        self._pump()
