"""The plain baseline of the benchmarks of serving: what a good engineer writes in an hour around the same Engine.

FastAPI, uvicorn, and a batcher in the process: no keys, no limits, no deadlines, no metrics, no labels beyond those of the file itself.
`python -m ganray.benchmarks.plain_server FOLDER PORT THREADS` serves POST /v1/generate, one image a request.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from fastapi import FastAPI, Response

from ganray.engine import Engine
from ganray.images.codec import MEDIA_TYPES
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest

WAIT = 0.004  # seconds, as ServeConfig.wait_ms


class PlainBatcher:
    """Collects requests for a few milliseconds, and computes as many batches at a time as the engine has lanes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: asyncio.Queue[tuple[GenerateRequest, asyncio.Future[bytes]]] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(engine.lanes)
        self._workers: list[asyncio.Task[None]] = []

    async def make(self, request: GenerateRequest) -> bytes:
        """The file of a request."""
        if not self._workers:
            self._workers = [asyncio.create_task(self._work()) for _ in range(self._engine.lanes)]
        done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((request, done))
        return await done

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            until = loop.time() + WAIT
            while len(batch) < self._engine.rows:
                try:
                    batch.append(await asyncio.wait_for(self._queue.get(), until - loop.time()))
                except TimeoutError:
                    break
            try:
                files = await loop.run_in_executor(self._threads, make_files, self._engine, [request for request, _ in batch])
            except Exception as error:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            for (_, done), data in zip(batch, files, strict=True):
                if not done.done():
                    done.set_result(data)


def make_files(engine: Engine, requests: list[GenerateRequest]) -> list[bytes]:
    """The first image of each request as a labelled file, in one batch: what every side of the benchmarks does for an answer."""
    z, labels = engine.draw([(request, 0) for request in requests])
    pictures = engine.render(z, labels)
    digest = engine.info.digest
    return [encode_sample(image, SampleFile.of(request, 0, digest)) for request, image in zip(requests, pictures, strict=True)]


def with_defaults(request: GenerateRequest) -> GenerateRequest:
    """A request with a seed and an id."""
    seed = secrets.randbits(53) if request.seed is None else request.seed
    return request.model_copy(update={"seed": seed, "id": request.id or str(seed)})


def make_plain_app(engine: Engine) -> FastAPI:
    """The app."""
    app, batcher = FastAPI(), PlainBatcher(engine)

    @app.post("/v1/generate", response_class=Response)
    async def generate(request: GenerateRequest) -> Response:
        """One image."""
        return Response(await batcher.make(with_defaults(request)), media_type=MEDIA_TYPES[request.format])

    return app


if __name__ == "__main__":
    plain = make_plain_app(Engine.load(sys.argv[1], device="cpu", threads=int(sys.argv[3])))
    uvicorn.run(plain, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
