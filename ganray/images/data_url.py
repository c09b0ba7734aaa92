"""`data:` URLs (RFC 2397): images within a request."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

from ganray.errors import EditError

SCHEME = "data:"
NORMAL = str.maketrans("-_", "+/", "\t\n\f\r ")  # the URL-safe alphabet to the usual one, without ASCII whitespace
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
        return _decode(unquote(body) if "%" in body else body)
    except (binascii.Error, ValueError) as error:
        raise EditError("data_url", f"{url[:40]!r}... is not base64: {error}", REMEDY) from error


def _decode(text: str) -> bytes:
    """Forgiving base64 (WHATWG, Infra, 7): whitespace is skipped, and padding may be left out; the URL-safe alphabet (RFC 4648, 5) is
    accepted, too."""
    text = text.translate(NORMAL)
    if len(text) % 4 == 0:
        text = text.removesuffix("=").removesuffix("=")
    if "=" in text:
        raise ValueError("misplaced padding")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
