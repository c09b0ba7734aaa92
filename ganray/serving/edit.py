"""POST /v1/edit: apply a chain of edits to a photo."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

from ganray.images.codec import MEDIA_TYPES
from ganray.requests import EditRequest
from ganray.serving.accept import PARAMETERS, Wanted
from ganray.serving.access import charge_more
from ganray.serving.bodies import read_form
from ganray.serving.context import context_of
from ganray.serving.models import Models
from ganray.serving.openapi import body_of
from ganray.serving.photos import EXAMPLE_PHOTO
from ganray.serving.traffic import key_of

MAX_EDIT_BODY = 40_000_000  # bytes: a photo of the largest size in base64, and a second picture


def add_edit(app: FastAPI, models: Models) -> None:
    """Add the path to the app."""

    @app.post(
        "/v1/edit",
        responses=_openapi_responses(),
        response_class=Response,
        openapi_extra=body_of(EditRequest, {"id": "SKU-1", "image": EXAMPLE_PHOTO, "edits": ["white"]}, form=True)
        | {"parameters": PARAMETERS},
    )
    async def edit(http: Request) -> Response:
        """Edit a photo: a data: URL, a key of the server's photos, or the file `photo` of a form, whose part `request` is the JSON.

        One image is sent as is, or as JSON with `Accept: application/json`; several are always sent as JSON. The answer has an ETag.
        """
        context, wanted = context_of(http.scope), Wanted.of(http)
        request, files = await read_form(http, EditRequest)
        async with models.lease(wanted.model, context.caller, lambda: key_of(request, files)) as served:
            context.model = served.label
            served.edits.require(request, wanted.accept)
            await charge_more(http.scope, request.count)
            return await served.edits.answer(request, files, wanted, context)


def _openapi_responses() -> dict[int | str, dict[str, Any]]:
    image: dict[str, Any] = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES.values()}
    return {
        200: {"description": "The picture, or JSON with base64 pictures", "content": {**image, "application/json": {}}},
        304: {"description": "The client has the answer: If-None-Match names its ETag"},
        400: {"description": "An unknown edit or parameter, or an impossible order of edits; the message lists the known ones"},
        404: {"description": "No such model"},
        413: {"description": f"The body is larger than {MAX_EDIT_BODY:,} bytes"},
        415: {"description": "The Content-Type is neither application/json nor multipart/form-data"},
        422: {"description": "The body is not a valid request, or the photo cannot be read or edited: see `reason`"},
        503: {"description": "Too many requests are in progress; see Retry-After"},
    }
