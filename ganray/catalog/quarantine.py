"""Quarantine: the records that could not be used, each with a reason code, a message, and a command that tries it again.

`python -m ganray.catalog.quarantine URL` is that command.
"""

from __future__ import annotations

import shlex
import sys

import pyarrow as pa

from ganray.catalog.cleaning import Recipe, sandbox
from ganray.errors import GanrayError, ImageError, InvalidKey
from ganray.storage import open_object

REASONS = {
    "empty": "the file has no bytes",
    "too_many_bytes": "larger than max_bytes",
    "too_many_pixels": "more pixels than max_pixels, or a side over 16,000",
    "animated": "more frames than max_frames",
    "unknown_format": "the bytes are of no format on the allow-list, whatever the name says",
    "truncated": "the file ends in the middle of the image",
    "corrupt": "the decoder found the data broken",
    "unsupported_mode": "pixels that have no plain reading as sRGB (32-bit, floating point)",
    "too_much_memory": "decoding needs more memory than one image may have",
    "timeout": "decoding took longer than one image may",
    "crashed": "the decoder's process died; the image may be hostile",
    "unreadable": "the object vanished after it was listed, or the store refuses it while it gives others",
    "invalid_key": "no store can hand over an object of that key: rename it",
    "not_in_table": "no row of the attributes table belongs to the image",
    "no_category": "the image lies in no folder, while others do",
}

SCHEMA = pa.schema([(name, pa.string()) for name in ("source_key", "reason", "message", "replay")])


def quarantine_row(url: str, key: str, error: GanrayError) -> dict[str, str]:
    """One row of quarantine for the object `key` of the store at `url`."""
    reason = error.reason if isinstance(error, ImageError) else error.code if isinstance(error, InvalidKey) else "unreadable"
    command = f"python -m ganray.catalog.quarantine {shlex.quote(url.rstrip('/') + '/' + key)}"
    return {"source_key": key, "reason": reason, "message": str(error), "replay": command}


def replay(url: str) -> str:
    """Clean one object again under the default limits; one line that says how it went."""
    store, key = open_object(url)
    recipe = Recipe(resolution=64)
    with sandbox(recipe) as child:
        (result,) = child.map([store.get(key)])
    if isinstance(result, ImageError):
        return f"{url}: {result.reason}: {result}"
    return f"{url}: fine, {result[1]['width']}x{result[1]['height']} pixels"


if __name__ == "__main__":
    print(replay(sys.argv[1]))
