"""The HTTP face of an engine: a FastAPI app, and the batcher that groups concurrent requests into the engine's shape.

No Ray in here: the same app runs in a Ray Serve replica (serve.py), in plain uvicorn (the benchmark's other side) and in tests.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganray import __version__
from ganray.config import ServeConfig
from ganray.engine import Engine
from ganray.errors import GanrayError, ImageError, RequestError
from ganray.on_ray.files import encode_sample
from ganray.requests import DERIVED_BITS, GenerateRequest, explain, sample_name, seed_of

MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
MAX_BODY = 64 * 1024  # bytes: an id and 50 attributes of 200 characters each, every one of them escaped


class Busy(GanrayError):
    """As many images are waiting as may wait."""

    code = "busy"


class TooLarge(GanrayError):
    """A body has more bytes than any request needs."""

    code = "too_large"


class BodyLimit:
    """ASGI middleware that reads the body in front of the app, `most` bytes of it at most, and answers 413 to a larger one.

    Bytes are counted as they come: a chunked body does not say how many there will be.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI asks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read: deque[Message] = deque()
        size, more = 0, True
        while more:
            read.append(await receive())
            size, more = size + len(read[-1].get("body", b"")), read[-1].get("more_body", False)
            if size > self._most:
                refusal = TooLarge(f"the body has over {self._most:,} bytes", "Send one request, with the attributes that it asks for")
                await _failure(refusal)(scope, receive, send)
                return

        async def again() -> Message:
            return read.popleft() if read else await receive()

        await self._app(scope, again, send)


@dataclass(frozen=True)
class Made:
    """One finished sample: the image file, and the value of every attribute."""

    data: bytes
    attributes: dict[str, str]


@dataclass
class _Wanted:
    """One sample that somebody waits for."""

    request: GenerateRequest
    index: int
    since: float
    done: asyncio.Future[Made]


class Batcher:
    """Collects samples until a batch is full or the oldest has waited long enough, and computes batches in threads, off the event loop."""

    def __init__(self, engine: Engine, wait: float, queue: int) -> None:
        """`wait` in seconds; at most `queue` samples wait for a batch."""
        self._engine, self._wait, self._queue = engine, wait, queue
        self._waiting: deque[_Wanted] = deque()
        self._free = engine.lanes
        self._threads = ThreadPoolExecutor(engine.lanes, "batch")
        self._timer: asyncio.TimerHandle | None = None

    async def make(self, request: GenerateRequest) -> list[Made]:
        """All samples of a request, in order. Raises Busy, RequestError for an unknown attribute, ImageError for an unlabelled image."""
        self._engine.vocabulary.encode(request.attributes)
        if len(self._waiting) + request.count > self._queue:
            raise Busy(f"{len(self._waiting)} images are waiting, and at most {self._queue} may", "Try again in a second, or add replicas")
        loop, now = asyncio.get_running_loop(), time.monotonic()
        wanted = [_Wanted(request, index, now, loop.create_future()) for index in range(request.count)]
        self._waiting.extend(wanted)
        self._pump()
        return await asyncio.gather(*(one.done for one in wanted))

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

    def _compute(self, batch: list[_Wanted]) -> list[Made | ImageError]:
        z, labels = self._engine.draw([(one.request, one.index) for one in batch])
        pixels = self._engine.render(z, labels)
        return [self._encode(one, image, label) for one, image, label in zip(batch, pixels, labels, strict=True)]

    def _encode(self, one: _Wanted, image: Any, label: Any) -> Made | ImageError:
        request = one.request
        try:
            data = encode_sample(image, request.id, one.index, seed_of(request), request.format, self._engine.info.digest)
        except ImageError as error:
            return error
        return Made(data, self._engine.vocabulary.names(label))

    def _finish(self, batch: list[_Wanted], computed: asyncio.Future[list[Made | ImageError]]) -> None:
        self._free += 1
        failure = computed.exception()
        for one, result in zip(batch, [failure] * len(batch) if failure else computed.result(), strict=True):
            if one.done.done():  # whoever wanted it is gone
                continue
            if isinstance(result, Made):
                one.done.set_result(result)
            else:
                one.done.set_exception(result or RuntimeError("no result"))
        self._pump()


def make_app(engine: Engine, config: ServeConfig) -> FastAPI:
    """The endpoint: POST /v1/generate, GET /v1/models, GET /healthz, OpenAPI at /docs."""
    app = FastAPI(title="ganray", version=__version__, description="Catalog images from a GAN. The same request gives the same images.")
    app.add_middleware(BodyLimit, most=MAX_BODY)
    batcher = Batcher(engine, config.wait_ms / 1000.0, config.queue)
    most = min(config.max_count, config.queue)  # more than may wait would be answered "try again" for ever
    card = _model_card(engine, most)

    @app.post("/v1/generate", responses=_documented(), response_class=Response)
    async def generate(request: GenerateRequest, accept: Annotated[str, Header()] = "*/*") -> Response:
        """Make images. One image comes as itself, or as JSON with `Accept: application/json`; several always come as JSON."""
        if request.count > most:
            raise RequestError(
                f"count {request.count}: one HTTP request makes at most {most} images", "Ask more often, or use ganray generate"
            )
        if request.count > 1 and accept.startswith("image/"):
            raise RequestError(f"count {request.count} does not fit in one {accept}", "Send Accept: application/json")
        request = _identified(request)
        made = await batcher.make(request)
        return _reply(request, made, engine.info.digest, as_json=request.count > 1 or "application/json" in accept)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The served model: attributes with their values, resolution, formats, digest."""
        return card

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Answers as soon as the model is loaded."""
        return {"status": "ok"}

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"error": "invalid", "message": _explain_body(error.errors()), "remedy": "See /docs"}, 422)

    @app.exception_handler(GanrayError)
    async def failed(_: Request, error: GanrayError) -> JSONResponse:
        return _failure(error)

    return app


def _failure(error: GanrayError) -> JSONResponse:
    status = {RequestError: 400, TooLarge: 413, Busy: 503}.get(type(error), 500)
    headers = {"Retry-After": "1"} if status == 503 else {}
    return JSONResponse({"error": error.code, "message": error.message, "remedy": error.remedy}, status, headers)


def _identified(request: GenerateRequest) -> GenerateRequest:
    """The request with a seed and an id: without both it gets a seed by chance, and an id is a digest of the body."""
    if request.seed is None:
        request = request.resolved() if request.id else request.model_copy(update={"seed": secrets.randbits(DERIVED_BITS)})
    if not request.id:
        request = request.model_copy(update={"id": hashlib.sha256(request.canonical().encode()).hexdigest()[:16]})
    return request


def _reply(request: GenerateRequest, made: list[Made], digest: str, as_json: bool) -> Response:
    facts = {"X-Ganray-Request-Id": quote(request.id), "X-Ganray-Seed": str(request.seed), "X-Ganray-Model": digest}
    if not as_json:
        facts["X-Ganray-Attributes"] = json.dumps(made[0].attributes)
        return Response(made[0].data, media_type=MEDIA_TYPES[request.format], headers=facts)
    images = [
        {
            "name": sample_name(request.id, index),
            "attributes": one.attributes,
            "sha256": hashlib.sha256(one.data).hexdigest(),
            "data": base64.b64encode(one.data).decode(),
        }
        for index, one in enumerate(made)
    ]
    body = {"id": request.id, "seed": request.seed, "model": digest, "media_type": MEDIA_TYPES[request.format], "images": images}
    return JSONResponse(body, headers=facts)


def _explain_body(errors: Sequence[Any]) -> str:
    return explain([{**error, "loc": tuple(error["loc"])[1:]} for error in errors])


def _model_card(engine: Engine, max_count: int) -> dict[str, Any]:
    model = {
        "name": engine.info.model.name,
        "digest": engine.info.digest,
        "resolution": engine.resolution,
        "attributes": engine.vocabulary.values,
        "formats": list(MEDIA_TYPES),
        "max_count": max_count,
    }
    return {"models": [model]}


def _documented() -> dict[int | str, dict[str, Any]]:
    image: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}
    return {
        200: {"description": "The image, or JSON with base64 images", "content": {**image, "application/json": {}}},
        400: {"description": "More images than a request may ask for, or what the model does not know; the message says what it does"},
        413: {"description": f"A body of more than {MAX_BODY:,} bytes"},
        422: {"description": "A body that is no request"},
        503: {"description": "Too many images are waiting; see Retry-After"},
    }
