"""Answers that a client may keep: the same request gives the same bytes, so a tag of the request is a tag of its answer (RFC 9110, 8.8.3).

What the bytes depend on is in the tag: version, model, device, request, and the form of the answer. A client that has the answer sends the
tag in If-None-Match and is told 304, without a picture being drawn. HTTP knows that of GET alone; POST answers it here in the same way.
"""

from __future__ import annotations

import hashlib

from fastapi import Response

from ganray import __version__

MAX_AGE = 7 * 24 * 3600  # seconds
KEPT = f"private, max-age={MAX_AGE}, immutable"  # private: what a key may see, another one may not
NOT_KEPT = "no-store"


def tag_of(*parts: str) -> str:
    """A strong entity tag of what an answer depends on."""
    digest = hashlib.sha256(__version__.encode())
    for part in parts:
        digest.update(b"\0" + part.encode())
    return f'"{digest.hexdigest()[:32]}"'


def matches(if_none_match: str, tag: str) -> bool:
    """Whether an If-None-Match header names a tag. `*` names none: an answer that was never drawn is not known to be good."""
    return bool(if_none_match) and any(each.strip().removeprefix("W/") == tag for each in if_none_match.split(","))


def cache_headers(tag: str) -> dict[str, str]:
    """Headers of an answer that may be kept, or, without a tag, may not."""
    return {"ETag": tag, "Cache-Control": KEPT, "Vary": "Accept, Authorization, X-API-Key"} if tag else {"Cache-Control": NOT_KEPT}


def not_modified(tag: str, headers: dict[str, str]) -> Response:
    """304 with the headers that the answer would have."""
    return Response(status_code=304, headers=headers | cache_headers(tag))
