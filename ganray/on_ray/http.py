"""The HTTP face of an engine: a FastAPI app. Whatever goes wrong is answered by JSON of one form: error (a code), message, remedy.

No Ray in here: the same app runs in a Ray Serve replica (serve.py), in plain uvicorn (the benchmark's other side) and in tests.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
import secrets
from collections import deque
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ganray import __version__
from ganray.config import ServeConfig
from ganray.engine import Engine
from ganray.errors import GanrayError, RequestError
from ganray.images.codec import MEDIA_TYPES
from ganray.on_ray.batcher import Batcher, Busy, Made
from ganray.requests import DERIVED_BITS, GenerateRequest, explain, sample_name

MAX_BODY = 64 * 1024  # bytes: an id and 50 attributes of 200 characters each, every one of them escaped


class Invalid(GanrayError):
    """A body is no request."""

    code = "invalid"


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
            """What was read, to the app; then what comes."""
            return read.popleft() if read else await receive()

        await self._app(scope, again, send)


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
        if request.segment:
            raise RequestError(
                f"segment {request.segment!r}: policies are for bulk jobs", "Send the attributes that its images are to have"
            )
        as_json = _as_json(request, accept)
        request = _identified(request)
        made = await batcher.make(request)
        if as_json:  # many large images take a tenth of a second, which others need not wait for
            return await asyncio.to_thread(_json_reply, request, made, engine.info.digest)
        return _image_reply(request, made[0], engine.info.digest)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The served model: attributes with their values, whether it reads titles, resolution, formats, digest."""
        return card

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Answers as soon as the model is loaded."""
        return {"status": "ok"}

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        """Answer 422."""
        return _failure(_explained(request, error))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        """Answer for FastAPI: a body that is no JSON (other than by its syntax), no such path, or another method."""
        if error.status_code == 400:
            return _failure(Invalid(f"the body is not JSON: {error.__cause__ or error.detail}", "Send one JSON object, in UTF-8"))
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        text = {"error": code, "message": f"{request.method} {request.url.path}: {error.detail}", "remedy": f"See {_docs(request)}"}
        return JSONResponse(text, error.status_code, error.headers)

    @app.exception_handler(GanrayError)
    async def failed(_: Request, error: GanrayError) -> JSONResponse:
        """Answer what the error's kind asks for; what is no fault of the request's goes into the log, too."""
        reply = _failure(error)
        if reply.status_code == 500:
            logging.getLogger(__name__).error("%s", error)
        return reply

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        """Answer 500; the error goes on, into the log."""
        return _failure(GanrayError(f"the server failed: {type(error).__name__}", "Its log says why"))

    return app


def _failure(error: GanrayError) -> JSONResponse:
    status = {RequestError: 400, TooLarge: 413, Invalid: 422, Busy: 503}.get(type(error), 500)
    headers = {"Retry-After": "1"} if status == 503 else {}
    return JSONResponse({"error": error.code, "message": error.message, "remedy": error.remedy}, status, headers)


def _explained(request: Request, error: RequestValidationError) -> Invalid:
    """What is wrong with a body: it is no JSON, does not say that it is, or has a wrong field."""
    errors = [{**found, "loc": tuple(found["loc"])[1:] or ("the body",)} for found in error.errors()]
    if errors[0]["type"] == "json_invalid":
        syntax = json.JSONDecodeError(errors[0]["ctx"]["error"], error.body, errors[0]["loc"][0])
        return Invalid(f"the body is not JSON: {syntax}", 'Send one JSON object, like {"count": 1}')
    if isinstance(errors[0]["input"], bytes):
        kind = request.headers.get("content-type", "of no type")
        return Invalid(f"the body is {kind[:100]}, not application/json", "Send Content-Type: application/json")
    return Invalid(explain(errors), f"See {_docs(request)}")


def _docs(request: Request) -> str:
    return f"{request.scope.get('root_path', '')}/docs"


def _as_json(request: GenerateRequest, accept: str) -> bool:
    """Whether to answer by JSON: where it is named in `Accept`, and no less than the image is. Several images have no other form.

    Raises RequestError for several where no JSON would be taken.
    """
    wanted = _qualities(accept)
    anything = wanted.get("*/*", 0.0)
    named = wanted.get("application/json", wanted.get("application/*", 0.0))
    image = wanted.get(MEDIA_TYPES[request.format], wanted.get("image/*", anything))
    if request.count > 1 and not (named or anything) and any(kind.startswith("image/") for kind in wanted):
        raise RequestError(f"count {request.count} does not fit in one {accept[:100]}", "Send Accept: application/json")
    return request.count > 1 or (named > 0 and named >= image)


def _qualities(accept: str) -> dict[str, float]:
    """An Accept header: media range -> its quality (RFC 9110, 12.5.1)."""
    found = {}
    for part in accept.lower().split(","):
        quality = re.search(r";\s*q=([01](?:\.[0-9]*)?)", part)
        found[part.partition(";")[0].strip()] = float(quality[1]) if quality else 1.0
    return found


def _identified(request: GenerateRequest) -> GenerateRequest:
    """The request with a seed and an id: without both it gets a seed by chance, and an id is a digest of the body."""
    if request.seed is None:
        request = request.resolved() if request.id else request.model_copy(update={"seed": secrets.randbits(DERIVED_BITS)})
    if not request.id:
        request = request.model_copy(update={"id": hashlib.sha256(request.canonical().encode()).hexdigest()[:16]})
    return request


def _facts(request: GenerateRequest, digest: str) -> dict[str, str]:
    return {"X-Ganray-Request-Id": quote(request.id), "X-Ganray-Seed": str(request.seed), "X-Ganray-Model": digest}


def _image_reply(request: GenerateRequest, made: Made, digest: str) -> Response:
    facts = {**_facts(request, digest), "X-Ganray-Attributes": json.dumps(made.attributes)}
    return Response(made.data, media_type=MEDIA_TYPES[request.format], headers=facts)


def _json_reply(request: GenerateRequest, made: list[Made], digest: str) -> Response:
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
    return JSONResponse(body, headers=_facts(request, digest))


def _model_card(engine: Engine, max_count: int) -> dict[str, Any]:
    model = {
        "name": engine.info.model.name,
        "digest": engine.info.digest,
        "resolution": engine.resolution,
        "attributes": engine.vocabulary.values,
        "titles": {"read": bool(engine.vocabulary.pieces.num), "examples": engine.info.titles},
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
