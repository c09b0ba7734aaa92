"""POST /v1/generate: make images of attributes, of a title, or of both."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ganray.errors import RequestError
from ganray.images.codec import MEDIA_TYPES
from ganray.requests import DERIVED_BITS, GenerateRequest, sample_name
from ganray.serving.accept import PARAMETERS, Wanted, as_json
from ganray.serving.access import charge_more
from ganray.serving.batcher import EncodedSample
from ganray.serving.bodies import read_json
from ganray.serving.caching import cache_headers, matches, not_modified, tag_of
from ganray.serving.context import context_of
from ganray.serving.models import Models
from ganray.serving.openapi import body_of
from ganray.serving.served_model import ServedModel
from ganray.serving.traffic import key_of

EXAMPLE = {"id": "SKU-1", "seed": 7}
MAX_BODY = 64 * 1024  # bytes: an id and 50 attributes of 200 characters, all of them escaped


def add_generate(app: FastAPI, models: Models) -> None:
    """Add the path to the app."""

    @app.post(
        "/v1/generate",
        responses=_openapi_responses(),
        response_class=Response,
        openapi_extra=body_of(GenerateRequest, EXAMPLE) | {"parameters": PARAMETERS},
    )
    async def generate(http: Request) -> Response:
        """Make images. One image is sent as is, or as JSON with `Accept: application/json`; several are always sent as JSON.

        With a seed or an id the answer has an ETag: with If-None-Match it is 304, and nothing is drawn.
        """
        context, wanted = context_of(http.scope), Wanted.of(http)
        request = await read_json(http, GenerateRequest)
        async with models.lease(wanted.model, context.caller, lambda: key_of(request)) as served:
            context.model = served.label
            return await _answer(http, served, request, wanted)


async def _answer(http: Request, served: ServedModel, request: GenerateRequest, wanted: Wanted) -> Response:
    if request.count > served.max_count:
        raise RequestError(
            f"count {request.count}: one HTTP request makes at most {served.max_count} images",
            "Send several requests, or use ganray generate",
        )
    if request.segment:
        raise RequestError(f"segment {request.segment!r}: segment policies are for bulk jobs", "Send the attributes of the images instead")
    engine = served.engine
    to_json = as_json(request.count, MEDIA_TYPES[request.format], wanted.accept)
    repeatable = request.seed is not None or bool(request.id)
    request, text = _with_identity(request)
    identity = _identity_headers(request, engine.info.digest)
    tag = tag_of(engine.info.digest, served.device, text, "json" if to_json else "image") if repeatable else ""
    if tag and matches(wanted.if_none_match, tag):
        engine.vocabulary.encode(request)  # a request that is wrong has no answer to keep
        return not_modified(tag, identity)
    await charge_more(http.scope, request.count)
    headers = identity | cache_headers(tag)
    assert served.batcher is not None  # as there is an engine
    context = context_of(http.scope)
    samples = await served.batcher.make(request, context)
    context.images = len(samples)
    if to_json:  # encoding many large images takes 0.1 s, which must not block other requests
        return await asyncio.to_thread(_json_reply, request, samples, headers)
    return _image_reply(request, samples[0], headers)


def _with_identity(request: GenerateRequest) -> tuple[GenerateRequest, str]:
    """The request with a seed and an id, and what its tag is made of: its canonical text, before it got an id.

    The seed is random if there is neither; the default id is a digest of that text.
    """
    if request.seed is None:
        request = request.resolved() if request.id else request.model_copy(update={"seed": secrets.randbits(DERIVED_BITS)})
    text = request.canonical()
    if not request.id:
        request = request.model_copy(update={"id": hashlib.sha256(text.encode()).hexdigest()[:16]})
    return request, text


def _identity_headers(request: GenerateRequest, digest: str) -> dict[str, str]:
    return {"X-Ganray-Request-Id": quote(request.id), "X-Ganray-Seed": str(request.seed), "X-Ganray-Model": digest}


def _image_reply(request: GenerateRequest, sample: EncodedSample, headers: dict[str, str]) -> Response:
    headers = headers | {"X-Ganray-Attributes": json.dumps(sample.attributes)}
    return Response(sample.data, media_type=MEDIA_TYPES[request.format], headers=headers)


def _json_reply(request: GenerateRequest, samples: list[EncodedSample], headers: dict[str, str]) -> Response:
    images = [
        {
            "name": sample_name(request.id, index),
            "attributes": sample.attributes,
            "sha256": hashlib.sha256(sample.data).hexdigest(),
            "data": base64.b64encode(sample.data).decode(),
        }
        for index, sample in enumerate(samples)
    ]
    model, media_type = headers["X-Ganray-Model"], MEDIA_TYPES[request.format]
    body = {"id": request.id, "seed": request.seed, "model": model, "media_type": media_type, "images": images}
    return JSONResponse(body, headers=headers)


def _openapi_responses() -> dict[int | str, dict[str, Any]]:
    image: dict[str, Any] = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES.values()}
    return {
        200: {"description": "The image, or JSON with base64 images", "content": {**image, "application/json": {}}},
        304: {"description": "The client has the answer: If-None-Match names its ETag"},
        400: {"description": "Too many images, or a value that the model does not know; the message lists the known ones"},
        404: {"description": "No such model"},
        413: {"description": f"The body is larger than {MAX_BODY:,} bytes"},
        415: {"description": "The Content-Type is not application/json"},
        422: {"description": "The body is not a valid request"},
        503: {"description": "Too many images are waiting; see Retry-After"},
    }
