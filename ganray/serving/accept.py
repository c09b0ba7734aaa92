"""Content negotiation: whether a reply is an image or JSON, by the Accept header."""

from __future__ import annotations

import re
from typing import NamedTuple

from ganray.errors import RequestError


class Wanted(NamedTuple):
    """What a client takes: its Accept header, and the tags of answers that it has, its If-None-Match."""

    accept: str = "*/*"
    if_none_match: str = ""


def as_json(count: int, media_type: str, accept: str) -> bool:
    """Whether `count` images of a media type are sent as JSON: if `Accept` names JSON with at least the quality of the image.

    Several images are always sent as JSON. Raises RequestError if the client accepts images only.
    """
    qualities = _qualities(accept)
    any_type = qualities.get("*/*", 0.0)
    json = qualities.get("application/json", qualities.get("application/*", 0.0))
    image = qualities.get(media_type, qualities.get("image/*", any_type))
    if count > 1 and not (json or any_type) and any(media_range.startswith("image/") for media_range in qualities):
        raise RequestError(f"{count} images cannot be sent as one {accept[:100]}", "Send Accept: application/json")
    return count > 1 or (json > 0 and json >= image)


def _qualities(accept: str) -> dict[str, float]:
    """Parse an Accept header: media range -> quality (RFC 9110, 12.5.1)."""
    qualities = {}
    for part in accept.lower().split(","):
        quality = re.search(r";\s*q=([01](?:\.[0-9]*)?)", part)
        qualities[part.partition(";")[0].strip()] = float(quality[1]) if quality else 1.0
    return qualities
