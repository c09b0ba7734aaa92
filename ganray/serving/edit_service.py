"""Applies the chain of a request to its photo. The request is a row of a bulk job's table, and the result has the same bytes.

The photo is part of the request (a data: URL, or a file of a form), or a key under the server's source (photos.py).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import JSONResponse

from ganray.config import ServeConfig
from ganray.edit_engine import EditEngine, EditResult
from ganray.errors import RequestError
from ganray.images.codec import MEDIA_TYPES
from ganray.images.data_url import is_inline
from ganray.output.device import describe_device
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest, sample_name, seed_of
from ganray.serving.accept import Wanted, as_json
from ganray.serving.caching import cache_headers, matches, not_modified, tag_of
from ganray.serving.chains import check_profiles
from ganray.serving.context import RequestContext
from ganray.serving.photos import PhotoSource
from ganray.serving.priority import give_way
from ganray.serving.turns import Turns

MAX_HEADER = 4000  # characters; a longer chain or longer facts are not sent as a header
MAX_RESULTS = 64


@dataclass(frozen=True)
class EncodedEdit:
    """A result and its file."""

    result: EditResult
    data: bytes


class EditService:
    """Handles requests, as many at a time as the engine has lanes."""

    def __init__(self, engine: EditEngine, config: ServeConfig) -> None:
        self.engine, self._max_count = engine, min(config.max_count, MAX_RESULTS)
        self._source = PhotoSource(config.source)
        self._device = "" if engine.product is None else describe_device(str(engine.product.device))
        self._threads, self._turns = ThreadPoolExecutor(engine.lanes, "edit", give_way), Turns(engine.lanes)

    @property
    def outstanding(self) -> int:
        """Requests that wait or are being edited."""
        return self._turns.outstanding

    def require(self, request: EditRequest, accept: str) -> None:
        """Return where a request can be tried. Raises RequestError."""
        if request.count > self._max_count:
            raise RequestError(
                f"count {request.count}: one HTTP request makes at most {self._max_count} images",
                "Send several requests, or use ganray edit",
            )
        check_profiles(request.edits)
        self.engine.steps(request)
        as_json(request.count, "image/png", accept)

    async def answer(self, request: EditRequest, files: Mapping[str, bytes], wanted: Wanted, context: RequestContext) -> Response:
        """The reply to a request that `require` lets pass, at the caller's turn. `files` are the pictures of a form, by name.

        Raises RequestError, EditError, ImageError.
        """
        since = time.monotonic()
        async with self._turns.turn(context):
            began = time.monotonic()
            reply = await asyncio.get_running_loop().run_in_executor(self._threads, self._reply, request, files, wanted)
        context.stages |= {"queue": began - since, "draw": time.monotonic() - began}
        context.images = request.count if reply.status_code == 200 else 0
        return reply

    def _reply(self, request: EditRequest, files: Mapping[str, bytes], wanted: Wanted) -> Response:
        names = [name for name in (request.image, *request.pictures.values()) if not is_inline(name)]
        given = {name: self._source.read(name, files) for name in names}
        contents = [hashlib.sha256(data).hexdigest() for data in given.values()]
        if not request.id:
            known = "".join([request.canonical(), *(digest for name, digest in zip(given, contents, strict=True) if name in files)])
            request = request.model_copy(update={"id": hashlib.sha256(known.encode()).hexdigest()[:16]})
        digest = self.engine.digest
        identity = {"X-Ganray-Request-Id": quote(request.id), "X-Ganray-Seed": str(seed_of(request)), "X-Ganray-Model": digest}
        tag = tag_of(digest, self._device, request.canonical(), *contents, wanted.accept)
        if matches(wanted.if_none_match, tag):
            return not_modified(tag, identity)
        headers = identity | cache_headers(tag)
        edits = [EncodedEdit(result, encode_edited(result, digest)) for result in self.engine.edit(request, given.__getitem__)]
        media_type = MEDIA_TYPES[edits[0].result.output.format]
        if not as_json(request.count, media_type, wanted.accept):
            return Response(edits[0].data, media_type=media_type, headers=headers | _fact_headers(edits[0].result))
        body = {"id": request.id, "seed": seed_of(request), "model": digest, "images": [_image_json(request.id, edit) for edit in edits]}
        return JSONResponse(body, headers=headers)


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
