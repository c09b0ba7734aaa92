"""The HTTP face of the engines: a FastAPI app. Whatever goes wrong is answered by JSON of one form: error (a code), message, remedy.

No Ray in here: the same app runs in a Ray Serve replica (serve.py), in plain uvicorn (the benchmark's other side) and in tests.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
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
from ganray.images.codec import MEDIA_TYPES
from ganray.images.untrusted import SafeDecoder
from ganray.requests import DERIVED_BITS, GenerateRequest, sample_name
from ganray.serving.accept import as_json
from ganray.serving.batcher import Batcher, EncodedSample
from ganray.serving.body_limit import BodyLimit, Limit
from ganray.serving.edit import MAX_EDIT_BODY, add_edit
from ganray.serving.errors import add_errors

MAX_BODY = 64 * 1024  # bytes: an id and 50 attributes of 200 characters each, every one of them escaped


def make_app(engine: Engine | None, config: ServeConfig, editor: EditEngine | None = None) -> FastAPI:
    """The endpoint: POST /v1/generate (with a generator), POST /v1/edit, GET /v1/models, GET /healthz, OpenAPI at /docs."""
    editor = editor or EditEngine(engine, threads=engine.lanes if engine else 0, decode=SafeDecoder())
    app = FastAPI(title="ganray", version=__version__, description="Catalog images from a GAN. The same request gives the same images.")
    limits = {"/v1/edit": Limit(MAX_EDIT_BODY, config.edit_queue + editor.lanes), "": Limit(MAX_BODY)}
    app.add_middleware(BodyLimit, limits=limits)
    card = _model_card(engine, config)
    if engine is not None:
        _add_generate(app, engine, config)
    add_edit(app, editor, config)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The served model: attributes with their values, whether it reads titles, resolution, formats, digest; edits, their parameters."""
        return card

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Answers as soon as the model is loaded."""
        return {"status": "ok"}

    add_errors(app)
    return app


def _add_generate(app: FastAPI, engine: Engine, config: ServeConfig) -> None:
    batcher = Batcher(engine, config.wait_ms / 1000.0, config.queue)
    most = _most(config)

    @app.post("/v1/generate", responses=_openapi_responses(), response_class=Response)
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
        to_json = as_json(request.count, MEDIA_TYPES[request.format], accept)
        request = _identified(request)
        made = await batcher.make(request)
        if to_json:  # many large images take a tenth of a second, which others need not wait for
            return await asyncio.to_thread(_json_reply, request, made, engine.info.digest)
        return _image_reply(request, made[0], engine.info.digest)


def _most(config: ServeConfig) -> int:
    """Images that one request may ask for: more than may wait would be answered "try again" for ever."""
    return min(config.max_count, config.queue)


def _identified(request: GenerateRequest) -> GenerateRequest:
    """The request with a seed and an id: without both it gets a seed by chance, and an id is a digest of the body."""
    if request.seed is None:
        request = request.resolved() if request.id else request.model_copy(update={"seed": secrets.randbits(DERIVED_BITS)})
    if not request.id:
        request = request.model_copy(update={"id": hashlib.sha256(request.canonical().encode()).hexdigest()[:16]})
    return request


def _facts(request: GenerateRequest, digest: str) -> dict[str, str]:
    return {"X-Ganray-Request-Id": quote(request.id), "X-Ganray-Seed": str(request.seed), "X-Ganray-Model": digest}


def _image_reply(request: GenerateRequest, made: EncodedSample, digest: str) -> Response:
    facts = {**_facts(request, digest), "X-Ganray-Attributes": json.dumps(made.attributes)}
    return Response(made.data, media_type=MEDIA_TYPES[request.format], headers=facts)


def _json_reply(request: GenerateRequest, made: list[EncodedSample], digest: str) -> Response:
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
        "max_count": _most(config),
    }
    return {"models": [model], "edits": edits}


def _openapi_responses() -> dict[int | str, dict[str, Any]]:
    image: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}
    return {
        200: {"description": "The image, or JSON with base64 images", "content": {**image, "application/json": {}}},
        400: {"description": "More images than a request may ask for, or what the model does not know; the message says what it does"},
        413: {"description": f"A body of more than {MAX_BODY:,} bytes"},
        422: {"description": "A body that is no request"},
        503: {"description": "Too many images are waiting; see Retry-After"},
    }
