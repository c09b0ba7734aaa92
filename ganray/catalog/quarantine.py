"""Quarantine: the records that could not be used, each with a reason code, a message, and a command that tries it again.

`python -m ganray.catalog.quarantine URL RECIPE` is that command: the recipe as JSON, so that the same limits hold.
"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict

import pyarrow as pa

from ganray.catalog.cleaning import Recipe, sandbox
from ganray.errors import ConfigError, GanrayError, ImageError, InvalidKey
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
    "ambiguous": "a row of the attributes table names a file by a name that several images have: give it the path",
    "no_category": "the image lies in no folder, while others do",
    "duplicate": "another photo has the same bytes and is kept",
    "near_duplicate": "another photo looks the same and is kept: encoded again, resized, brightened, cropped by a little",
}

# Reasons of the moment, asked for again by the next ingest, and those that were found without decoding: another decoder changes nothing.
MOMENTARY = frozenset({"unreadable", "timeout", "crashed", "too_much_memory"})
UNREAD = frozenset(
    {"empty", "too_many_bytes", "unreadable", "invalid_key", "not_in_table", "ambiguous", "no_category", "duplicate", "near_duplicate"}
)

SCHEMA = pa.schema([(name, pa.string()) for name in ("source_key", "reason", "message", "replay")])


def quarantine_row(url: str, key: str, error: GanrayError, recipe: Recipe) -> dict[str, str]:
    """One row of quarantine for the object `key` of the store at `url`; its command replays it under the same recipe."""
    reason = error.reason if isinstance(error, ImageError) else error.code if isinstance(error, InvalidKey) else "unreadable"
    options = json.dumps(asdict(recipe), separators=(",", ":"))
    command = f"python -m ganray.catalog.quarantine {shlex.quote(url.rstrip('/') + '/' + key)} {shlex.quote(options)}"
    return {"source_key": key, "reason": reason, "message": str(error), "replay": command}


def replay(url: str, recipe: Recipe) -> str:
    """Clean one object again; one line that says how it went. Raises StorageError when it cannot be read."""
    store, key = open_object(url)
    with sandbox(recipe) as child:
        (result,) = child.map([store.get(key)])
    if isinstance(result, ImageError):
        return f"{url}: {result.reason}: {result}"
    return f"{url}: fine, {result[1]['width']}x{result[1]['height']} pixels"


def main(arguments: list[str]) -> int:
    """URL [RECIPE as JSON]: print how cleaning that object goes; returns the exit code."""
    try:
        if len(arguments) not in (1, 2):
            raise ConfigError(f"{len(arguments)} arguments", "Write python -m ganray.catalog.quarantine URL RECIPE")
        print(replay(arguments[0], Recipe.from_json(arguments[1]) if arguments[1:] else Recipe(resolution=64)))
    except GanrayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
