"""Whether an answer is an image or JSON: what the Accept header says."""

from __future__ import annotations

import re

from ganray.errors import RequestError


def as_json(count: int, media_type: str, accept: str) -> bool:
    """Whether to answer for `count` images of a media type by JSON: where it is named in `Accept`, and no less than the image is.

    Several images have no other form.

    Raises RequestError for several where no JSON would be taken.
    """
    wanted = _qualities(accept)
    anything = wanted.get("*/*", 0.0)
    named = wanted.get("application/json", wanted.get("application/*", 0.0))
    image = wanted.get(media_type, wanted.get("image/*", anything))
    if count > 1 and not (named or anything) and any(kind.startswith("image/") for kind in wanted):
        raise RequestError(f"count {count} does not fit in one {accept[:100]}", "Send Accept: application/json")
    return count > 1 or (named > 0 and named >= image)


def _qualities(accept: str) -> dict[str, float]:
    """An Accept header: media range -> its quality (RFC 9110, 12.5.1)."""
    found = {}
    for part in accept.lower().split(","):
        quality = re.search(r";\s*q=([01](?:\.[0-9]*)?)", part)
        found[part.partition(";")[0].strip()] = float(quality[1]) if quality else 1.0
    return found
