"""Applies the chain of a request to its photo. The request is a row of a bulk job's table, and the result has the same bytes.

The photo is part of the request (a data: URL), or a key under the server's source. Nothing is fetched from anywhere else: a URL in a
request would let a client reach hosts that only the server can reach (SSRF).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import JSONResponse

from ganray.config import ServeConfig
from ganray.edit_engine import EditEngine, EditResult
from ganray.errors import ImageError, InvalidKey, ObjectNotFound, ObjectUnavailable, RequestError
from ganray.images.codec import MEDIA_TYPES, Limits
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest, sample_name, seed_of
from ganray.serving.accept import as_json
from ganray.storage import open_store
from ganray.storage.capped import read_capped

MAX_HEADER = 4000  # characters; a longer chain or longer facts are not sent as a header
MAX_RESULTS = 64
MAX_PHOTO = Limits().max_bytes


@dataclass(frozen=True)
class EncodedEdit:
    """A result and its file."""

    result: EditResult
    data: bytes


class EditService:
    """Handles requests, as many at a time as the engine has lanes."""

    def __init__(self, engine: EditEngine, config: ServeConfig) -> None:
        self.engine, self._max_count = engine, min(config.max_count, MAX_RESULTS)
        self._source = open_store(config.source) if config.source else None
        self._threads = ThreadPoolExecutor(engine.lanes, "edit")

    async def answer(self, request: EditRequest, accept: str) -> Response:
        """The reply. Raises RequestError, EditError, ImageError."""
        if request.count > self._max_count:
            raise RequestError(
                f"count {request.count}: one HTTP request makes at most {self._max_count} images",
                "Send several requests, or use ganray edit",
            )
        self.engine.steps(request)
        as_json(request.count, "image/png", accept)  # raises before the work starts
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._reply, request, accept)

    def _reply(self, request: EditRequest, accept: str) -> Response:
        if not request.id:
            request = request.model_copy(update={"id": hashlib.sha256(request.canonical().encode()).hexdigest()[:16]})
        digest = self.engine.digest
        edits = [EncodedEdit(result, encode_edited(result, digest)) for result in self.engine.edit(request, self._fetch)]
        media_type = MEDIA_TYPES[edits[0].result.output.format]
        headers = {"X-Ganray-Request-Id": quote(request.id), "X-Ganray-Seed": str(seed_of(request)), "X-Ganray-Model": digest}
        if not as_json(request.count, media_type, accept):
            return Response(edits[0].data, media_type=media_type, headers=headers | _fact_headers(edits[0].result))
        body = {"id": request.id, "seed": seed_of(request), "model": digest, "images": [_image_json(request.id, edit) for edit in edits]}
        return JSONResponse(body, headers=headers)

    def _fetch(self, key: str) -> bytes:
        """Read a photo from the server's source. The errors do not reveal its URL."""
        if self._source is None or "://" in key:
            raise RequestError(f"image {key[:60]!r} is not a data: URL", "Send the picture itself, as data:image/jpeg;base64,...")
        try:
            return read_capped(self._source, key, MAX_PHOTO)
        except (ObjectNotFound, InvalidKey) as error:
            raise RequestError(f"image {key[:60]!r} is not among the server's photos", "Check the key") from error
        except ObjectUnavailable as error:
            raise ImageError(
                "unreadable", f"image {key[:60]!r} is archived or encrypted: the server cannot read it", error.remedy
            ) from error


def _fact_headers(result: EditResult) -> dict[str, str]:
    """The edits and what they measured as headers, unless too long."""
    headers = {"X-Ganray-Edits": json.dumps(json.loads(result.edits)), "X-Ganray-Facts": json.dumps(result.facts)}
    return {name: value for name, value in headers.items() if len(value) <= MAX_HEADER}


def _image_json(id: str, edit: EncodedEdit) -> dict[str, Any]:
    result = edit.result
    return {
        "name": sample_name(id, result.index),
        "media_type": MEDIA_TYPES[result.output.format],
        "width": result.pixels.shape[1],
        "height": result.pixels.shape[0],
        "edits": json.loads(result.edits),
        "facts": result.facts,
        "source_sha256": result.source_sha256,
        "sha256": hashlib.sha256(edit.data).hexdigest(),
        "data": base64.b64encode(edit.data).decode(),
    }
