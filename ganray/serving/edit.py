"""POST /v1/edit: a photo through a chain of edits. The body is a row of a bulk job's table, and the answer has the same bytes.

A photo comes in the request itself (a data: URL), or is named by its key under the server's own source. Nothing is fetched from anywhere
else: a URL in a request would let a stranger reach what the server can (SSRF).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Header, Response
from fastapi.responses import JSONResponse

from ganray.config import ServeConfig
from ganray.edit_engine import EditEngine, EditResult
from ganray.errors import InvalidKey, ObjectNotFound, RequestError
from ganray.images.codec import MEDIA_TYPES, Limits
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest, sample_name, seed_of
from ganray.serving.accept import as_json
from ganray.storage import open_store
from ganray.storage.capped import read_capped

MAX_EDIT_BODY = 40_000_000  # bytes: a photo at the cap in base64, and a picture beside it
MAX_HEADER = 4000  # characters of a chain or of facts that still go into a header
MAX_RESULTS = 64
MAX_PHOTO = Limits().max_bytes


@dataclass(frozen=True)
class EncodedEdit:
    """A result and its file."""

    edited: EditResult
    data: bytes


class EditService:
    """Takes requests, and edits as many at a time as the engine has lanes."""

    def __init__(self, engine: EditEngine, config: ServeConfig) -> None:
        self.engine, self._most = engine, min(config.max_count, MAX_RESULTS)
        self._source = open_store(config.source) if config.source else None
        self._threads = ThreadPoolExecutor(engine.lanes, "edit-desk")

    async def answer(self, request: EditRequest, accept: str) -> Response:
        """The reply. Raises RequestError, EditError, ImageError."""
        if request.count > self._most:
            raise RequestError(
                f"count {request.count}: one HTTP request makes at most {self._most} images", "Ask more often, or use ganray edit"
            )
        self.engine.steps(request)
        as_json(request.count, "image/png", accept)  # refuses what does not fit, before the work
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._reply, request, accept)

    def _reply(self, request: EditRequest, accept: str) -> Response:
        if not request.id:
            request = request.model_copy(update={"id": hashlib.sha256(request.canonical().encode()).hexdigest()[:16]})
        digest = self.engine.digest
        done = [EncodedEdit(edited, encode_edited(edited, digest)) for edited in self.engine.edit(request, self._fetch)]
        media_type = MEDIA_TYPES[done[0].edited.output.format]
        headers = {"X-Ganray-Request-Id": quote(request.id), "X-Ganray-Seed": str(seed_of(request)), "X-Ganray-Model": digest}
        if not as_json(request.count, media_type, accept):
            return Response(done[0].data, media_type=media_type, headers=headers | _said(done[0].edited))
        body = {"id": request.id, "seed": seed_of(request), "model": digest, "images": [_described(request.id, one) for one in done]}
        return JSONResponse(body, headers=headers)

    def _fetch(self, key: str) -> bytes:
        """A photo of the server's own. Its errors tell a stranger nothing of where that lies."""
        if self._source is None or "://" in key:
            raise RequestError(f"image {key[:60]!r} is no data: URL", "Send the picture itself, as data:image/jpeg;base64,...")
        try:
            return read_capped(self._source, key, MAX_PHOTO)
        except (ObjectNotFound, InvalidKey) as error:
            raise RequestError(f"image {key[:60]!r} is not among the server's photos", "Check the key") from error


def add_edit(app: FastAPI, engine: EditEngine, config: ServeConfig) -> None:
    """Add the path to the app."""
    desk = EditService(engine, config)

    @app.post("/v1/edit", responses=_openapi_responses(), response_class=Response)
    async def edit(request: EditRequest, accept: Annotated[str, Header()] = "*/*") -> Response:
        """Edit a photo. One image comes as itself, or as JSON with `Accept: application/json`; several always come as JSON."""
        return await desk.answer(request, accept)


def _said(edited: EditResult) -> dict[str, str]:
    """What was done and measured as headers, where it is short enough for them."""
    said = {"X-Ganray-Edits": json.dumps(json.loads(edited.edits)), "X-Ganray-Facts": json.dumps(edited.facts)}
    return {name: value for name, value in said.items() if len(value) <= MAX_HEADER}


def _described(id: str, one: EncodedEdit) -> dict[str, Any]:
    edited = one.edited
    return {
        "name": sample_name(id, edited.index),
        "media_type": MEDIA_TYPES[edited.output.format],
        "width": edited.pixels.shape[1],
        "height": edited.pixels.shape[0],
        "edits": json.loads(edited.edits),
        "facts": edited.facts,
        "source_sha256": edited.source_sha256,
        "sha256": hashlib.sha256(one.data).hexdigest(),
        "data": base64.b64encode(one.data).decode(),
    }


def _openapi_responses() -> dict[int | str, dict[str, Any]]:
    image: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}
    return {
        200: {"description": "The picture, or JSON with base64 pictures", "content": {**image, "application/json": {}}},
        400: {"description": "An unknown edit or parameter, or a chain that contradicts itself; the message says which there are"},
        413: {"description": f"A body of more than {MAX_EDIT_BODY:,} bytes"},
        422: {"description": "A body that is no request, or a photo that cannot be read or cannot have the edit: `reason` says why"},
        503: {"description": "Too many photos are waiting; see Retry-After"},
    }
