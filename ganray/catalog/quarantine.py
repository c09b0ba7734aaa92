"""Quarantine: the records that could not be used, each with a reason code, a message, and a command that tries it again.

`python -m ganray.catalog.quarantine URL RECIPE` is that command: the recipe as JSON, so that the same limits hold. With the URL of a
catalog, and perhaps `--reason corrupt`, it tries all of its photos again and says how many are fine by now. Nothing is written:
`ganray ingest` with the same options takes those that are fine, since it tries again what was replaced, what failed for a reason of the
moment, and what another version of the decoder refused.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from itertools import groupby, islice

import pyarrow as pa
import pyarrow.parquet as pq

from ganray.catalog.cleaning import Recipe, sandbox
from ganray.catalog.schema import CATALOG_KEY
from ganray.catalog.shard_paths import is_part
from ganray.errors import CatalogError, ConfigError, GanrayError, ImageError, InvalidKey
from ganray.storage import Store, open_object, open_store

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
NOT_THE_PHOTO = frozenset({"not_in_table", "ambiguous", "no_category", "duplicate", "near_duplicate"})

FINE, LEFT_OUT = "fine", "left out"
BATCH = 64  # photos that are held at a time
SCHEMA = pa.schema([(name, pa.string()) for name in ("source_key", "reason", "message", "replay")])


def quarantine_row(url: str, key: str, error: GanrayError, recipe: Recipe) -> dict[str, str]:
    """One row of quarantine for the object `key` of the store at `url`; its command replays it under the same recipe."""
    options = json.dumps(asdict(recipe), separators=(",", ":"))
    command = f"python -m ganray.catalog.quarantine {shlex.quote(url.rstrip('/') + '/' + key)} {shlex.quote(options)}"
    return {"source_key": key, "reason": _reason(error), "message": str(error), "replay": command}


def _reason(error: GanrayError) -> str:
    return error.reason if isinstance(error, ImageError) else error.code if isinstance(error, InvalidKey) else "unreadable"


def replay(url: str, recipe: Recipe) -> str:
    """Clean one object again; one line that says how it went. Raises StorageError when it cannot be read."""
    store, key = open_object(url)
    with sandbox(recipe) as child:
        (result,) = child.map([store.get(key)])
    if isinstance(result, ImageError):
        return f"{url}: {result.reason}: {result}"
    return f"{url}: fine, {result[1]['width']}x{result[1]['height']} pixels"


def replay_all(catalog: Store, reasons: Collection[str] = ()) -> dict[str, Counter[str]]:
    """Clean all photos in a catalog's quarantine again, or those of some reasons: reason -> how it went now ("fine" or a reason) -> number.

    Reasons that lie not in the photo are left as they are: `left out` counts them. Raises CatalogError where there is no quarantine,
    StorageError when a store fails for more than single photos.
    """
    went: dict[str, Counter[str]] = {}
    for row, result in _tried(row for row in _rows(catalog) if not reasons or row["reason"] in reasons):
        went.setdefault(row["reason"], Counter())[result] += 1
    if not went and not catalog.exists(CATALOG_KEY):
        raise CatalogError(f"{catalog.url} is no catalog, and has no quarantine", "Give the `out` of a ganray ingest")
    return dict(sorted(went.items()))


def show(went: dict[str, Counter[str]]) -> str:
    """What `replay_all` gives, a line a reason."""
    lines = []
    for reason, now in went.items():
        if LEFT_OUT in now:
            lines.append(f"{reason}: {now.total()}, not tried: {REASONS[reason]}")
        else:
            others = ", ".join(f"{num} {name}" for name, num in now.most_common() if name != FINE)
            lines.append(f"{reason}: {now[FINE]} of {now.total()} fine now" + (f" ({others})" if others else ""))
    fine = sum(now[FINE] for now in went.values())
    if fine:
        lines.append(f"{fine} fine: run the same `ganray ingest` again, it takes them")
    return "\n".join(lines or ["nothing is in quarantine"])


def _rows(catalog: Store) -> Iterator[dict[str, str]]:
    for info in catalog.list("quarantine", ".parquet"):
        if is_part(info.key):
            yield from pq.read_table(pa.BufferReader(catalog.get(info.key)), columns=SCHEMA.names).to_pylist()


def _tried(rows: Iterable[dict[str, str]]) -> Iterator[tuple[dict[str, str], str]]:
    """Each row with how it goes now; the decoder lives as long as recipe and place stay the same."""
    for (place, recipe), some in groupby(rows, _place_and_recipe):
        if recipe is None:
            yield from ((row, LEFT_OUT) for row in some)
            continue
        source = open_store(place)
        with sandbox(Recipe.from_json(recipe)) as child:
            while batch := list(islice(some, BATCH)):
                read = [data for _, data in source.get_many(row["source_key"] for row in batch)]
                results = child.map([data for data in read if isinstance(data, bytes)])
                for row, data in zip(batch, read, strict=True):
                    result = next(results) if isinstance(data, bytes) else data
                    yield row, _reason(result) if isinstance(result, GanrayError) else FINE


def _place_and_recipe(row: dict[str, str]) -> tuple[str, str | None]:
    """Where the row's photo lies and how it was cleaned; no recipe where trying again is of no use."""
    url, recipe = shlex.split(row["replay"])[3:]
    return url.removesuffix(f"/{row['source_key']}"), None if row["reason"] in NOT_THE_PHOTO else recipe


def main(arguments: list[str]) -> int:
    """URL [RECIPE as JSON], or CATALOG-URL [--reason REASON]...: print how cleaning goes; returns the exit code."""
    try:
        plain, reasons = _arguments(arguments)
        catalog = open_store(plain[0])
        if len(plain) == 1 and (catalog.exists(CATALOG_KEY) or next(_rows(catalog), None) is not None):
            print(show(replay_all(catalog, reasons)))
        elif reasons:
            replay_all(catalog, reasons)
        else:
            print(replay(plain[0], Recipe.from_json(plain[1]) if plain[1:] else Recipe(resolution=64)))
    except GanrayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Plain arguments and the values of --reason."""
    left, plain, reasons = iter(arguments), list[str](), list[str]()
    for argument in left:
        name, equals, value = argument.partition("=")
        if name == "--reason":
            reasons.append(value if equals else next(left, ""))
        else:
            plain.append(argument)
    unknown = [reason for reason in reasons if reason not in REASONS]
    if unknown:
        raise ConfigError(f"no reason is called {unknown[0]!r}", f"There are {', '.join(REASONS)}")
    if len(plain) not in (1, 2):
        raise ConfigError(f"{len(plain)} arguments", "Write python -m ganray.catalog.quarantine URL RECIPE, or CATALOG [--reason REASON]")
    return plain, reasons


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
