"""`data:` URLs (RFC 2397): images within a request."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

from ganray.errors import EditError

SCHEME = "data:"
REMEDY = "Write data:image/png;base64, then the file in base64"


def is_inline(url: str) -> bool:
    """Whether a URL is a data: URL; the scheme is case-insensitive."""
    return url[: len(SCHEME)].lower() == SCHEME


def inline_bytes(url: str) -> bytes:
    """The bytes of a data: URL in base64. Raises EditError("data_url") for any other URL; the media type is ignored."""
    head, comma, body = url[len(SCHEME) :].partition(",")
    if not comma or not head.lower().rstrip().endswith(";base64"):
        raise EditError("data_url", f"{url[:40]!r}... is not a data: URL in base64", REMEDY)
    try:
        return base64.b64decode(unquote(body) if "%" in body else body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EditError("data_url", f"{url[:40]!r}... is not base64: {error}", REMEDY) from error
