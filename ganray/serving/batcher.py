"""The batcher: groups the samples of concurrent requests into the engine's shape.

Ray Serve's own `@serve.batch` batches calls; a call here asks for any number of samples, and batches are of samples.
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
    """As many images are waiting as may wait."""

    code = "busy"


@dataclass(frozen=True)
class EncodedSample:
    """One finished sample: the image file, and the value of every attribute that is not left to a title."""

    data: bytes
    attributes: dict[str, str]


@dataclass
class _Wanted:
    """One sample that somebody waits for."""

    request: GenerateRequest
    index: int
    since: float
    done: asyncio.Future[EncodedSample]


class Batcher:
    """Collects samples until a batch is full or the oldest has waited long enough, and computes batches in threads, off the event loop."""

    def __init__(self, engine: Engine, wait: float, queue: int) -> None:
        """`wait` in seconds; at most `queue` samples wait for a batch."""
        self._engine, self._wait, self._queue = engine, wait, queue
        self._waiting: deque[_Wanted] = deque()
        self._free = engine.lanes
        self._threads = ThreadPoolExecutor(engine.lanes, "batch")
        self._timer: asyncio.TimerHandle | None = None

    async def make(self, request: GenerateRequest) -> list[EncodedSample]:
        """All samples of a request, in order. Raises Busy, RequestError for an unknown attribute, ImageError for an unlabelled image."""
        self._engine.vocabulary.encode(request)
        if len(self._waiting) + request.count > self._queue:
            raise Busy(f"{len(self._waiting)} images are waiting, and at most {self._queue} may", "Try again in a second, or add replicas")
        loop, now = asyncio.get_running_loop(), time.monotonic()
        wanted = [_Wanted(request, index, now, loop.create_future()) for index in range(request.count)]
        self._waiting.extend(wanted)
        self._pump()
        try:
            return await asyncio.gather(*(one.done for one in wanted))
        except BaseException:  # who asked is gone, or one sample failed: nobody wants the others, and they take others' room
            for one in wanted:
                one.done.cancel()
            self._waiting = deque(one for one in self._waiting if not one.done.done())
            raise

    def _pump(self) -> None:
        """Start every batch that is due, and come back when the next one will be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._free and self._waiting:
            patience = self._waiting[0].since + self._wait - time.monotonic()
            if len(self._waiting) < self._engine.rows and patience > 0:
                self._timer = asyncio.get_running_loop().call_later(patience, self._pump)
                return
            batch = [self._waiting.popleft() for _ in range(min(self._engine.rows, len(self._waiting)))]
            self._free -= 1
            asyncio.get_running_loop().run_in_executor(self._threads, self._compute, batch).add_done_callback(
                lambda computed, batch=batch: self._finish(batch, computed)  # type: ignore[misc]
            )

    def _compute(self, batch: list[_Wanted]) -> list[EncodedSample | ImageError]:
        z, labels = self._engine.draw([(one.request, one.index) for one in batch])
        pixels = self._engine.render(z, labels)
        return [self._encode(one, image, label) for one, image, label in zip(batch, pixels, labels, strict=True)]

    def _encode(self, one: _Wanted, image: Any, label: Any) -> EncodedSample | ImageError:
        request = one.request
        try:
            data = encode_sample(image, SampleFile.of(request, one.index, self._engine.info.digest))
        except ImageError as error:
            return error
        return EncodedSample(data, self._engine.vocabulary.names(label))

    def _finish(self, batch: list[_Wanted], computed: asyncio.Future[list[EncodedSample | ImageError]]) -> None:
        self._free += 1
        failure = computed.exception()
        for one, result in zip(batch, [failure] * len(batch) if failure else computed.result(), strict=True):
            if one.done.done():  # whoever wanted it is gone
                continue
            if isinstance(result, EncodedSample):
                one.done.set_result(result)
            else:
                one.done.set_exception(result or RuntimeError("no result"))
        self._pump()
