"""The FastAPI app in front of the engines. Every error is JSON of the same form: error (a code), message, remedy.

The app does not depend on Ray: it runs in a Ray Serve replica (on_ray/serve.py), in plain uvicorn (the baseline of the benchmark) and in
tests.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import secrets
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Header, Response
from fastapi.responses import JSONResponse

from ganray import __version__
from ganray.config import ServeConfig
from ganray.edit_engine import EditEngine
from ganray.edits import EDITS
from ganray.engine import Engine
from ganray.errors import RequestError
from ganray.images.codec import MEDIA_TYPES, Limits
from ganray.images.untrusted import SafeDecoder
from ganray.output.device import describe_device
from ganray.requests import DERIVED_BITS, GenerateRequest, sample_name
from ganray.serving.accept import as_json
from ganray.serving.batcher import Batcher, EncodedSample
from ganray.serving.body_limit import BodyLimit, Limit
from ganray.serving.device_header import DeviceHeader
from ganray.serving.edit import MAX_EDIT_BODY, add_edit
from ganray.serving.errors import add_errors
from ganray.serving.head import HeadAsGet
from ganray.serving.health import Health

MAX_BODY = 64 * 1024  # bytes: an id and 50 attributes of 200 characters, all of them escaped


def make_app(engine: Engine | None, config: ServeConfig, editor: EditEngine | None = None, encoders: int = 0) -> FastAPI:
    """The app: POST /v1/generate (if there is an engine), POST /v1/edit, GET /v1/models, GET /healthz, OpenAPI at /docs.

    `encoders` are the threads that encode where a device renders; 0 takes all cores. `app.state.health` knows whether the engine renders.
    """
    decode = SafeDecoder(limits=Limits(max_pixels=config.max_pixels))
    editor = editor or EditEngine(engine, threads=engine.lanes if engine else 0, decode=decode)
    app = FastAPI(title="ganray", version=__version__, description="Catalog images from a GAN. The same request gives the same images.")
    limits = {"/v1/edit": Limit(MAX_EDIT_BODY, config.edit_queue + editor.lanes), "": Limit(MAX_BODY)}
    app.add_middleware(BodyLimit, limits=limits)
    app.add_middleware(HeadAsGet)
    if engine is not None:
        app.add_middleware(DeviceHeader, device=describe_device(str(engine.device)))
    card = _model_card(engine, config)
    app.state.health = health = None if engine is None else Health(engine, trials=engine.offloads)
    if engine is not None:
        encoders = (encoders or os.cpu_count() or 1) if engine.offloads else 0
        batcher = Batcher(engine, config.wait_ms / 1000.0, config.queue, encoders, health)
        _add_generate(app, engine, batcher, config)
    add_edit(app, editor, config)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The served model: attributes and values, whether it reads titles, resolution, formats, digest; the edits and their parameters."""
        return card

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Replies once the model is loaded; 503 where the engine has ceased to render."""
        if health is not None:
            health.require()
        return {"status": "ok"}

    add_errors(app)
    return app


def _add_generate(app: FastAPI, engine: Engine, batcher: Batcher, config: ServeConfig) -> None:
    max_count = _max_count(config)

    @app.post("/v1/generate", responses=_openapi_responses(), response_class=Response)
    async def generate(request: GenerateRequest, accept: Annotated[str, Header()] = "*/*") -> Response:
        """Make images. One image is sent as is, or as JSON with `Accept: application/json`; several are always sent as JSON."""
        if request.count > max_count:
            raise RequestError(
                f"count {request.count}: one HTTP request makes at most {max_count} images",
                "Send several requests, or use ganray generate",
            )
        if request.segment:
            raise RequestError(
                f"segment {request.segment!r}: segment policies are for bulk jobs", "Send the attributes of the images instead"
            )
        to_json = as_json(request.count, MEDIA_TYPES[request.format], accept)
        request = _with_identity(request)
        samples = await batcher.make(request)
        if to_json:  # encoding many large images takes 0.1 s, which must not block other requests
            return await asyncio.to_thread(_json_reply, request, samples, engine.info.digest)
        return _image_reply(request, samples[0], engine.info.digest)


def _max_count(config: ServeConfig) -> int:
    """The most images per request: a request for more than the queue holds would get 503 on every retry."""
    return min(config.max_count, config.queue)


def _with_identity(request: GenerateRequest) -> GenerateRequest:
    """The request with a seed and an id: the seed is random if there is neither; the default id is a digest of the body."""
    if request.seed is None:
        request = request.resolved() if request.id else request.model_copy(update={"seed": secrets.randbits(DERIVED_BITS)})
    if not request.id:
        request = request.model_copy(update={"id": hashlib.sha256(request.canonical().encode()).hexdigest()[:16]})
    return request


def _identity_headers(request: GenerateRequest, digest: str) -> dict[str, str]:
    return {"X-Ganray-Request-Id": quote(request.id), "X-Ganray-Seed": str(request.seed), "X-Ganray-Model": digest}


def _image_reply(request: GenerateRequest, sample: EncodedSample, digest: str) -> Response:
    headers = {**_identity_headers(request, digest), "X-Ganray-Attributes": json.dumps(sample.attributes)}
    return Response(sample.data, media_type=MEDIA_TYPES[request.format], headers=headers)


def _json_reply(request: GenerateRequest, samples: list[EncodedSample], digest: str) -> Response:
    images = [
        {
            "name": sample_name(request.id, index),
            "attributes": sample.attributes,
            "sha256": hashlib.sha256(sample.data).hexdigest(),
            "data": base64.b64encode(sample.data).decode(),
        }
        for index, sample in enumerate(samples)
    ]
    body = {"id": request.id, "seed": request.seed, "model": digest, "media_type": MEDIA_TYPES[request.format], "images": images}
    return JSONResponse(body, headers=_identity_headers(request, digest))


def _model_card(engine: Engine | None, config: ServeConfig) -> dict[str, Any]:
    edits = {name: list(edit.params.model_fields) for name, edit in EDITS.items()}
    if engine is None:
        return {"models": [], "edits": edits}
    model = {
        "name": engine.info.model.name,
        "digest": engine.info.digest,
        "resolution": engine.resolution,
        "attributes": engine.vocabulary.values,
        "titles": {"read": bool(engine.vocabulary.pieces.num), "examples": engine.info.titles},
        "formats": list(MEDIA_TYPES),
        "max_count": _max_count(config),
    }
    return {"models": [model], "edits": edits}


def _openapi_responses() -> dict[int | str, dict[str, Any]]:
    image: dict[str, Any] = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES.values()}
    return {
        200: {"description": "The image, or JSON with base64 images", "content": {**image, "application/json": {}}},
        400: {"description": "Too many images, or a value that the model does not know; the message lists the known ones"},
        413: {"description": f"The body is larger than {MAX_BODY:,} bytes"},
        422: {"description": "The body is not a valid request"},
        503: {"description": "Too many images are waiting; see Retry-After"},
    }
