"""Bodies of requests: JSON of a known form, or a form with a photo beside it (multipart).

Parsed here and not by FastAPI: a key that stands twice is refused, a photo needs no base64, and an error says where it is.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from ganray.requests import explain
from ganray.serving.errors import docs_of
from ganray.serving.refusals import Invalid, Unsupported

PHOTO = "photo"  # the part of a form that is the photo; `image` of the request then
REQUEST = "request"  # the part that is the JSON
REMEDY = 'Send one JSON object in UTF-8, like {"id": "SKU-1"}'
MAX_PARTS = 17  # a photo, and the pictures of its edits
B = TypeVar("B", bound=BaseModel)


async def read_json(http: Request, kind: type[B]) -> B:
    """The body as `kind`. Raises Unsupported for another content type, Invalid for anything that is not such a body."""
    if _media_type(http) != "application/json":
        raise Unsupported(_content_type(http), "Send Content-Type: application/json")
    return parse(await http.body(), kind, docs=docs_of(http))


async def read_form(http: Request, kind: type[B]) -> tuple[B, dict[str, bytes]]:
    """The body as `kind`, and the files of its form by the names of their parts: `photo` is the request's image, unless it names another.

    A body of JSON alone has no files. Raises as `read_json` does.
    """
    media_type = _media_type(http)
    if media_type == "application/json":
        return parse(await http.body(), kind, docs=docs_of(http)), {}
    if media_type != "multipart/form-data":
        raise Unsupported(_content_type(http), f"Send application/json, or multipart/form-data with the parts {PHOTO} and {REQUEST}")
    try:
        async with http.form(max_files=MAX_PARTS, max_fields=1) as form:
            files = {name: await part.read() for name, part in form.multi_items() if isinstance(part, UploadFile) and name != REQUEST}
            text = form.get(REQUEST, "{}")
            body = await text.read() if isinstance(text, UploadFile) else text.encode()
    except HTTPException as error:
        raise Invalid(f"the form cannot be read: {error.detail}", "Send the parts photo (a file) and request (JSON)") from None
    defaults = {"image": PHOTO} if PHOTO in files else {}
    return parse(body, kind, defaults, docs_of(http)), files


def parse(body: bytes, kind: type[B], defaults: dict[str, Any] | None = None, docs: str = "/docs") -> B:
    """JSON as `kind`. Raises Invalid with one line: where it is no JSON, or which field is wrong.

    >>> from ganray.requests import GenerateRequest
    >>> parse(b'{"seed": 7}', GenerateRequest).seed
    7
    """
    if not body:
        raise Invalid("the body is missing", REMEDY)
    try:
        value = _DECODER.decode(body.decode(json.detect_encoding(body)))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the body is not JSON: {error}", REMEDY) from None
    try:
        return kind.model_validate({**(defaults or {}), **value} if isinstance(value, dict) else value)
    except ValidationError as error:
        errors = [{**detail, "loc": detail["loc"] or ("the body",)} for detail in error.errors(include_url=False)]
        raise Invalid(explain(errors, kind), f"See {docs}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys all differ: which of two values is meant, readers decide differently (RFC 8259, 4)."""
    value = dict(pairs)
    if len(value) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice[:60]!r} stands twice")
    return value


def _media_type(http: Request) -> str:
    return http.headers.get("content-type", "").partition(";")[0].strip().lower()


def _content_type(http: Request) -> str:
    content_type = http.headers.get("content-type")
    return f"the Content-Type is {content_type[:100]}, not application/json" if content_type else "the request has no Content-Type"


_DECODER = json.JSONDecoder(object_pairs_hook=_object)  # `json.loads` would make one for each body
